//! Owns `Recipe`, how a picture was made, and its well-known form as text: prompt, negative prompt and one line of
//! settings. Filled by app and cli, written and read through `encode` and `metadata`. Must never know where in a file it
//! stands.

use std::fmt::Write as _;

use crate::geometry::PixelSize;

const NEGATIVE: &str = "Negative prompt:";
/// Fewer settings than this are a line of the prompt, as other readers have it.
const FEWEST_SETTINGS: usize = 3;

/// How a picture was made. What does not apply is none; a weight-free fill has neither prompt nor sampler.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recipe {
    /// Lines are allowed. A line that begins with `Negative prompt:` can't be told from the real one when read back.
    pub prompt: String,
    pub negative_prompt: String,
    pub num_inference_steps: Option<u32>,
    pub sampler: Option<String>,
    pub guidance_scale: Option<f32>,
    pub seed: Option<u64>,
    /// The size that the model worked at.
    pub size: Option<PixelSize>,
    /// Usually the first ten hexadecimal digits of the SHA-256 of the weights.
    pub model_hash: Option<String>,
    pub model: Option<String>,
    /// 0–1.
    pub strength: Option<f32>,
    /// Settings that Inlay has no field for, in order.
    pub other: Vec<(String, String)>,
    /// Every fill of the picture as JSON text. Kept by PNG alone, apart from the text form.
    pub details: Option<String>,
}

impl Recipe {
    /// The one-block text that other tools read:
    ///
    /// ```text
    /// a red house
    /// Negative prompt: blurry
    /// Steps: 20, Sampler: DDIM, CFG scale: 7, Seed: 1, Size: 512x512, Model hash: …, Model: …, Denoising strength: 0.75, Version: Inlay 0.1.0
    /// ```
    pub fn parameters_text(&self) -> String {
        let mut text = clean(&self.prompt);
        let negative = clean(&self.negative_prompt);
        if !negative.is_empty() {
            let _ = write!(text, "\n{NEGATIVE} {negative}");
        }
        let size = self.size.map(|s| format!("{}x{}", s.width, s.height));
        let known = [
            ("Steps", self.num_inference_steps.map(|v| v.to_string())),
            ("Sampler", self.sampler.clone()),
            ("CFG scale", self.guidance_scale.map(|v| v.to_string())),
            ("Seed", self.seed.map(|v| v.to_string())),
            ("Size", size),
            ("Model hash", self.model_hash.clone()),
            ("Model", self.model.clone()),
            ("Denoising strength", self.strength.map(|v| v.to_string())),
        ];
        let mut settings: Vec<String> = known
            .iter()
            .filter_map(|(key, value)| Some(format!("{key}: {}", quoted(value.as_deref()?))))
            .collect();
        let others = self.other.iter().filter(|(key, _)| is_key(key));
        settings.extend(others.map(|(key, value)| format!("{}: {}", key.trim(), quoted(value))));
        settings.push(format!("Version: Inlay {}", env!("CARGO_PKG_VERSION")));
        let _ = write!(text, "\n{}", settings.join(", "));
        text.trim().to_owned()
    }

    /// Reads [`Recipe::parameters_text`] and what other tools write in that form. `None` when the last line holds no
    /// settings: then the text is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(['\0', ' ', '\t', '\r', '\n']);
        let (above, last) = text.rsplit_once('\n').unwrap_or(("", text));
        let settings = settings(last)?;
        let by_inlay = settings
            .iter()
            .any(|(key, value)| key == "Version" && value.starts_with("Inlay "));
        let telling =
            |(key, _): &(String, String)| matches!(key.as_str(), "Steps" | "Seed" | "Sampler");
        let by_others = settings.len() >= FEWEST_SETTINGS && settings.iter().any(telling);
        if !by_inlay && !by_others {
            return None;
        }
        let mut recipe = Self::default();
        let (mut prompt, mut negative) = (Vec::new(), None::<Vec<&str>>);
        for line in above.lines() {
            match (line.trim_start().strip_prefix(NEGATIVE), &mut negative) {
                (Some(first), None) => negative = Some(vec![first]),
                (_, Some(lines)) => lines.push(line),
                (None, None) => prompt.push(line),
            }
        }
        recipe.prompt = clean(&prompt.join("\n"));
        recipe.negative_prompt = clean(&negative.unwrap_or_default().join("\n"));
        for (key, value) in settings {
            recipe.take(key, value);
        }
        Some(recipe)
    }

    /// One setting into its field; into `other` when there is none or the value makes no sense there.
    fn take(&mut self, key: String, value: String) {
        fn set<T>(field: &mut Option<T>, value: Option<T>) -> bool {
            let good = value.is_some();
            if good {
                *field = value;
            }
            good
        }
        let taken = match key.as_str() {
            "Steps" => set(&mut self.num_inference_steps, value.parse().ok()),
            "Sampler" => set(&mut self.sampler, Some(value.clone())),
            "CFG scale" => set(&mut self.guidance_scale, finite(&value)),
            "Seed" => set(&mut self.seed, value.parse().ok()),
            "Size" => set(&mut self.size, size(&value)),
            "Model hash" => set(&mut self.model_hash, Some(value.clone())),
            "Model" => set(&mut self.model, Some(value.clone())),
            "Denoising strength" => set(&mut self.strength, finite(&value)),
            "Version" => value.starts_with("Inlay "),
            _ => false,
        };
        if !taken {
            self.other.push((key, value));
        }
    }
}

fn finite(value: &str) -> Option<f32> {
    value.parse().ok().filter(|v: &f32| v.is_finite())
}

fn size(value: &str) -> Option<PixelSize> {
    let (width, height) = value.split_once('x')?;
    Some(PixelSize::new(width.parse().ok()?, height.parse().ok()?))
}

/// Without what text fields can't hold, and without white space at its ends.
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.replace('\0', "").trim().to_owned()
}

fn is_key(key: &str) -> bool {
    let key = key.trim();
    key.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '-' | '/'))
}

/// The value itself, or as a JSON string where it would end the setting or the line.
fn quoted(value: &str) -> String {
    let plain = !value.contains([',', ':', '\n', '\r', '\0', '"']) && value.trim() == value;
    if plain {
        return value.to_owned();
    }
    serde_json::Value::from(value.replace('\0', "")).to_string()
}

/// `key: value, key: "quoted, value"`; none when the line is anything else.
fn settings(line: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(':')?;
        if !is_key(key) {
            return None;
        }
        let after = after.trim_start();
        let (value, next) = quoted_value(after).unwrap_or_else(|| {
            let (value, next) = after.split_once(',').unwrap_or((after, ""));
            (value.trim().to_owned(), next)
        });
        found.push((key.trim().to_owned(), value));
        rest = next.trim_start();
    }
    Some(found)
}

/// A JSON string at the start of `text` and what follows its comma.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    let value = serde_json::from_str(&text[..end + 2]).ok()?;
    let next = inside[end + 1..].trim_start();
    if next.is_empty() {
        return Some((value, ""));
    }
    Some((value, next.strip_prefix(',')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_other_tools_is_read() {
        let text = "masterpiece, a (red:1.2) house,\nsecond line: with colon\nNegative prompt: blurry,\nlow quality\n\
                    Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 4294967296, Size: 512x768, Model hash: abc123, \
                    Model: some-model, Denoising strength: 0.7, Clip skip: 2, Lora hashes: \"one: 1, two: 2\", Version: v1.6.0";
        let recipe = Recipe::parse(text).expect("reads");
        assert_eq!(
            recipe.prompt,
            "masterpiece, a (red:1.2) house,\nsecond line: with colon"
        );
        assert_eq!(recipe.negative_prompt, "blurry,\nlow quality");
        assert_eq!(recipe.num_inference_steps, Some(20));
        assert_eq!(recipe.sampler.as_deref(), Some("DPM++ 2M Karras"));
        assert_eq!(recipe.guidance_scale, Some(7.5));
        assert_eq!(recipe.seed, Some(1 << 32));
        assert_eq!(recipe.size, Some(PixelSize::new(512, 768)));
        assert_eq!(recipe.strength, Some(0.7));
        let other: Vec<_> = recipe
            .other
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            other,
            [
                ("Clip skip", "2"),
                ("Lora hashes", "one: 1, two: 2"),
                ("Version", "v1.6.0")
            ]
        );
    }

    #[test]
    fn awkward_values_come_back() {
        let recipe = Recipe {
            prompt: "日本 \u{1f600}, \"quoted\"\nSteps: not settings".into(),
            sampler: Some("odd, \"name\": \\ here".into()),
            model: Some("  spaces  ".into()),
            guidance_scale: Some(1.0e-7),
            seed: Some(u64::MAX),
            other: vec![("Mask blur".into(), "line\nbreak".into())],
            ..Recipe::default()
        };
        let text = recipe.parameters_text();
        assert_eq!(Recipe::parse(&text), Some(recipe));
        // Nothing but a version is a recipe of ours too.
        let empty = Recipe::default();
        assert_eq!(Recipe::parse(&empty.parameters_text()), Some(empty));
    }

    #[test]
    fn other_texts_are_no_recipes() {
        for text in [
            "",
            "hello",
            "Taken at: noon, Place: home",
            "\n\n",
            "\"",
            "a:\"b",
            "Steps 20, Sampler x, Seed 1",
            "http://example.org: see, that: page, a: b",
        ] {
            assert_eq!(Recipe::parse(text), None, "{text:?}");
        }
    }
}
