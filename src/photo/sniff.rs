//! Owns telling what a file is from its first bytes, never from its name. Called by decode. Must never read further
//! than the bytes it is given.

use super::PhotoFormat;
use super::error::PhotoError;

const SUPPORTED: &str = "JPEG, PNG, WebP, TIFF, BMP, QOI or GIF";

/// The format of `bytes`, or an error that names what it is instead and what to do.
pub fn sniff(bytes: &[u8]) -> Result<PhotoFormat, PhotoError> {
    if bytes.is_empty() {
        return Err(PhotoError::Damaged(
            "the file is empty; copy or download it again".into(),
        ));
    }
    if let Some(format) = known(bytes) {
        return Ok(format);
    }
    Err(PhotoError::Unsupported(match foreign(bytes) {
        Some(Foreign::Picture(name)) => format!(
            "{name} files are not read; open it in another program and save it as PNG, TIFF or JPEG"
        ),
        Some(Foreign::Raw(name)) => format!(
            "this is a camera RAW file ({name}); develop it in a RAW converter and save it as 16-bit TIFF"
        ),
        Some(Foreign::Other(name)) => {
            format!("this is {name}, not a picture; choose a {SUPPORTED} file")
        }
        None => format!("this is not a picture in a known format; choose a {SUPPORTED} file"),
    }))
}

fn known(b: &[u8]) -> Option<PhotoFormat> {
    Some(if b.starts_with(&[0xFF, 0xD8, 0xFF]) {
        PhotoFormat::Jpeg
    } else if b.starts_with(b"\x89PNG\r\n\x1a\n") {
        PhotoFormat::Png
    } else if b.len() >= 12 && b.starts_with(b"RIFF") && &b[8..12] == b"WEBP" {
        PhotoFormat::WebP
    } else if is_tiff(b) && raw_by_magic(b).is_none() {
        PhotoFormat::Tiff
    } else if b.starts_with(b"BM") && b.len() >= 18 && b[6..10].iter().all(|v| *v == 0) {
        PhotoFormat::Bmp
    } else if b.starts_with(b"qoif") {
        PhotoFormat::Qoi
    } else if b.starts_with(b"GIF87a") || b.starts_with(b"GIF89a") {
        PhotoFormat::Gif
    } else {
        return None;
    })
}

fn is_tiff(b: &[u8]) -> bool {
    [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]
        .iter()
        .any(|magic| b.starts_with(*magic))
}

enum Foreign {
    Picture(&'static str),
    Raw(&'static str),
    Other(&'static str),
}

fn raw_by_magic(b: &[u8]) -> Option<&'static str> {
    if is_tiff(b) && b.len() > 10 && &b[8..10] == b"CR" {
        return Some("Canon CR2");
    }
    let table: [(&[u8], &str); 7] = [
        (b"FUJIFILMCCD-RAW", "Fujifilm RAF"),
        (b"IIRO", "Olympus ORF"),
        (b"IIRS", "Olympus ORF"),
        (b"MMOR", "Olympus ORF"),
        (b"IIU\0", "Panasonic RW2"),
        (b"FOVb", "Sigma X3F"),
        (b"II\x1a\0\0\0HEAPCCDR", "Canon CRW"),
    ];
    table
        .iter()
        .find(|(magic, _)| b.starts_with(magic))
        .map(|(_, name)| *name)
}

fn foreign(b: &[u8]) -> Option<Foreign> {
    if let Some(name) = raw_by_magic(b) {
        return Some(Foreign::Raw(name));
    }
    if b.len() >= 12 && &b[4..8] == b"ftyp" {
        return Some(iso_media(&b[8..12]));
    }
    let pictures: [(&[u8], &str); 13] = [
        (b"8BPS", "Photoshop (PSD)"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL ", "JPEG XL"),
        (b"\0\0\0\x0cjP  ", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"\x76\x2f\x31\x01", "OpenEXR"),
        (b"#?RADIANCE", "Radiance HDR"),
        (b"#?RGBE", "Radiance HDR"),
        (b"\0\0\x01\0", "icon (ICO)"),
        (b"gimp xcf", "GIMP (XCF)"),
        (b"DDS ", "DirectDraw (DDS)"),
        (b"icns", "icon (ICNS)"),
        (b"farbfeld", "farbfeld"),
    ];
    if let Some((_, name)) = pictures.iter().find(|(magic, _)| b.starts_with(magic)) {
        return Some(Foreign::Picture(name));
    }
    if b.len() > 2 && b[0] == b'P' && (b'1'..=b'7').contains(&b[1]) && b[2].is_ascii_whitespace() {
        return Some(Foreign::Picture("portable pixmap (PNM)"));
    }
    let others: [(&[u8], &str); 5] = [
        (b"%PDF", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive or a document"),
        (b"\x1f\x8b", "a compressed archive"),
        (b"RIFF", "a sound or video file"),
        (b"\x1a\x45\xdf\xa3", "a video"),
    ];
    if let Some((_, name)) = others.iter().find(|(magic, _)| b.starts_with(magic)) {
        return Some(Foreign::Other(name));
    }
    text(b)
}

fn iso_media(brand: &[u8]) -> Foreign {
    match brand {
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
            Foreign::Picture("HEIC")
        }
        b"avif" | b"avis" => Foreign::Picture("AVIF"),
        b"crx " => Foreign::Raw("Canon CR3"),
        _ => Foreign::Other("a video"),
    }
}

fn text(b: &[u8]) -> Option<Foreign> {
    let head = b[..b.len().min(1024)].to_ascii_lowercase();
    let head = String::from_utf8_lossy(&head);
    let start = head.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if start.starts_with("<svg") || (start.starts_with("<?xml") && head.contains("<svg")) {
        return Some(Foreign::Picture("SVG"));
    }
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return Some(Foreign::Other("a web page (the download may have failed)"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_named() {
        let cases: [(&[u8], &str); 7] = [
            (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
            (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
            (b"8BPS\0\x01", "PSD"),
            (b"<?xml version=\"1.0\"?>\n<svg>", "SVG"),
            (b"FUJIFILMCCD-RAW 0201", "RAW"),
            (b"<!DOCTYPE html><html>", "web page"),
            (b"hello", "not a picture"),
        ];
        for (bytes, word) in cases {
            let text = sniff(bytes).expect_err("must refuse").to_string();
            assert!(text.contains(word), "{text}");
        }
    }
}
