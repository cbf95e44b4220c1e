//! Owns CLIP's tokenizer. stub

use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;

/// Token ids of one prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Exactly the text model's length: start, text, end, padding.
    pub ids: Vec<u32>,
    /// The end of the prompt that did not fit, as text.
    pub dropped: Option<String>,
}

/// CLIP's byte-pair tokenizer, as the folder's own files describe it.
#[derive(Debug)]
pub struct Tokenizer {
    length: usize,
}

impl Tokenizer {
    /// Reads `tokenizer/`.
    pub fn load(folder: &ModelFolder) -> Result<Self> {
        Ok(Self {
            length: folder.text.max_position_embeddings,
        })
    }

    /// Number of ids of every prompt.
    pub fn length(&self) -> usize {
        self.length
    }

    /// A prompt as token ids.
    pub fn encode(&self, _text: &str) -> Result<Tokens> {
        Err(DiffusionError::Settings("not written yet".into()))
    }
}
