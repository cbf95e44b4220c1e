//! Owns prompts as the UNet reads them: weighted words, chunks of tokens, embeddings, and a small memory of the last ones. Used by
//! the pipeline. Must never know what is painted.
//!
//! A prompt longer than the text model takes is read in chunks, each framed on its own, and their embeddings follow one another;
//! a chunk that would cut a phrase ends at a comma shortly before. Embeddings of weighted words are multiplied, and the whole chunk
//! then scaled so that its mean is what it was.

use burn::tensor::{DType, Device, Tensor};

use crate::diffusion::clip::TextEncoder;
use crate::diffusion::config::TextConfig;
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::guidance::read;
use crate::diffusion::prompt::{Span, parse};
use crate::diffusion::tokenizer::Tokenizer;
use crate::diffusion::weights::{Deltas, Numbers};

/// Prompts kept: the usual few negative ones and the last ones tried.
const MOST_KEPT: usize = 16;
/// A full chunk ends at a comma if that lies at most so many tokens back.
const COMMA_REACH: usize = 20;
/// Chunks that are read; more text than anyone writes.
const MOST_CHUNKS: usize = 32;

/// A prompt's embeddings.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// `[1, length, width]`.
    pub embeds: Tensor<3>,
    /// SDXL: `[1, width]`.
    pub pooled: Option<Tensor<2>>,
}

impl Prompt {
    /// As many zeros.
    pub fn zeroed(&self) -> Self {
        Self {
            embeds: self.embeds.zeros_like(),
            pooled: self.pooled.as_ref().map(Tensor::zeros_like),
        }
    }

    /// Whether all its numbers are numbers.
    pub fn is_finite(&self) -> Result<bool> {
        let pooled = self
            .pooled
            .as_ref()
            .map_or(Ok(Vec::new()), |p| read(p.clone()))?;
        let embeds = read(self.embeds.clone())?;
        Ok(embeds.iter().chain(&pooled).all(|v| v.is_finite()))
    }
}

struct Kept {
    text: String,
    prompt: Prompt,
}

/// One tokenizer with its text model, which is there while prompts are read.
struct Reader {
    tokenizer: Tokenizer,
    config: TextConfig,
    encoder: Option<TextEncoder>,
    /// Embeddings of added words, in the order of their ids.
    added: Vec<Vec<f32>>,
}

/// A word that stands for embeddings of its own (textual inversion).
#[derive(Debug, Clone)]
struct Added {
    /// Lower case.
    name: String,
    /// For each reader, first id and count.
    ids: Vec<(u32, usize)>,
}

/// One framed chunk of tokens.
#[derive(Debug, Clone, Default, PartialEq)]
struct Chunk {
    ids: Vec<u32>,
    weights: Vec<f32>,
}

/// The tokenizers and the text models.
pub struct Texts {
    /// One, or SDXL's two.
    readers: Vec<Reader>,
    is_xl: bool,
    forces_zeros: bool,
    added: Vec<Added>,
    /// The one used last stands last.
    kept: Vec<Kept>,
}

impl Reader {
    fn new(tokenizer: Tokenizer, config: &TextConfig) -> Self {
        Self {
            tokenizer,
            config: config.clone(),
            encoder: None,
            added: Vec::new(),
        }
    }

    fn encoder(&self) -> Result<&TextEncoder> {
        let missing = || DiffusionError::Settings("the text encoder is not loaded".into());
        self.encoder.as_ref().ok_or_else(missing)
    }
}

impl Texts {
    /// Reads the vocabularies; the text models come with [`Self::load`].
    pub fn open(folder: &ModelFolder) -> Result<Self> {
        let mut readers = vec![Reader::new(Tokenizer::load(folder)?, &folder.text)];
        if let (Some(tokenizer), Some(second)) =
            (Tokenizer::load_second(folder)?, &folder.second_text)
        {
            readers.push(Reader::new(tokenizer, &second.config));
        }
        Ok(Self {
            readers,
            is_xl: folder.is_xl(),
            forces_zeros: folder.second_text.as_ref().is_some_and(|t| t.forces_zeros),
            added: Vec::new(),
            kept: Vec::new(),
        })
    }

    /// Loads the text models, with the words that were added.
    pub fn load(
        &mut self,
        folder: &ModelFolder,
        deltas: &Deltas,
        device: &Device,
        numbers: Numbers,
    ) -> Result<()> {
        for (at, reader) in self.readers.iter_mut().enumerate() {
            let encoder = if at == 0 {
                Some(TextEncoder::load_with(folder, deltas, device, numbers)?)
            } else {
                TextEncoder::load_second_with(folder, deltas, device, numbers)?
            };
            reader.encoder = encoder;
            if let Some(encoder) = &mut reader.encoder
                && !reader.added.is_empty()
            {
                encoder.add_embeddings(reader.added.clone())?;
            }
        }
        Ok(())
    }

    /// Drops the text models; what was read stays known.
    pub fn unload(&mut self) {
        for reader in &mut self.readers {
            reader.encoder = None;
        }
    }

    pub fn is_loaded(&self) -> bool {
        self.readers.iter().all(|reader| reader.encoder.is_some())
    }

    /// Whether no negative prompt means zeros instead of an empty prompt.
    pub fn forces_zeros(&self) -> bool {
        self.forces_zeros
    }

    /// Width of each text encoder's embeddings.
    pub fn widths(&self) -> Vec<usize> {
        let width = |r: &Reader| r.config.hidden_size;
        self.readers.iter().map(width).collect()
    }

    /// Lets `name` in a prompt stand for embeddings: for each text encoder, in order, some vectors of its width.
    pub fn add_word(&mut self, name: &str, vectors: Vec<Vec<Vec<f32>>>) -> Result<()> {
        if vectors.len() != self.readers.len() {
            return Err(DiffusionError::Settings(format!(
                "the embedding \"{name}\" is for {} text encoder(s), but this model has {}; use one made for it",
                vectors.len(),
                self.readers.len()
            )));
        }
        let mut ids = Vec::new();
        for (reader, vectors) in self.readers.iter_mut().zip(vectors) {
            let count = vectors.len();
            let first = reader.config.vocab_size + reader.added.len();
            if let Some(encoder) = &mut reader.encoder {
                encoder.add_embeddings(vectors.clone())?;
            }
            reader.added.extend(vectors);
            ids.push((first as u32, count));
        }
        self.added.push(Added {
            name: name.to_lowercase(),
            ids,
        });
        self.kept.clear();
        Ok(())
    }

    /// Whether a prompt was read before.
    pub fn knows(&self, text: &str) -> bool {
        self.kept.iter().any(|k| k.text == text)
    }

    /// A prompt that was read before.
    pub fn recall(&mut self, text: &str) -> Option<Prompt> {
        let at = self.kept.iter().position(|k| k.text == text)?;
        let kept = self.kept.remove(at);
        let prompt = kept.prompt.clone();
        self.kept.push(kept);
        Some(prompt)
    }

    /// Forgets all prompts.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    /// Remembers a prompt.
    pub fn keep(&mut self, text: &str, prompt: &Prompt) {
        if self.kept.len() >= MOST_KEPT {
            self.kept.remove(0);
        }
        self.kept.push(Kept {
            text: text.to_owned(),
            prompt: prompt.clone(),
        });
    }

    /// A prompt's embeddings, by the loaded text models.
    pub fn read(&self, text: &str) -> Result<Prompt> {
        let spans = parse(text);
        let mut all = Vec::new();
        for at in 0..self.readers.len() {
            all.push(self.chunks(at, &spans)?);
        }
        let most = all.iter().map(Vec::len).max().unwrap_or(1);
        let (mut wide, mut pooled) = (Vec::new(), None);
        for (at, mut chunks) in all.into_iter().enumerate() {
            let reader = &self.readers[at];
            chunks.resize_with(most, Chunk::default);
            let mut parts = Vec::new();
            for chunk in &chunks {
                let (embeds, pool) = self.embed_chunk(reader, chunk)?;
                parts.push(embeds);
                pooled = pooled.or(pool);
            }
            wide.push(Tensor::cat(parts, 1));
        }
        Ok(Prompt {
            embeds: Tensor::cat(wide, 2),
            pooled,
        })
    }

    fn embed_chunk(
        &self,
        reader: &Reader,
        chunk: &Chunk,
    ) -> Result<(Tensor<3>, Option<Tensor<2>>)> {
        let tokenizer = &reader.tokenizer;
        let mut ids = Vec::with_capacity(tokenizer.length());
        ids.push(tokenizer.start());
        ids.extend_from_slice(&chunk.ids);
        let end = ids.len();
        ids.push(tokenizer.end());
        ids.resize(tokenizer.length(), tokenizer.padding());
        let (embeds, pooled) = if self.is_xl {
            reader.encoder()?.forward_for_xl(&[&ids], &[end])?
        } else {
            (reader.encoder()?.forward(&[&ids], 0)?, None)
        };
        let mut weights = vec![1.0; ids.len()];
        weights[1..=chunk.weights.len()].copy_from_slice(&chunk.weights);
        Ok((weigh(embeds, &weights)?, pooled))
    }

    /// The text's tokens for one reader, in chunks of what fits between start and end. There is always one.
    fn chunks(&self, at: usize, spans: &[Span]) -> Result<Vec<Chunk>> {
        let tokenizer = &self.readers[at].tokenizer;
        let room = tokenizer.length() - 2;
        let comma = tokenizer.ids(",")?;
        let mut chunks = vec![Chunk::default()];
        for span in spans {
            let Span::Text(text, weight) = span else {
                chunks.push(Chunk::default());
                continue;
            };
            for id in self.span_ids(at, text)? {
                put(&mut chunks, (id, *weight), room, &comma);
            }
            if chunks.len() > MOST_CHUNKS {
                return Err(DiffusionError::Settings(format!(
                    "the prompt is longer than {} tokens; shorten it",
                    MOST_CHUNKS * room
                )));
            }
        }
        Ok(chunks)
    }

    /// Ids of a text in which added words stand for their embeddings.
    fn span_ids(&self, at: usize, text: &str) -> Result<Vec<u32>> {
        let tokenizer = &self.readers[at].tokenizer;
        let (mut ids, mut rest) = (Vec::new(), text);
        while let Some((from, to, word)) = self.first_added(rest) {
            ids.extend(tokenizer.ids(&rest[..from])?);
            let (first, count) = word.ids[at];
            ids.extend(first..first + count as u32);
            rest = &rest[to..];
        }
        ids.extend(tokenizer.ids(rest)?);
        Ok(ids)
    }

    /// The first added word in a text that stands alone there; the longest where several begin at one place.
    fn first_added<'a>(&'a self, text: &str) -> Option<(usize, usize, &'a Added)> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        text.char_indices()
            .filter(|(at, _)| !text[..*at].ends_with(is_word))
            .find_map(|(at, _)| {
                let fits = |word: &&Added| {
                    let end = at + word.name.len();
                    text.get(at..end)
                        .is_some_and(|t| t.to_lowercase() == word.name)
                        && !text[end..].starts_with(is_word)
                };
                let word = self
                    .added
                    .iter()
                    .filter(fits)
                    .max_by_key(|w| w.name.len())?;
                Some((at, at + word.name.len(), word))
            })
    }
}

/// Adds a token; a full chunk makes room for a new one, which takes along what follows a near comma.
fn put(chunks: &mut Vec<Chunk>, (id, weight): (u32, f32), room: usize, comma: &[u32]) {
    if let Some(last) = chunks.last_mut()
        && last.ids.len() >= room
    {
        let near = last.ids.iter().rposition(|i| comma == [*i]);
        let cut = near.map_or(last.ids.len(), |at| at + 1);
        let cut = if last.ids.len() - cut > COMMA_REACH || cut == last.ids.len() {
            last.ids.len()
        } else {
            cut
        };
        let next = Chunk {
            ids: last.ids.split_off(cut),
            weights: last.weights.split_off(cut),
        };
        chunks.push(next);
    }
    if let Some(last) = chunks.last_mut() {
        last.ids.push(id);
        last.weights.push(weight);
    }
}

/// Multiplies each token's embedding and brings the chunk's mean back.
fn weigh(embeds: Tensor<3>, weights: &[f32]) -> Result<Tensor<3>> {
    if weights.iter().all(|w| *w == 1.0) {
        return Ok(embeds);
    }
    let (shape, device) = (embeds.dims(), embeds.device());
    let mut values = embeds
        .try_into_vec_as::<f32>()
        .map_err(DiffusionError::device)?;
    let mean =
        |values: &[f32]| values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
    let before = mean(&values);
    for (row, weight) in values.chunks_exact_mut(shape[2]).zip(weights) {
        for value in row {
            *value *= weight;
        }
    }
    let scale = before / mean(&values);
    if scale.is_finite() {
        for value in &mut values {
            *value *= scale as f32;
        }
    }
    let data = burn::tensor::TensorData::new(values, shape);
    Ok(Tensor::from_data(data, (&device, DType::F32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_chunks_end_at_a_near_comma() {
        let fill = |ids: &[u32]| {
            let mut chunks = vec![Chunk::default()];
            for id in ids {
                put(&mut chunks, (*id, 1.0), 5, &[9]);
            }
            chunks.into_iter().map(|c| c.ids).collect::<Vec<_>>()
        };
        assert_eq!(fill(&[1, 2, 3]), [vec![1, 2, 3]]);
        assert_eq!(fill(&[1, 2, 9, 4, 5, 6]), [vec![1, 2, 9], vec![4, 5, 6]]);
        assert_eq!(fill(&[1, 2, 3, 4, 9, 6]), [vec![1, 2, 3, 4, 9], vec![6]]);
        assert_eq!(fill(&[1, 2, 3, 4, 5, 6]), [vec![1, 2, 3, 4, 5], vec![6]]);
    }

    #[test]
    fn weights_keep_the_mean() {
        let data = burn::tensor::TensorData::new(vec![1.0_f32, 2.0, 3.0, 6.0], [1, 2, 2]);
        let x = Tensor::<3>::from_data(data, &Device::flex());
        let got = weigh(x, &[1.0, 2.0])
            .and_then(|t| t.try_into_vec_as::<f32>().map_err(DiffusionError::device));
        let got = got.unwrap_or_default();
        let sum: f32 = got.iter().sum();
        assert!((sum - 12.0).abs() < 1e-5, "{got:?}");
        assert!((got[2] / got[0] - 6.0).abs() < 1e-5, "{got:?}");
    }
}
