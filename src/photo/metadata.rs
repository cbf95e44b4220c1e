//! Owns which metadata a written file gets: EXIF, XMP, texts and the recipe, by what the format holds and the user
//! asked for. Called by `encode`; `read_recipe` is for everyone. Must never drop or replace anything without a word.

use std::sync::Arc;

use super::notes::COMMENT;
use super::{EncodeOptions, Photo, PhotoFormat, Recipe};
use super::{exif, exif_comment, jpeg_segments, notes, png_text, sniff, webp_chunks};

/// The PNG texts that hold a recipe.
const PARAMETERS: &str = "parameters";
const DETAILS: &str = "inlay";

/// What is written beside the pixels and the colour profile.
#[derive(Debug, Default)]
pub struct Metadata {
    pub exif: Option<Arc<[u8]>>,
    pub xmp: Option<Vec<u8>>,
    /// PNG: all; JPEG: comments alone.
    pub texts: Vec<(String, String)>,
}

/// What a file of `format` (called `name`) gets.
pub fn gather(
    photo: &Photo,
    format: PhotoFormat,
    name: &str,
    options: &EncodeOptions,
    warnings: &mut Vec<String>,
) -> Metadata {
    if options.strip_metadata {
        return Metadata::default();
    }
    let mut metadata = Metadata {
        exif: photo.exif.clone(),
        ..Metadata::default()
    };
    if matches!(
        format,
        PhotoFormat::Tiff | PhotoFormat::Bmp | PhotoFormat::Qoi
    ) && metadata.exif.take().is_some()
    {
        warnings.push(format!(
            "{name} files are written without EXIF (camera, date, place)"
        ));
    }
    if let Some(notes) = &photo.notes {
        metadata.xmp = xmp(notes.xmp.as_ref(), format, name, warnings);
        metadata.texts = texts(&notes.texts, format, name, warnings);
    }
    if let Some(recipe) = &options.recipe {
        add_recipe(&mut metadata, recipe, format, name, warnings);
    }
    metadata
}

fn xmp(
    packet: Option<&Vec<u8>>,
    format: PhotoFormat,
    name: &str,
    warnings: &mut Vec<String>,
) -> Option<Vec<u8>> {
    let packet = packet?;
    let holds = match format {
        PhotoFormat::Png => std::str::from_utf8(packet).is_ok(),
        PhotoFormat::Jpeg => jpeg_segments::xmp_fits(packet),
        PhotoFormat::WebP | PhotoFormat::Tiff => true,
        PhotoFormat::Bmp | PhotoFormat::Qoi | PhotoFormat::Gif => false,
    };
    if !holds {
        warnings.push(format!(
            "{name} can't hold this picture's XMP notes (title, rating, rights); they were left out"
        ));
    }
    holds.then(|| packet.clone())
}

fn texts(
    all: &[(String, String)],
    format: PhotoFormat,
    name: &str,
    warnings: &mut Vec<String>,
) -> Vec<(String, String)> {
    let holds = |(key, text): &&(String, String)| match format {
        PhotoFormat::Png => png_text::is_key(key),
        PhotoFormat::Jpeg => key == COMMENT && jpeg_segments::comment_fits(text),
        _ => false,
    };
    let (kept, lost): (Vec<_>, Vec<_>) = all.iter().partition(holds);
    if !lost.is_empty() {
        let mut keys: Vec<&str> = lost.iter().map(|(key, _)| key.as_str()).collect();
        keys.dedup();
        keys.truncate(5);
        warnings.push(format!(
            "{name} can't hold the picture's text notes ({}); save it as PNG to keep them",
            keys.join(", ")
        ));
    }
    kept.into_iter().cloned().collect()
}

fn add_recipe(
    metadata: &mut Metadata,
    recipe: &Recipe,
    format: PhotoFormat,
    name: &str,
    warnings: &mut Vec<String>,
) {
    let text = recipe.parameters_text();
    match format {
        PhotoFormat::Png => {
            metadata
                .texts
                .retain(|(key, _)| key != PARAMETERS && key != DETAILS);
            metadata.texts.push((PARAMETERS.into(), text));
            if let Some(details) = &recipe.details {
                metadata.texts.push((DETAILS.into(), details.clone()));
            }
        }
        PhotoFormat::Jpeg | PhotoFormat::WebP => {
            let Some(made) = exif_comment::with_comment(metadata.exif.as_deref(), &text) else {
                warnings.push(
                    "the picture's EXIF block is damaged and takes no recipe; save it as PNG to keep the recipe".into(),
                );
                return;
            };
            if format == PhotoFormat::Jpeg && !jpeg_segments::exif_fits(&made.block) {
                warnings.push(format!(
                    "the recipe ({} KiB) does not fit into a JPEG beside its EXIF (64 KiB together) and was left out; save the picture as PNG to keep it",
                    (text.len() >> 10) + 1
                ));
                return;
            }
            if let Some(old) = made.replaced
                && Recipe::parse(&old).is_none()
            {
                let short: String = old.chars().take(40).collect();
                warnings.push(format!(
                    "the recipe takes the place of the picture's EXIF comment (\"{}\")",
                    short.split_whitespace().collect::<Vec<_>>().join(" ")
                ));
            }
            metadata.exif = Some(made.block.into());
        }
        PhotoFormat::Tiff | PhotoFormat::Bmp | PhotoFormat::Qoi | PhotoFormat::Gif => {
            warnings.push(format!(
                "{name} files can't hold the recipe; save the picture as PNG, JPEG or WebP to keep it"
            ));
        }
    }
}

/// The recipe in the bytes of a PNG, JPEG or WebP file, written by Inlay or in the form that other tools share. None
/// when there is none; the picture itself is not decoded.
pub fn read_recipe(bytes: &[u8]) -> Option<Recipe> {
    let block = match sniff::sniff(bytes).ok()? {
        PhotoFormat::Png => {
            let texts = png_text::read(bytes).0.texts;
            let find = |name: &str| {
                let found = texts.iter().find(|(key, _)| key == name);
                found.map(|(_, text)| text.as_str())
            };
            let mut recipe = Recipe::parse(find(PARAMETERS)?)?;
            recipe.details = find(DETAILS).map(str::to_owned);
            return Some(recipe);
        }
        PhotoFormat::Jpeg => jpeg_segments::exif(&jpeg_segments::split(bytes))?,
        PhotoFormat::WebP => webp_chunks::find(bytes, *b"EXIF")?.to_vec(),
        _ => return None,
    };
    let comment = exif_comment::user_comment(exif::without_prefix(&block))?;
    Recipe::parse(&comment)
}

/// What the segments of a JPEG say besides EXIF.
pub fn jpeg_notes(segments: &jpeg_segments::Segments<'_>) -> notes::Notes {
    notes::Notes {
        xmp: jpeg_segments::xmp(segments),
        texts: jpeg_segments::comments(segments)
            .map(|raw| notes::decoded(raw).trim_end_matches('\0').to_owned())
            .filter(|text| !text.is_empty())
            .map(|text| (COMMENT.to_owned(), text))
            .collect(),
    }
}
