//! Owns reading configuration files: bounded, and lenient where diffusers is (it writes bare `NaN` and `-Infinity`,
//! which JSON does not know). Used by `folder`. Must never read a file of any size into memory.

use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

/// Largest configuration file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// The object in a JSON file, or in a few words why there is none.
pub(super) fn read(path: &Path) -> Result<Value, String> {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let file = std::fs::File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => format!("{name} is missing"),
        _ => format!("{name} can't be read ({e})"),
    })?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|e| format!("{name} can't be read ({e})"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("{name} is far too large"));
    }
    let value: Value = serde_json::from_str(&without_bare_numbers(&text))
        .map_err(|e| format!("{name} is no valid JSON ({e})"))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(format!("{name} holds no JSON object"))
    }
}

/// `NaN`, `Infinity` and `-Infinity` outside strings become `null`.
fn without_bare_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', 'N', 'I', '-']) {
        let (before, here) = rest.split_at(at);
        out.push_str(before);
        if here.starts_with('"') {
            let end = string_end(here);
            out.push_str(&here[..end]);
            rest = &here[end..];
            continue;
        }
        let word = ["NaN", "Infinity", "-Infinity"]
            .into_iter()
            .find(|w| here.starts_with(w));
        let taken = word.map_or(1, str::len);
        out.push_str(word.map_or(&here[..1], |_| "null"));
        rest = &here[taken..];
    }
    out.push_str(rest);
    out
}

/// Length of the string literal that `text` starts with.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A whole number at `key`.
pub(super) fn number(value: &Value, key: &str) -> Option<u32> {
    value.get(key)?.as_u64().and_then(|v| u32::try_from(v).ok())
}

/// A text at `key`.
pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_numbers_become_null_and_strings_stay() {
        let lenient =
            r#"{"a": -Infinity, "b": NaN, "c": "NaN \" -Infinity", "d": -3, "e": [Infinity]}"#;
        let value: Value = serde_json::from_str(&without_bare_numbers(lenient)).expect("valid");
        assert!(value["a"].is_null() && value["b"].is_null() && value["e"][0].is_null());
        assert_eq!(value["c"], "NaN \" -Infinity");
        assert_eq!(value["d"], -3);
        without_bare_numbers("\"unfinished \\");
    }
}
