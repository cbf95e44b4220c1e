//! Owns PNG's text chunks: tEXt, zTXt and iTXt read from a file's bytes, and handed to the encoder. Called by
//! `decode_png`, `encode_formats` and `metadata`. Must never fail a picture over a text, or unpack more than the limit.

use super::notes::{MAX_NOTE_BYTES, MAX_TEXTS, Notes, latin1};

const SIGNATURE: usize = 8;
/// Length, type and checksum around a chunk's data.
const AROUND: usize = 12;
/// PNG, 11.3.3.1: the keyword of an XMP packet (XMP specification, part 3, 1.1.5).
const XMP_KEY: &str = "XML:com.adobe.xmp";
const LONGEST_KEY: usize = 79;

/// The texts of the PNG `bytes`, and how many were left out because they are damaged or too large.
pub fn read(bytes: &[u8]) -> (Notes, usize) {
    let mut notes = Notes::default();
    let mut lost = 0;
    // Many small chunks can unpack to many times their size, and each try takes time.
    let (mut room, mut tries) = (MAX_NOTE_BYTES, MAX_TEXTS);
    for chunk in chunks(bytes) {
        if !matches!(&chunk[4..8], b"tEXt" | b"zTXt" | b"iTXt") {
            continue;
        }
        let mut unpacked = || {
            tries = tries.checked_sub(1)?;
            let (key, text) = packed(chunk, room)?;
            room -= text.len().min(room);
            Some((key, text))
        };
        let found = if is_sound(chunk) {
            plain(chunk).or_else(&mut unpacked)
        } else {
            None
        };
        match found {
            Some((key, text)) if key == XMP_KEY => {
                notes.xmp.get_or_insert_with(|| text.into_bytes());
            }
            Some(pair) => notes.texts.push(pair),
            None => lost += 1,
        }
    }
    (notes, lost)
}

/// Whole chunks with length, type and checksum, up to the first that is cut short.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let (chunk, after) = rest.split_at_checked(length.checked_add(AROUND)?)?;
        rest = after;
        Some(chunk)
    })
}

fn is_sound(chunk: &[u8]) -> bool {
    let (body, sum) = chunk.split_at(chunk.len() - 4);
    crc32fast::hash(&body[4..]).to_be_bytes() == sum
}

/// Key and text of a chunk that is not compressed.
fn plain(chunk: &[u8]) -> Option<(String, String)> {
    let data = &chunk[8..chunk.len() - 4];
    let (key, rest) = split_at_zero(data)?;
    if key.is_empty() || key.len() > LONGEST_KEY {
        return None;
    }
    let text = match &chunk[4..8] {
        b"tEXt" => latin1(rest),
        b"iTXt" => {
            let rest = rest.strip_prefix(&[0])?.get(1..)?;
            let (_language, rest) = split_at_zero(rest)?;
            let (_translated, text) = split_at_zero(rest)?;
            std::str::from_utf8(text).ok()?.to_owned()
        }
        _ => return None,
    };
    Some((latin1(key), text))
}

fn split_at_zero(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = data.iter().position(|byte| *byte == 0)?;
    Some((&data[..at], &data[at + 1..]))
}

/// Key and text of a compressed chunk, unpacked by the decoder, which sees it in a picture of one pixel.
fn packed(chunk: &[u8], limit: usize) -> Option<(String, String)> {
    const HEADER_END: usize = SIGNATURE + AROUND + 13;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 1, 1);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&[0]).ok()?;
    writer.finish().ok()?;
    file.splice(HEADER_END..HEADER_END, chunk.iter().copied());
    let limits = png::Limits {
        bytes: MAX_NOTE_BYTES * 2,
    };
    let decoder = png::Decoder::new_with_limits(std::io::Cursor::new(file), limits);
    let reader = decoder.read_info().ok()?;
    let info = reader.info();
    if let Some(text) = info.compressed_latin1_text.first() {
        let mut text = text.clone();
        text.decompress_text_with_limit(limit).ok()?;
        return Some((text.keyword.clone(), text.get_text().ok()?));
    }
    let mut text = info.utf8_text.first()?.clone();
    text.decompress_text_with_limit(limit).ok()?;
    Some((text.keyword.clone(), text.get_text().ok()?))
}

/// Puts XMP and texts into the header of a PNG to be written: Latin-1 as tEXt, all else as iTXt.
pub fn put(info: &mut png::Info<'_>, xmp: Option<&[u8]>, texts: &[(String, String)]) {
    for (key, text) in texts {
        let text = text.replace('\0', "");
        if is_latin1(&text) {
            let chunk = png::text_metadata::TEXtChunk::new(key, text);
            info.uncompressed_latin1_text.push(chunk);
        } else {
            let chunk = png::text_metadata::ITXtChunk::new(key, text);
            info.utf8_text.push(chunk);
        }
    }
    if let Some(Ok(packet)) = xmp.map(std::str::from_utf8) {
        let chunk = png::text_metadata::ITXtChunk::new(XMP_KEY, packet);
        info.utf8_text.push(chunk);
    }
}

/// Whether PNG takes `key` as a keyword (PNG, 11.3.3.2).
pub fn is_key(key: &str) -> bool {
    let length = key.chars().count();
    (1..=LONGEST_KEY).contains(&length)
        && key
            .chars()
            .all(|c| matches!(u32::from(c), 0x20..=0x7E | 0xA1..=0xFF))
}

/// Printable Latin-1 and line breaks, which is what tEXt may hold.
fn is_latin1(text: &str) -> bool {
    text.chars()
        .all(|c| c == '\n' || c == '\t' || matches!(u32::from(c), 0x20..=0x7E | 0xA0..=0xFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(fill: impl FnOnce(&mut png::Info<'_>)) -> Vec<u8> {
        let mut info = png::Info::with_size(1, 1);
        info.color_type = png::ColorType::Grayscale;
        fill(&mut info);
        let mut out = Vec::new();
        let encoder = png::Encoder::with_info(&mut out, info).expect("encoder");
        let mut writer = encoder.write_header().expect("header");
        writer.write_image_data(&[0]).expect("data");
        writer.finish().expect("ends");
        out
    }

    #[test]
    fn texts_of_all_kinds_are_read() {
        let bytes = file(|info| {
            let texts = [
                ("Author", "Zoë\nsecond"),
                ("Title", "日本"),
                ("Odd", "a\u{1}b"),
            ];
            let texts = texts.map(|(k, v)| (k.to_owned(), v.to_owned()));
            put(info, Some("<x>ü</x>".as_bytes()), &texts);
            let mut packed = png::text_metadata::ITXtChunk::new("Packed", "é".repeat(500));
            packed.compressed = true;
            info.utf8_text.push(packed);
            let latin = png::text_metadata::ZTXtChunk::new("Older", "ö".repeat(900));
            info.compressed_latin1_text.push(latin);
        });
        assert!(bytes.len() < 900, "{}", bytes.len());
        let (notes, lost) = read(&bytes);
        assert_eq!(lost, 0);
        assert_eq!(notes.xmp.as_deref(), Some("<x>ü</x>".as_bytes()));
        let find = |key: &str| {
            let found = notes.texts.iter().find(|(k, _)| k == key);
            found.map(|(_, v)| v.clone()).expect("found")
        };
        assert_eq!(find("Author"), "Zoë\nsecond");
        assert_eq!(find("Title"), "日本");
        assert_eq!(find("Odd"), "a\u{1}b");
        assert_eq!(find("Packed"), "é".repeat(500));
        assert_eq!(find("Older"), "ö".repeat(900));
    }

    #[test]
    fn bombs_and_broken_chunks_are_left_out() {
        let bytes = file(|info| {
            for _ in 0..3 {
                let bomb =
                    png::text_metadata::ZTXtChunk::new("Bomb", " ".repeat(MAX_NOTE_BYTES * 3));
                info.compressed_latin1_text.push(bomb);
            }
            put(info, None, &[("Good".into(), "kept".into())]);
        });
        let (notes, lost) = read(&bytes);
        assert_eq!(notes.texts, [("Good".into(), "kept".into())]);
        assert_eq!(lost, 3);
        for cut in 0..60.min(bytes.len()) {
            read(&bytes[..cut]);
        }
        let mut broken = bytes;
        let at = broken.windows(4).position(|w| w == b"kept").expect("text");
        broken[at] = b'w';
        assert_eq!(read(&broken), (Notes::default(), 4));
    }
}
