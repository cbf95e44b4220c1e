//! Owns CLIP's tokenizer: a prompt to exactly as many token ids as the text model takes. The vocabulary, the special tokens and the
//! length come from the folder, or for single files, which carry none, are CLIP's own; how text is cleaned and split is CLIP's and
//! fixed. Used by `pipeline`. Must never drop text silently.

mod files;

use std::path::Path;

use instant_clip_tokenizer::{Token, Tokenizer as Builtin};
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, NormalizedString, Normalizer, SplitDelimiterBehavior};

use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::{ModelFolder, Vocabulary};
use files::{SpecialTokens, model_length, read_vocabulary};

/// How CLIP splits text into words (OpenAI's `simple_tokenizer.py`).
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Characters that are looked at; no text model takes nearly as many.
const LONGEST_PROMPT: usize = 20_000;

/// The built-in vocabulary's encoder takes time by the square of a word's length; no real word is longer.
const LONGEST_WORD: usize = 200;
/// `!`, which the OpenCLIP models pad with.
const PADDING_OPEN_CLIP: u32 = 0;

/// Token ids of one prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Exactly the text model's length: start, text, end, padding.
    pub ids: Vec<u32>,
    /// The end of the prompt that did not fit, as text.
    pub dropped: Option<String>,
}

/// Words to ids.
enum Inner {
    /// As the folder's own files describe it.
    Files(Box<tokenizers::Tokenizer>),
    /// CLIP's own, and how it cleans text.
    Builtin(Box<Builtin>, Normalizers),
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Files(_) => "Files",
            Self::Builtin(..) => "Builtin",
        })
    }
}

/// CLIP's byte-pair tokenizer.
#[derive(Debug)]
pub struct Tokenizer {
    inner: Inner,
    start: u32,
    end: u32,
    padding: u32,
    length: usize,
}

impl Tokenizer {
    /// The model's tokenizer, or SDXL's first.
    pub fn load(folder: &ModelFolder) -> Result<Self> {
        let text = &folder.text;
        Self::make(
            &folder.vocabulary,
            text.max_position_embeddings,
            text.vocab_size,
        )
    }

    /// SDXL's second tokenizer; `None` where the model has one only.
    pub fn load_second(folder: &ModelFolder) -> Result<Option<Self>> {
        let second = folder.second_text.as_ref();
        second
            .map(|part| {
                let config = &part.config;
                Self::make(
                    &part.vocabulary,
                    config.max_position_embeddings,
                    config.vocab_size,
                )
            })
            .transpose()
    }

    fn make(vocabulary: &Vocabulary, positions: usize, known: usize) -> Result<Self> {
        let path = match vocabulary {
            Vocabulary::Folder(path) => path,
            Vocabulary::Clip { pads_with_end } => {
                return Self::builtin(positions, known, *pads_with_end);
            }
        };
        if !path.is_dir() {
            return Err(DiffusionError::folder(
                path,
                "is missing; download the whole model folder",
            ));
        }
        let tokenizer = Self::open(path, positions)?;
        if let Inner::Files(inner) = &tokenizer.inner
            && inner
                .get_vocab(true)
                .values()
                .any(|id| *id as usize >= known)
        {
            let problem = format!(
                "has ids beyond the {known} tokens of the text encoder; the folder mixes two models"
            );
            return Err(DiffusionError::config(path, problem));
        }
        Ok(tokenizer)
    }

    /// CLIP's own vocabulary, for single files.
    fn builtin(positions: usize, known: usize, pads_with_end: bool) -> Result<Self> {
        let inner = Builtin::new();
        let (start, end) = (inner.start_of_text().to_u16(), inner.end_of_text().to_u16());
        if known <= usize::from(end) || positions < 2 {
            return Err(DiffusionError::Settings(format!(
                "the model's text encoder knows {known} tokens, fewer than CLIP's own; use it as a diffusers folder with its \
                 tokenizer"
            )));
        }
        let cleaned = cleaning().map_err(|e| DiffusionError::Settings(e.to_string()))?;
        Ok(Self {
            inner: Inner::Builtin(Box::new(inner), cleaned),
            start: start.into(),
            end: end.into(),
            padding: if pads_with_end {
                end.into()
            } else {
                PADDING_OPEN_CLIP
            },
            length: positions,
        })
    }

    fn open(path: &Path, positions: usize) -> Result<Self> {
        let special = SpecialTokens::read(path)?;
        let (source, vocab, merges) = read_vocabulary(path)?;
        let broken = |e: tokenizers::Error| {
            DiffusionError::config(&source, format!("does not make a tokenizer ({e})"))
        };
        let id = |token: &str| {
            vocab.get(token).copied().ok_or_else(|| {
                DiffusionError::config(
                    &source,
                    format!("does not know the special token \"{token}\"; download it again"),
                )
            })
        };
        let (start, end, padding) = (
            id(&special.start)?,
            id(&special.end)?,
            id(&special.padding)?,
        );
        let model = BPE::builder()
            .vocab_and_merges(vocab, merges)
            .unk_token(special.unknown.clone())
            .continuing_subword_prefix(String::new())
            .end_of_word_suffix("</w>".to_owned())
            .build()
            .map_err(broken)?;
        let mut inner = tokenizers::Tokenizer::new(model);
        let cleaned = cleaning().map_err(broken)?;
        inner.with_normalizer(Some(cleaned)).map_err(broken)?;
        let words = Split::new(
            SplitPattern::Regex(WORDS.to_owned()),
            SplitDelimiterBehavior::Removed,
            true,
        );
        let bytes = ByteLevel::new(false, true, true);
        inner.with_pre_tokenizer(Some(PreTokenizers::new(vec![
            words.map_err(broken)?.into(),
            bytes.into(),
        ])));
        let special = [special.start, special.end, special.padding, special.unknown];
        inner
            .add_special_tokens(special.map(|token| AddedToken::from(token, true)))
            .map_err(broken)?;
        Ok(Self {
            inner: Inner::Files(Box::new(inner)),
            start,
            end,
            padding,
            length: model_length(path, positions)?,
        })
    }

    /// Number of ids of every prompt.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The id that begins every prompt.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// The id that ends every prompt.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// The id behind a prompt's end.
    pub fn padding(&self) -> u32 {
        self.padding
    }

    /// The ids of a text without frame or padding, however many, and where each begins in `text`. At most [`LONGEST_PROMPT`]
    /// characters are looked at.
    fn words(&self, text: &str) -> Result<(Vec<u32>, Vec<usize>)> {
        let unreadable = |e: tokenizers::Error| {
            DiffusionError::Settings(format!("the prompt cannot be read ({e})"))
        };
        match &self.inner {
            Inner::Files(inner) => {
                let encoding = inner.encode(text, false).map_err(unreadable)?;
                let starts = encoding.get_offsets().iter().map(|(from, _)| *from);
                Ok((encoding.get_ids().to_vec(), starts.collect()))
            }
            Inner::Builtin(inner, cleaning) => {
                let (mut ids, mut starts) = (Vec::new(), Vec::new());
                let mut tokens = Vec::new();
                for (at, word) in short_words(text) {
                    // Where `!` is the padding, it is a special token wherever it stands.
                    let is_special = |c: char| c == '!' && self.padding == PADDING_OPEN_CLIP;
                    for (i, part) in word.split(is_special).enumerate() {
                        if i > 0 {
                            ids.push(self.padding);
                        }
                        let mut clean = NormalizedString::from(part);
                        cleaning.normalize(&mut clean).map_err(unreadable)?;
                        tokens.clear();
                        inner.encode(&marked(clean.get()), &mut tokens);
                        ids.extend(tokens.iter().map(|t: &Token| u32::from(t.to_u16())));
                    }
                    starts.resize(ids.len(), at);
                }
                Ok((ids, starts))
            }
        }
    }

    /// The ids of a text without frame or padding, however many.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let looked_at = text
            .char_indices()
            .nth(LONGEST_PROMPT)
            .map_or(text.len(), |(at, _)| at);
        Ok(self.words(&text[..looked_at])?.0)
    }

    /// A prompt as token ids.
    pub fn encode(&self, text: &str) -> Result<Tokens> {
        let looked_at = text
            .char_indices()
            .nth(LONGEST_PROMPT)
            .map_or(text.len(), |(at, _)| at);
        let (words, starts) = self.words(&text[..looked_at])?;
        let room = self.length - 2;
        let kept = words.len().min(room);
        let cut = match starts.get(kept) {
            Some(from) => (0..=*from)
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(0),
            None => looked_at,
        };
        let dropped = text[cut..].trim();
        let mut ids = Vec::with_capacity(self.length);
        ids.push(self.start);
        ids.extend_from_slice(&words[..kept]);
        ids.push(self.end);
        ids.resize(self.length, self.padding);
        Ok(Tokens {
            ids,
            dropped: (!dropped.is_empty()).then(|| dropped.to_owned()),
        })
    }
}

/// How CLIP cleans text.
fn cleaning() -> std::result::Result<Normalizers, tokenizers::Error> {
    let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ")?;
    Ok(Normalizers::new(vec![
        NFC.into(),
        spaces.into(),
        Lowercase.into(),
    ]))
}

/// CLIP's special tokens as the built-in encoder spells them; its own spellings are plain text to CLIP, which parts them behind `<`.
fn marked(text: &str) -> String {
    text.replace("<start_of_text>", "< start_of_text>")
        .replace("<end_of_text>", "< end_of_text>")
        .replace("<|startoftext|>", "<start_of_text>")
        .replace("<|endoftext|>", "<end_of_text>")
}

/// The text's words with their places; very long ones in several parts.
fn short_words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let words = text.split_whitespace();
    words.flat_map(move |word| {
        let from = word.as_ptr() as usize - text.as_ptr() as usize;
        let chars: Vec<usize> = word.char_indices().map(|(at, _)| at).collect();
        let cuts: Vec<usize> = chars
            .chunks(LONGEST_WORD)
            .map(|c| c[0])
            .chain([word.len()])
            .collect();
        let pairs: Vec<(usize, &str)> = cuts
            .windows(2)
            .map(|w| (from + w[0], &word[w[0]..w[1]]))
            .collect();
        pairs
    })
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn write(path: &Path, name: &str, text: &str) {
        std::fs::write(path.join(name), text).unwrap();
    }

    /// Letters, two merges, and SD 2's padding.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let tokens = [
            "!",
            "a",
            "b",
            "!</w>",
            "a</w>",
            "b</w>",
            "ab",
            "ab</w>",
            "<|startoftext|>",
            "<|endoftext|>",
        ];
        let vocab: serde_json::Map<String, Value> = tokens
            .iter()
            .enumerate()
            .map(|(i, t)| ((*t).to_owned(), i.into()))
            .collect();
        write(
            folder.path(),
            "vocab.json",
            &Value::Object(vocab).to_string(),
        );
        write(folder.path(), "merges.txt", "#version: 0.2\na b\na b</w>\n");
        write(
            folder.path(),
            "special_tokens_map.json",
            r#"{"pad_token": {"content": "!"}}"#,
        );
        folder
    }

    #[test]
    fn prompts_are_framed_padded_and_cut_with_notice() {
        let folder = folder();
        let tokenizer = Tokenizer::open(folder.path(), 6).unwrap();
        assert_eq!(tokenizer.encode("").unwrap().ids, [8, 9, 0, 0, 0, 0]);
        let tokens = tokenizer.encode(" Ab \n aBa").unwrap();
        assert_eq!(
            tokens,
            Tokens {
                ids: vec![8, 7, 6, 4, 9, 0],
                dropped: None
            }
        );
        let tokens = tokenizer.encode("ab ab ab ab a, é b").unwrap();
        assert_eq!(tokens.ids, [8, 7, 7, 7, 7, 9]);
        assert_eq!(tokens.dropped.as_deref(), Some("a, é b"));
        let tokens = tokenizer.encode(&"ab ".repeat(100_000)).unwrap();
        assert_eq!(tokens.ids.len(), 6);
        assert!(tokens.dropped.unwrap().len() > 299_000);
    }

    #[test]
    fn the_shorter_of_both_limits_counts() {
        let folder = folder();
        write(
            folder.path(),
            "tokenizer_config.json",
            r#"{"model_max_length": 5}"#,
        );
        assert_eq!(Tokenizer::open(folder.path(), 6).unwrap().length(), 5);
        write(
            folder.path(),
            "tokenizer_config.json",
            r#"{"model_max_length": 1000000000000000019884624838656}"#,
        );
        assert_eq!(Tokenizer::open(folder.path(), 6).unwrap().length(), 6);
        write(
            folder.path(),
            "tokenizer_config.json",
            r#"{"model_max_length": 1}"#,
        );
        assert!(Tokenizer::open(folder.path(), 6).is_err());
    }

    #[test]
    fn broken_files_are_errors_that_name_the_file() {
        let breakages = [
            ("vocab.json", "[]"),
            ("vocab.json", "{}"),
            ("vocab.json", r#"{"a": -1}"#),
            ("vocab.json", r#"{"a": 1}"#),
            ("merges.txt", "a b\nnonsense\n"),
            ("merges.txt", "x y\n"),
            ("special_tokens_map.json", r#"{"pad_token": "[PAD]"}"#),
            ("special_tokens_map.json", "{"),
        ];
        for (name, text) in breakages {
            let folder = folder();
            write(folder.path(), name, text);
            let error = Tokenizer::open(folder.path(), 6).unwrap_err().to_string();
            assert!(
                error.contains(&folder.path().display().to_string()),
                "{error}"
            );
        }
        let folder = folder();
        std::fs::remove_file(folder.path().join("merges.txt")).unwrap();
        assert!(
            Tokenizer::open(folder.path(), 6)
                .unwrap_err()
                .to_string()
                .contains("tokenizer.json")
        );
    }
}
