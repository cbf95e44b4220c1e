//! Owns `project.json`: its types and what can be checked without its pictures. Used by `stored` and `reading`. Must never
//! share a type with the live document, or change the meaning of a field that a released version wrote.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ProjectError;
use super::version;
use crate::geometry::{PixelRect, PixelSize};
use crate::photo::{Layout, MAX_DECODED_BYTES, MAX_PIXELS, MAX_SIDE, PhotoFormat};

pub const FILE_NAME: &str = "project.json";
/// Decoded pictures of one project together: the largest base photo and as much again for its fills.
pub const MAX_PROJECT_BYTES: u64 = 2 * MAX_DECODED_BYTES;
/// Largest `project.json`: prompts and names of thousands of fills.
pub const MAX_TEXT_BYTES: u64 = 16 << 20;

/// The whole text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectText {
    pub version: u32,
    pub reader: u32,
    /// The program that wrote it, for people.
    pub app: String,
    pub base: BaseText,
    /// The part of the plane that is the picture; the origin is the base photo's top left.
    pub frame: RectText,
    /// From bottom to top.
    pub fills: Vec<FillText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<PlaneText>,
}

/// The base photo. Its pixels, profile and metadata are in `file`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaseText {
    pub file: String,
    pub width: u32,
    pub height: u32,
    pub layout: LayoutText,
    /// Bits of one sample: 8 or 16.
    pub depth: u8,
    /// What the photo's own file was, in lower case; unknown words count as PNG.
    pub source_format: String,
    /// Where the photo was opened from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_path: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayoutText {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FillText {
    pub id: u64,
    pub name: String,
    pub visible: bool,
    /// 0–1.
    pub opacity: f32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<StoredGrowth>,
    pub parts: Vec<PartText>,
    /// What was masked when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<PlaneText>,
    /// Prompt, seed, model and all else that made it.
    #[serde(default)]
    pub recipe: Value,
    /// The sliders of its stitch.
    #[serde(default)]
    pub stitch: Value,
}

/// By how many pixels a fill grew the frame; negative where it cropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoredGrowth {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartText {
    pub rect: RectText,
    /// The picture's entry.
    pub content: String,
    /// The entry of its coverage, 8-bit grey.
    pub coverage: String,
    /// How far the coverage fades outside the mask.
    #[serde(default)]
    pub blend_px: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceText>,
}

/// What a part was stitched from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceText {
    pub rect: RectText,
    /// Size of the model's picture.
    pub width: u32,
    pub height: u32,
    /// The entry of the model's picture, 16-bit RGB.
    pub picture: String,
    /// The entries of both masks, 8-bit grey of the size of `rect`.
    pub denoise: String,
    pub composite: String,
    pub seed: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaneText {
    pub rect: RectText,
    /// The entry, 8-bit grey.
    pub file: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RectText {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
}

impl From<PixelRect> for RectText {
    fn from(r: PixelRect) -> Self {
        Self {
            x: r.x,
            y: r.y,
            width: r.width,
            height: r.height,
        }
    }
}

impl From<RectText> for PixelRect {
    fn from(r: RectText) -> Self {
        Self::new(r.x, r.y, r.width, r.height)
    }
}

impl From<Layout> for LayoutText {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::Gray => Self::Gray,
            Layout::GrayAlpha => Self::GrayAlpha,
            Layout::Rgb => Self::Rgb,
            Layout::Rgba => Self::Rgba,
        }
    }
}

impl From<LayoutText> for Layout {
    fn from(layout: LayoutText) -> Self {
        match layout {
            LayoutText::Gray => Self::Gray,
            LayoutText::GrayAlpha => Self::GrayAlpha,
            LayoutText::Rgb => Self::Rgb,
            LayoutText::Rgba => Self::Rgba,
        }
    }
}

const FORMATS: [(PhotoFormat, &str); 7] = [
    (PhotoFormat::Jpeg, "jpeg"),
    (PhotoFormat::Png, "png"),
    (PhotoFormat::WebP, "webp"),
    (PhotoFormat::Tiff, "tiff"),
    (PhotoFormat::Bmp, "bmp"),
    (PhotoFormat::Qoi, "qoi"),
    (PhotoFormat::Gif, "gif"),
];

pub fn format_word(format: PhotoFormat) -> &'static str {
    let found = FORMATS.iter().find(|(known, _)| *known == format);
    found.map_or("png", |(_, word)| word)
}

pub fn format_of(word: &str) -> PhotoFormat {
    let found = FORMATS.iter().find(|(_, known)| *known == word);
    found.map_or(PhotoFormat::Png, |(format, _)| *format)
}

/// The text as bytes, for people too.
pub fn to_bytes(text: &ProjectText) -> Result<Vec<u8>, ProjectError> {
    serde_json::to_vec_pretty(text)
        .map_err(|e| ProjectError::Caller(format!("the project can't be written down: {e}")))
}

/// Reads a text of this format or an older one, or a newer one that says that this reader will do.
pub fn from_bytes(bytes: &[u8]) -> Result<ProjectText, ProjectError> {
    let damaged = |e: serde_json::Error| ProjectError::damaged(FILE_NAME, e);
    let value: Value = serde_json::from_slice(bytes).map_err(damaged)?;
    let value = version::current(value)?;
    let text: ProjectText = serde_json::from_value(value).map_err(damaged)?;
    check(&text)?;
    Ok(text)
}

/// Everything that can be told without the pictures.
fn check(text: &ProjectText) -> Result<(), ProjectError> {
    let wrong = |name: &str, what: String| Err(ProjectError::damaged(name, what));
    let base = &text.base;
    if !is_sane(PixelRect::new(0, 0, base.width, base.height)) {
        let size = PixelSize::new(base.width, base.height);
        return wrong(&base.file, format!("has an impossible size ({size})"));
    }
    if base.depth != 8 && base.depth != 16 {
        return wrong(&base.file, format!("has {} bits a sample", base.depth));
    }
    if !is_sane(text.frame.into()) {
        return wrong("the frame", format!("is impossible ({:?})", text.frame));
    }
    let planes = text.fills.iter().filter_map(|f| f.mask.as_ref());
    for plane in planes.chain(&text.mask) {
        if !is_sane(plane.rect.into()) {
            return wrong(
                &plane.file,
                format!("has an impossible place ({:?})", plane.rect),
            );
        }
    }
    let mut ids = BTreeSet::new();
    for (index, fill) in text.fills.iter().enumerate() {
        let name = format!("fill {index}");
        if !ids.insert(fill.id) {
            return wrong(&name, format!("has the id {} of another", fill.id));
        }
        if !(0.0..=1.0).contains(&fill.opacity) {
            return wrong(&name, format!("has the opacity {}", fill.opacity));
        }
        if let Some(g) = fill.growth {
            let side = MAX_SIDE as i32;
            if [g.left, g.top, g.right, g.bottom]
                .iter()
                .any(|v| !(-side..=side).contains(v))
            {
                return wrong(&name, format!("has an impossible growth ({g:?})"));
            }
        }
        for part in &fill.parts {
            if !is_sane(part.rect.into()) {
                return wrong(
                    &part.content,
                    format!("has an impossible place ({:?})", part.rect),
                );
            }
            if let Some(source) = &part.source
                && !(is_sane(source.rect.into())
                    && is_sane(PixelRect::new(0, 0, source.width, source.height)))
            {
                return wrong(
                    &source.picture,
                    "has an impossible place or size".to_owned(),
                );
            }
        }
    }
    check_total(text)
}

/// Refuses more pixels than all pictures together may take, at one byte each; the pictures' own headers are counted when
/// they are read.
fn check_total(text: &ProjectText) -> Result<(), ProjectError> {
    let area = |rect: RectText| PixelRect::from(rect).area();
    let part_area = |part: &PartText| {
        let source = part.source.as_ref().map_or(0, |s| {
            2 * area(s.rect) + PixelSize::new(s.width, s.height).area()
        });
        2 * area(part.rect) + source
    };
    let parts = text.fills.iter().flat_map(|f| &f.parts);
    let planes = text.fills.iter().filter_map(|f| f.mask.as_ref());
    let total = PixelSize::new(text.base.width, text.base.height).area()
        + parts.map(part_area).sum::<u64>()
        + planes.chain(&text.mask).map(|p| area(p.rect)).sum::<u64>();
    if total > MAX_PROJECT_BYTES {
        return Err(too_large());
    }
    Ok(())
}

/// The pictures of a project need too much memory.
pub fn too_large() -> ProjectError {
    ProjectError::TooLarge(format!(
        "the pictures of the project need more than {} MiB in memory; use fewer or smaller fills",
        MAX_PROJECT_BYTES >> 20
    ))
}

/// Neither empty nor larger than a picture may be, nor further away than the largest picture reaches.
pub fn is_sane(rect: PixelRect) -> bool {
    let side = MAX_SIDE as i32;
    !rect.is_empty()
        && rect.width <= MAX_SIDE
        && rect.height <= MAX_SIDE
        && rect.area() <= MAX_PIXELS
        && (-side..=side).contains(&rect.x)
        && (-side..=side).contains(&rect.y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Value {
        json!({
            "version": 1, "reader": 1, "app": "Inlay 0.1.0",
            "base": {"file": "base.png", "width": 4, "height": 3, "layout": "rgb", "depth": 8, "source_format": "jpeg"},
            "frame": {"x": -1, "y": 0, "width": 5, "height": 3},
            "fills": [{
                "id": 7, "name": "sky", "visible": true, "opacity": 0.5,
                "parts": [{"rect": {"x": 0, "y": 0, "width": 2, "height": 2}, "content": "a.png", "coverage": "b.png"}]
            }]
        })
    }

    fn read(value: &Value) -> Result<ProjectText, String> {
        from_bytes(value.to_string().as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn texts_come_back_and_unknown_fields_are_passed_over() {
        let text = read(&sample()).expect("reads");
        assert_eq!(
            from_bytes(&to_bytes(&text).expect("writes")).expect("reads"),
            text
        );
        let mut later = sample();
        later["version"] = json!(9);
        later["tags"] = json!(["new"]);
        later["fills"][0]["blend"] = json!("multiply");
        assert_eq!(read(&later).expect("reads").fills, text.fills);
        later["reader"] = json!(2);
        assert!(read(&later).expect_err("newer").contains("newer Inlay"));
        for (format, word) in FORMATS {
            assert_eq!((format_of(word), format_word(format)), (format, word));
        }
        assert_eq!(format_of("future"), PhotoFormat::Png);
    }

    #[test]
    fn what_can_not_be_is_named() {
        let cases: [(&str, Value, &str); 14] = [
            ("/version", json!(0), "version"),
            ("/version", json!("1"), "version"),
            ("/reader", json!(-1), "reader"),
            ("/base/width", json!(0), "base.png"),
            ("/base/height", json!(70_000), "base.png"),
            ("/base/depth", json!(12), "base.png"),
            ("/base/layout", json!("cmyk"), "cmyk"),
            ("/frame/width", json!(0), "frame"),
            ("/frame/x", json!(2_000_000_000), "frame"),
            ("/fills/0/opacity", json!(1.5), "fill 0"),
            ("/fills/0/opacity", json!(1e300), "fill 0"),
            (
                "/fills/0/growth",
                json!({"left": -70000, "top": 0, "right": 0, "bottom": 0}),
                "fill 0",
            ),
            (
                "/fills/0/parts/0/rect/height",
                json!(4_000_000_000u32),
                "a.png",
            ),
            ("/fills/0/parts/0/rect/width", json!(-1), "project.json"),
        ];
        for (place, value, word) in cases {
            let mut text = sample();
            if let Some(slot) = text.pointer_mut(place) {
                *slot = value;
            } else {
                text["fills"][0]["growth"] = value;
            }
            let error = read(&text).expect_err(place);
            assert!(error.contains(word), "{place}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let mut twice = sample();
        let fill = twice["fills"][0].clone();
        twice["fills"] = json!([fill, fill]);
        assert!(read(&twice).expect_err("ids").contains("fill 1"));
        for bytes in [
            &b""[..],
            b"[]",
            b"{",
            b"null",
            b"\xff\xfe",
            &vec![b'['; 100_000],
        ] {
            from_bytes(bytes).expect_err("no project");
        }
    }
}
