//! Owns CLIP's tokenizer: a prompt to exactly as many token ids as the text model takes. The vocabulary, the special tokens and the length come
//! from the folder; how text is cleaned and split is CLIP's and fixed. Used by `pipeline`. Must never drop text silently.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior};

use crate::diffusion::config::{JsonFile, read_json};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;

/// How CLIP splits text into words (OpenAI's `simple_tokenizer.py`).
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Characters that are looked at; no text model takes nearly as many.
const LONGEST_PROMPT: usize = 20_000;

/// No merges file is larger; CLIP's is 0.5 MiB.
const LARGEST_MERGES: u64 = 64 << 20;

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
    inner: tokenizers::Tokenizer,
    start: u32,
    end: u32,
    padding: u32,
    length: usize,
}

impl Tokenizer {
    /// Reads the folder's `tokenizer/`: `vocab.json` and `merges.txt`, or `tokenizer.json`.
    pub fn load(folder: &ModelFolder) -> Result<Self> {
        let path = folder.path.join("tokenizer");
        if !path.is_dir() {
            return Err(DiffusionError::folder(
                path,
                "is missing; download the whole model folder",
            ));
        }
        let tokenizer = Self::open(&path, folder.text.max_position_embeddings)?;
        let known = folder.text.vocab_size;
        if tokenizer
            .inner
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
        let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ").map_err(broken)?;
        inner
            .with_normalizer(Some(Normalizers::new(vec![
                NFC.into(),
                spaces.into(),
                Lowercase.into(),
            ])))
            .map_err(broken)?;
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
            inner,
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

    /// A prompt as token ids.
    pub fn encode(&self, text: &str) -> Result<Tokens> {
        let looked_at = text
            .char_indices()
            .nth(LONGEST_PROMPT)
            .map_or(text.len(), |(at, _)| at);
        let encoding = self
            .inner
            .encode(&text[..looked_at], false)
            .map_err(|e| DiffusionError::Settings(format!("the prompt cannot be read ({e})")))?;
        let room = self.length - 2;
        let words = encoding.get_ids();
        let kept = words.len().min(room);
        let cut = match encoding.get_offsets().get(kept) {
            Some((from, _)) => (0..=*from)
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

/// The special tokens' texts.
struct SpecialTokens {
    start: String,
    end: String,
    padding: String,
    unknown: String,
}

impl SpecialTokens {
    /// `tokenizer_config.json` comes before `special_tokens_map.json`, and both before CLIP's own.
    fn read(path: &Path) -> Result<Self> {
        let files = ["tokenizer_config.json", "special_tokens_map.json"]
            .iter()
            .map(|name| path.join(name))
            .filter(|p| p.is_file())
            .map(|p| JsonFile::open(&p))
            .collect::<Result<Vec<_>>>()?;
        let token = |field: &str, default: &str| {
            files
                .iter()
                .filter_map(|f| f.get(field))
                .find_map(text_of)
                .unwrap_or(default)
                .to_owned()
        };
        Ok(Self {
            start: token("bos_token", "<|startoftext|>"),
            end: token("eos_token", "<|endoftext|>"),
            padding: token("pad_token", "<|endoftext|>"),
            unknown: token("unk_token", "<|endoftext|>"),
        })
    }
}

/// A token as a string or as an object with its `content`.
fn text_of(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

/// The text model's positions, or fewer if the tokenizer says so.
fn model_length(path: &Path, positions: usize) -> Result<usize> {
    let file = path.join("tokenizer_config.json");
    if !file.is_file() {
        return Ok(positions);
    }
    let json = JsonFile::open(&file)?;
    // "No limit" is written as a number with thirty digits.
    let limit = json
        .get("model_max_length")
        .and_then(Value::as_f64)
        .unwrap_or(f64::MAX);
    if limit < 2.0 {
        return Err(json.error("model_max_length", "leaves no room for a prompt"));
    }
    Ok(if limit < positions as f64 {
        limit as usize
    } else {
        positions
    })
}

type Merges = Vec<(String, String)>;

/// The vocabulary and the merges, and the file to blame for them.
fn read_vocabulary(path: &Path) -> Result<(std::path::PathBuf, Vocab, Merges)> {
    let (vocab, merges, whole) = (
        path.join("vocab.json"),
        path.join("merges.txt"),
        path.join("tokenizer.json"),
    );
    if vocab.is_file() && merges.is_file() {
        let ids = vocabulary(&vocab, &read_json(&vocab)?)?;
        let merges = merges_of_text(&merges)?;
        return Ok((vocab, ids, merges));
    }
    if !whole.is_file() {
        let problem = "has neither \"vocab.json\" with \"merges.txt\" nor \"tokenizer.json\"; download the tokenizer";
        return Err(DiffusionError::folder(path, problem));
    }
    let json = read_json(&whole)?;
    let model = &json["model"];
    if model["type"] != "BPE" {
        return Err(DiffusionError::unsupported(
            whole,
            "a tokenizer other than byte-pair encoding",
        ));
    }
    let ids = vocabulary(&whole, &model["vocab"])?;
    let merges = model["merges"]
        .as_array()
        .and_then(|list| list.iter().map(merge_of_json).collect::<Option<Merges>>())
        .ok_or_else(|| {
            DiffusionError::config(&whole, "has no sound \"merges\"; download it again")
        })?;
    Ok((whole, ids, merges))
}

fn vocabulary(file: &Path, json: &Value) -> Result<Vocab> {
    json.as_object()
        .and_then(|map| {
            map.iter()
                .map(|(token, id)| Some((token.clone(), u32::try_from(id.as_u64()?).ok()?)))
                .collect::<Option<Vocab>>()
        })
        .filter(|vocab| !vocab.is_empty())
        .ok_or_else(|| {
            DiffusionError::config(
                file,
                "is no vocabulary (token texts with ids); download it again",
            )
        })
}

fn merge_of_json(value: &Value) -> Option<(String, String)> {
    match value {
        Value::String(line) => merge_of_line(line),
        Value::Array(pair) => match pair.as_slice() {
            [a, b] => Some((a.as_str()?.to_owned(), b.as_str()?.to_owned())),
            _ => None,
        },
        _ => None,
    }
}

fn merge_of_line(line: &str) -> Option<(String, String)> {
    let (a, b) = line.split_once(' ')?;
    Some((a.to_owned(), b.to_owned()))
}

fn merges_of_text(file: &Path) -> Result<Merges> {
    let unreadable =
        |e: std::io::Error| DiffusionError::folder(file, format!("cannot be read ({e})"));
    let mut text = String::new();
    let reader = File::open(file).map_err(unreadable)?;
    reader
        .take(LARGEST_MERGES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with("#version") && !line.trim().is_empty())
        .map(|(at, line)| {
            merge_of_line(line).ok_or_else(|| {
                DiffusionError::config(
                    file,
                    format!("line {} is no pair of tokens; download it again", at + 1),
                )
            })
        })
        .collect()
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;

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
