//! Owns prompts as the UNet reads them: tokens, embeddings, and a small memory of the last ones. Used by the pipeline.
//! Must never know what is painted.

use burn::tensor::{DType, Device, Tensor};

use crate::diffusion::clip::TextEncoder;
use crate::diffusion::error::Result;
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::tokenizer::Tokenizer;
use crate::progress::Observer;

/// Prompts kept: the usual few negative ones and the last ones tried.
const MOST_KEPT: usize = 16;

struct Kept {
    text: String,
    dropped: Option<String>,
    embeds: Tensor<3>,
}

/// The tokenizer and the text model.
pub struct Texts {
    tokenizer: Tokenizer,
    encoder: TextEncoder,
    /// The one used last stands last.
    kept: Vec<Kept>,
}

impl Texts {
    pub fn load(folder: &ModelFolder, device: &Device, dtype: DType) -> Result<Self> {
        Ok(Self {
            tokenizer: Tokenizer::load(folder)?,
            encoder: TextEncoder::load(folder, device, dtype)?,
            kept: Vec::new(),
        })
    }

    /// A prompt's `prompt_embeds`, `[1, length, width]`. Warns of text that the model cannot read.
    pub fn embed(&mut self, text: &str, observer: &mut dyn Observer) -> Result<Tensor<3>> {
        let found = self.kept.iter().position(|k| k.text == text);
        let kept = if let Some(at) = found {
            self.kept.remove(at)
        } else {
            let tokens = self.tokenizer.encode(text)?;
            Kept {
                embeds: self.encoder.forward(&[&tokens.ids], 0)?,
                text: text.to_owned(),
                dropped: tokens.dropped,
            }
        };
        if let Some(dropped) = &kept.dropped {
            observer.on_warning(format!(
                "the model reads {} tokens of a prompt; this end was left out: \"{dropped}\"",
                self.tokenizer.length()
            ));
        }
        let embeds = kept.embeds.clone();
        if self.kept.len() >= MOST_KEPT {
            self.kept.remove(0);
        }
        self.kept.push(kept);
        Ok(embeds)
    }
}
