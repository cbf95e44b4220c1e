//! Owns what a user adds to a model before it is loaded: another autoencoder, LoRAs, words with embeddings of their own. Used by the
//! engine, which names them, and by the pipeline, which loads them.

use std::path::{Path, PathBuf};

use crate::diffusion::checkpoint::contents;
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::lora::Lora;
use crate::diffusion::weights::{Factor, Header, read_header};
use std::sync::Arc;

use super::text::Texts;

/// Additions to a model. The default adds nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Additions {
    /// An autoencoder to use instead of the model's own.
    pub vae: Option<PathBuf>,
    /// LoRAs, added to the weights in this order.
    pub loras: Vec<Lora>,
    /// Textual inversions: a prompt calls each by its file's name without the ending, or by the word that the file names.
    pub embeddings: Vec<PathBuf>,
}

/// Teaches the texts a textual inversion.
pub fn add_embedding(texts: &mut Texts, path: &Path) -> Result<()> {
    let header = read_header(path)?;
    let vectors = vectors(&header, &texts.widths())?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    texts.add_word(&stem, vectors.clone())?;
    match own_word(&header) {
        Some(word) if word != stem => texts.add_word(&word, vectors),
        _ => Ok(()),
    }
}

/// The file's tables, one for each text encoder, found by their widths.
fn vectors(header: &Header, widths: &[usize]) -> Result<Vec<Vec<Vec<f32>>>> {
    let path = Arc::new(header.path.clone());
    let mut tables: Vec<(usize, Factor)> = Vec::new();
    for (name, entry) in &header.tensors {
        if let [.., width] = entry.shape[..]
            && entry.shape.len() <= 2
            && width > 1
        {
            tables.push((width, Factor::new(&path, name, entry)));
        }
    }
    let mut out = Vec::new();
    for width in widths {
        let Some((_, table)) = tables.iter().find(|(w, _)| w == width) else {
            let has: Vec<String> = tables.iter().map(|(w, _)| w.to_string()).collect();
            let problem = if has.is_empty() {
                format!(
                    "is no textual inversion: it {}",
                    contents(header).complaint()
                )
            } else {
                format!(
                    "holds embeddings {} wide, but this model's text encoders are {}; use one made for the model",
                    has.join(" and "),
                    widths
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" and ")
                )
            };
            return Err(DiffusionError::weights(&header.path, problem));
        };
        let numbers = table.read()?;
        out.push(numbers.chunks_exact(*width).map(<[f32]>::to_vec).collect());
    }
    Ok(out)
}

/// The word that the only tensor of a file in diffusers' layout is named by.
fn own_word(header: &Header) -> Option<String> {
    const PLAIN: [&str; 3] = ["emb_params", "clip_l", "clip_g"];
    let mut names = header.tensors.keys();
    let (name, None) = (names.next()?, names.next()) else {
        return None;
    };
    let is_plain = PLAIN.contains(&name.as_str()) || name.starts_with("string_to_param");
    (!is_plain).then(|| name.clone())
}
