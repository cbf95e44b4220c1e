//! Owns lenient reading of JSON files: bounded size, bare `NaN` and `Infinity` as Python writes them, and typed fields whose
//! errors name the field. Used by the configs. Must never interpret what a field means.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::diffusion::error::{DiffusionError, Result};

/// No configuration is larger; a tokenizer's vocabulary is about 1 MiB, a sharded index a few hundred KiB.
const LARGEST_JSON: u64 = 64 << 20;

/// Reads a JSON file. Bare `NaN`, `Infinity` and `-Infinity` outside of strings become `null`, which is how the fields
/// that hold them (clipping bounds) say "no limit".
pub fn read_json(path: &Path) -> Result<Value> {
    let file = File::open(path).map_err(|e| {
        DiffusionError::folder(
            path,
            format!("cannot be opened ({e}); download the model again"),
        )
    })?;
    let mut bytes = Vec::new();
    file.take(LARGEST_JSON + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| DiffusionError::folder(path, format!("cannot be read ({e})")))?;
    if bytes.len() as u64 > LARGEST_JSON {
        return Err(DiffusionError::config(
            path,
            "is larger than any model's JSON; check the download",
        ));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(&without_bare_words(bytes)).map_err(|e| {
        DiffusionError::config(
            path,
            format!("is not valid JSON ({e}); download the file again"),
        )
    })
}

/// Replaces Python's bare non-finite words, which JSON does not know, with `null`.
fn without_bare_words(bytes: &[u8]) -> Cow<'_, [u8]> {
    const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let mut out = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    let mut in_string = false;
    while at < bytes.len() {
        if in_string {
            match bytes[at] {
                b'\\' => at += 1,
                b'"' => in_string = false,
                _ => {}
            }
        } else if bytes[at] == b'"' {
            in_string = true;
        } else if let Some(word) = WORDS.iter().find(|w| bytes[at..].starts_with(w)) {
            out.extend_from_slice(&bytes[copied..at]);
            out.extend_from_slice(b"null");
            at += word.len();
            copied = at;
            continue;
        }
        at += 1;
    }
    if copied == 0 {
        return Cow::Borrowed(bytes);
    }
    out.extend_from_slice(&bytes[copied..]);
    Cow::Owned(out)
}

/// A JSON object and the file it came from. A field that is absent or `null` takes its default.
#[derive(Debug, Clone)]
pub struct JsonFile {
    path: PathBuf,
    map: Map<String, Value>,
}

impl JsonFile {
    /// Reads `path`, which must hold an object.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_value(path, read_json(path)?)
    }

    /// Wraps a value read before.
    pub fn from_value(path: &Path, value: Value) -> Result<Self> {
        match value {
            Value::Object(map) => Ok(Self {
                path: path.into(),
                map,
            }),
            _ => Err(DiffusionError::config(
                path,
                "holds no JSON object; download the file again",
            )),
        }
    }

    /// The file the object came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole object.
    pub fn into_value(self) -> Value {
        Value::Object(self.map)
    }

    /// A field, `None` when absent or `null`.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.map.get(field).filter(|v| !v.is_null())
    }

    /// A field as it stands, `null` included.
    pub fn raw(&self, field: &str) -> Option<&Value> {
        self.map.get(field)
    }

    /// An error about one field.
    pub fn error(&self, field: &str, problem: impl std::fmt::Display) -> DiffusionError {
        DiffusionError::config(&self.path, format!("field \"{field}\" {problem}"))
    }

    /// Says that this field's value is not supported.
    pub fn unsupported(&self, field: &str) -> DiffusionError {
        let value = self.get(field).map_or_else(|| "null".to_owned(), short);
        DiffusionError::unsupported(&self.path, format!("\"{field}\": {value}"))
    }

    /// A whole number in `range`.
    pub fn size(
        &self,
        field: &str,
        default: usize,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize> {
        match self.get(field) {
            None => Ok(default),
            Some(value) => self.one_size(field, value, &range),
        }
    }

    /// A whole number in `range` that has no default.
    pub fn required_size(
        &self,
        field: &str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize> {
        match self.get(field) {
            None => Err(self.error(field, "is missing")),
            Some(value) => self.one_size(field, value, &range),
        }
    }

    fn one_size(
        &self,
        field: &str,
        value: &Value,
        range: &std::ops::RangeInclusive<usize>,
    ) -> Result<usize> {
        let number = value
            .as_u64()
            .or_else(|| {
                value
                    .as_f64()
                    .filter(|f| f.fract() == 0.0 && (0.0..1e15).contains(f))
                    .map(|f| f as u64)
            })
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| range.contains(n));
        number.ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            self.error(
                field,
                format_args!(
                    "is {}, but must be a whole number from {low} to {high}",
                    short(value)
                ),
            )
        })
    }

    /// A list of whole numbers, `None` when absent. At most `longest` entries.
    pub fn size_list(
        &self,
        field: &str,
        longest: usize,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<Vec<usize>>> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let list = self.list(field, value, longest)?;
        list.iter()
            .map(|v| self.one_size(field, v, &range))
            .collect::<Result<Vec<_>>>()
            .map(Some)
    }

    /// Diffusers' "one number for all blocks, or one per block": always `count` numbers.
    pub fn size_per_block(
        &self,
        field: &str,
        count: usize,
        default: usize,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<Vec<usize>> {
        match self.get(field) {
            None => Ok(vec![default; count]),
            Some(value @ Value::Array(_)) => {
                let list = self.list(field, value, count)?;
                self.check_count(field, list.len(), count)?;
                list.iter()
                    .map(|v| self.one_size(field, v, &range))
                    .collect()
            }
            Some(value) => Ok(vec![self.one_size(field, value, &range)?; count]),
        }
    }

    /// One flag for all blocks or one per block: always `count` flags.
    pub fn flag_per_block(&self, field: &str, count: usize, default: bool) -> Result<Vec<bool>> {
        match self.get(field) {
            Some(value @ Value::Array(_)) => {
                let list = self.list(field, value, count)?;
                self.check_count(field, list.len(), count)?;
                list.iter()
                    .map(|v| {
                        v.as_bool()
                            .ok_or_else(|| self.error(field, "must hold true or false"))
                    })
                    .collect()
            }
            _ => Ok(vec![self.flag(field, default)?; count]),
        }
    }

    /// A list of strings, `None` when absent. At most `longest` entries.
    pub fn string_list(&self, field: &str, longest: usize) -> Result<Option<Vec<String>>> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        self.list(field, value, longest)?
            .iter()
            .map(|v| {
                v.as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| self.error(field, "must hold strings"))
            })
            .collect::<Result<Vec<_>>>()
            .map(Some)
    }

    /// True or false.
    pub fn flag(&self, field: &str, default: bool) -> Result<bool> {
        match self.get(field) {
            None => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.error(field, "must be true or false")),
        }
    }

    /// A finite number in `range`.
    pub fn number(
        &self,
        field: &str,
        default: f64,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<f64> {
        let Some(value) = self.get(field) else {
            return Ok(default);
        };
        value.as_f64().filter(|f| range.contains(f)).ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            self.error(
                field,
                format_args!(
                    "is {}, but must be a number from {low} to {high}",
                    short(value)
                ),
            )
        })
    }

    /// A string.
    pub fn string(&self, field: &str, default: &str) -> Result<String> {
        match self.get(field) {
            None => Ok(default.to_owned()),
            Some(value) => value
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| self.error(field, "must be a string")),
        }
    }

    /// Refuses any field of `fields` that is set, or set to anything but `false`.
    pub fn refuse_set(&self, fields: &[&str]) -> Result<()> {
        match fields
            .iter()
            .find(|f| self.get(f).is_some_and(|v| v != &Value::Bool(false)))
        {
            None => Ok(()),
            Some(field) => Err(self.unsupported(field)),
        }
    }

    /// Refuses any field that is set to something other than its one supported value.
    pub fn refuse_other_than(&self, fields: &[(&str, Value)]) -> Result<()> {
        let same = |a: &Value, b: &Value| a == b || (a.is_number() && a.as_f64() == b.as_f64());
        match fields
            .iter()
            .find(|(f, only)| self.get(f).is_some_and(|v| !same(v, only)))
        {
            None => Ok(()),
            Some((field, _)) => Err(self.unsupported(field)),
        }
    }

    fn list<'a>(&self, field: &str, value: &'a Value, longest: usize) -> Result<&'a Vec<Value>> {
        let list = value
            .as_array()
            .ok_or_else(|| self.error(field, "must be a list"))?;
        if list.is_empty() || list.len() > longest {
            let count = list.len();
            return Err(self.error(
                field,
                format_args!("has {count} entries, but must have 1 to {longest}"),
            ));
        }
        Ok(list)
    }

    /// An error unless a list has one entry for each block.
    pub fn check_count(&self, field: &str, count: usize, expected: usize) -> Result<()> {
        if count == expected {
            return Ok(());
        }
        Err(self.error(
            field,
            format_args!("has {count} entries, but the model has {expected} blocks"),
        ))
    }
}

/// A value in few characters, for errors.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 {
        return text;
    }
    text.chars().take(57).chain("...".chars()).collect()
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Value {
        serde_json::from_slice(&without_bare_words(text.as_bytes())).unwrap()
    }

    #[test]
    fn bare_words_become_null_but_strings_stay() {
        let v = parse(
            r#"{"a": -Infinity, "b": [NaN, Infinity, 1], "c": "NaN \" -Infinity", "d": "\\", "e": NaN}"#,
        );
        assert_eq!(v["a"], Value::Null);
        assert_eq!(v["b"], serde_json::json!([null, null, 1]));
        assert_eq!(v["c"], "NaN \" -Infinity");
        assert_eq!(v["d"], "\\");
        assert_eq!(v["e"], Value::Null);
    }

    #[test]
    fn fields_name_themselves_in_errors() {
        let file = JsonFile::from_value(
            Path::new("x.json"),
            serde_json::json!({"n": -1, "list": [1, 2], "word": 3, "flag": "yes", "whole": 4.0}),
        )
        .unwrap();
        for e in [
            file.size("n", 0, 0..=9).unwrap_err(),
            file.size_per_block("list", 3, 1, 0..=9).unwrap_err(),
            file.string("word", "").unwrap_err(),
            file.flag("flag", true).unwrap_err(),
            file.size("whole", 0, 5..=9).unwrap_err(),
            file.required_size("absent", 5..=9).unwrap_err(),
        ] {
            let text = e.to_string();
            assert!(text.starts_with("x.json: field \""), "{text}");
        }
        assert_eq!(file.size("whole", 0, 0..=9).unwrap(), 4);
        assert_eq!(file.size_per_block("list", 2, 1, 0..=9).unwrap(), [1, 2]);
    }
}
