//! Owns a folder's own tokenizer files: vocabulary, merges, special tokens, length. Used by the tokenizer. Must never encode text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use tokenizers::models::bpe::Vocab;

use crate::diffusion::config::{JsonFile, read_json};
use crate::diffusion::error::{DiffusionError, Result};

/// No merges file is larger; CLIP's is 0.5 MiB.
const LARGEST_MERGES: u64 = 64 << 20;

/// The special tokens' texts.
pub struct SpecialTokens {
    pub start: String,
    pub end: String,
    pub padding: String,
    pub unknown: String,
}

impl SpecialTokens {
    /// `tokenizer_config.json` comes before `special_tokens_map.json`, and both before CLIP's own.
    pub fn read(path: &Path) -> Result<Self> {
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
pub fn model_length(path: &Path, positions: usize) -> Result<usize> {
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

pub type Merges = Vec<(String, String)>;

/// The vocabulary and the merges, and the file to blame for them.
pub fn read_vocabulary(path: &Path) -> Result<(std::path::PathBuf, Vocab, Merges)> {
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
