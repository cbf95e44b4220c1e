//! Owns the container side of JPEG: walking its segments, reading size, ICC and metadata, refusing what is not read,
//! and writing ICC and metadata segments. Called by decode and encode. Must never decode a coefficient (see `jpeg_check`).

use super::Layout;
use super::error::PhotoError;
use super::limits::MAX_ICC_BYTES;
use super::metadata::Metadata;
use crate::geometry::PixelSize;

pub(super) const SOS: u8 = 0xDA;
pub(super) const DHT: u8 = 0xC4;
pub(super) const DRI: u8 = 0xDD;
const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const ICC_TAG: &[u8] = b"ICC_PROFILE\0";
const COM: u8 = 0xFE;
const EXIF_TAG: &[u8] = b"Exif\0\0";
/// XMP specification, part 3, 1.1.3.
const XMP_TAG: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// Payload bytes of one segment.
const SEGMENT_ROOM: usize = 65_533;

/// One marker segment. `entropy` is the coded data that follows a start of scan, up to the next real marker.
pub struct Segment<'a> {
    pub marker: u8,
    pub body: &'a [u8],
    pub entropy: &'a [u8],
}

/// A component's place in the frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameComponent {
    pub id: u8,
    pub h: u8,
    pub v: u8,
}

/// The frame header (SOFn).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub size: PixelSize,
    pub progressive: bool,
    pub components: Vec<FrameComponent>,
}

/// A JPEG's segments in order, and whether its end mark was found.
pub struct Segments<'a> {
    pub list: Vec<Segment<'a>>,
    pub complete: bool,
}

/// Splits a JPEG into segments. Never fails: what can't be followed ends the list as incomplete.
pub fn split(bytes: &[u8]) -> Segments<'_> {
    let mut list = Vec::new();
    let mut at = 2;
    loop {
        // Fill bytes and stray bytes before a marker are skipped, as every decoder does.
        while at < bytes.len() && bytes[at] != 0xFF {
            at += 1;
        }
        while at < bytes.len() && bytes[at] == 0xFF {
            at += 1;
        }
        let Some(&marker) = bytes.get(at) else {
            return Segments {
                list,
                complete: false,
            };
        };
        at += 1;
        match marker {
            EOI => {
                let complete = list.iter().any(|s: &Segment<'_>| s.marker == SOS);
                return Segments { list, complete };
            }
            0x00 | 0x01 | 0xD0..=SOI => continue,
            _ => {}
        }
        let length = match bytes.get(at..at + 2) {
            Some(raw) => usize::from(u16::from_be_bytes([raw[0], raw[1]])),
            None => 0,
        };
        let Some(body) = bytes.get(at + 2..at + length).filter(|_| length >= 2) else {
            return Segments {
                list,
                complete: false,
            };
        };
        at += length;
        let entropy = if marker == SOS {
            let end = entropy_end(bytes, at);
            let data = &bytes[at..end];
            at = end;
            data
        } else {
            &[]
        };
        list.push(Segment {
            marker,
            body,
            entropy,
        });
    }
}

/// First position at or after `at` that holds a marker other than a restart.
fn entropy_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(offset) = bytes[at..].iter().position(|b| *b == 0xFF) {
        at += offset;
        match bytes.get(at + 1) {
            None => break,
            Some(0x00 | 0xD0..=0xD7) => at += 2,
            Some(0xFF) => at += 1,
            Some(_) => return at,
        }
    }
    bytes.len()
}

/// The frame header, or why this kind of JPEG is not read.
pub fn frame(segments: &Segments<'_>) -> Result<Frame, PhotoError> {
    let header = segments
        .list
        .iter()
        .find(|s| matches!(s.marker, 0xC0..=0xCF) && !matches!(s.marker, DHT | 0xC8 | 0xCC));
    let Some(header) = header else {
        return Err(if segments.complete {
            PhotoError::damaged("JPEG", "no frame header")
        } else {
            PhotoError::truncated("JPEG")
        });
    };
    let refuse = |what: &str| {
        Err(PhotoError::Unsupported(format!(
            "{what} JPEG files are not read; open it in another program and save it as a plain RGB JPEG or a TIFF"
        )))
    };
    match header.marker {
        0xC0..=0xC2 => {}
        0xC3 | 0xC7 | 0xCB | 0xCF => return refuse("lossless"),
        0xC5 | 0xC6 | 0xCD | 0xCE => return refuse("hierarchical"),
        _ => return refuse("arithmetic-coded"),
    }
    let body = header.body;
    if body.len() < 6 || body.len() < 6 + usize::from(body[5]) * 3 {
        return Err(PhotoError::damaged("JPEG", "short frame header"));
    }
    if body[0] != 8 {
        return refuse(&format!("{}-bit", body[0]));
    }
    let components: Vec<FrameComponent> = body[6..]
        .chunks_exact(3)
        .take(usize::from(body[5]))
        .map(|c| FrameComponent {
            id: c[0],
            h: c[1] >> 4,
            v: c[1] & 15,
        })
        .collect();
    match components.len() {
        1 | 3 => {}
        4 => return refuse("CMYK (print)"),
        n => return refuse(&format!("{n}-channel")),
    }
    if components
        .iter()
        .any(|c| !(1..=4).contains(&c.h) || !(1..=4).contains(&c.v))
    {
        return Err(PhotoError::damaged("JPEG", "bad sampling factors"));
    }
    Ok(Frame {
        size: PixelSize::new(
            u32::from(u16::from_be_bytes([body[3], body[4]])),
            u32::from(u16::from_be_bytes([body[1], body[2]])),
        ),
        progressive: header.marker == 0xC2,
        components,
    })
}

impl Frame {
    pub fn layout(&self) -> Layout {
        if self.components.len() == 1 {
            Layout::Gray
        } else {
            Layout::Rgb
        }
    }
}

/// The EXIF block (TIFF structure) of the first APP1 that holds one.
pub fn exif(segments: &Segments<'_>) -> Option<Vec<u8>> {
    segments
        .list
        .iter()
        .filter(|s| s.marker == APP1)
        .find_map(|s| s.body.strip_prefix(EXIF_TAG))
        .filter(|block| !block.is_empty())
        .map(<[u8]>::to_vec)
}

/// The ICC profile joined from its APP2 pieces (ICC.1:2022, annex B.4); `Err` when pieces are missing.
pub fn icc(segments: &Segments<'_>) -> Result<Option<Vec<u8>>, &'static str> {
    let mut pieces: Vec<(u8, u8, &[u8])> = segments
        .list
        .iter()
        .filter(|s| s.marker == APP2)
        .filter_map(|s| s.body.strip_prefix(ICC_TAG))
        .filter(|rest| rest.len() > 2)
        .map(|rest| (rest[0], rest[1], &rest[2..]))
        .collect();
    if pieces.is_empty() {
        return Ok(None);
    }
    pieces.sort_by_key(|piece| piece.0);
    let total = pieces[0].1;
    let in_order = pieces
        .iter()
        .enumerate()
        .all(|(index, piece)| usize::from(piece.0) == index + 1 && piece.1 == total);
    if !in_order || pieces.len() != usize::from(total) {
        return Err("its colour profile is incomplete");
    }
    let profile = pieces.iter().flat_map(|piece| piece.2).copied().collect();
    Ok(Some(profile))
}

/// The XMP packet of the first APP1 that holds one.
pub fn xmp(segments: &Segments<'_>) -> Option<Vec<u8>> {
    segments
        .list
        .iter()
        .filter(|s| s.marker == APP1)
        .find_map(|s| s.body.strip_prefix(XMP_TAG))
        .map(<[u8]>::to_vec)
}

/// The texts of all comment segments.
pub fn comments<'a>(segments: &'a Segments<'a>) -> impl Iterator<Item = &'a [u8]> {
    let is_comment = |s: &&Segment<'a>| s.marker == COM;
    segments.list.iter().filter(is_comment).map(|s| s.body)
}

/// Whether one segment can hold this EXIF block.
pub fn exif_fits(block: &[u8]) -> bool {
    block.len() + EXIF_TAG.len() <= SEGMENT_ROOM
}

/// Whether one segment can hold this XMP packet.
pub fn xmp_fits(packet: &[u8]) -> bool {
    packet.len() + XMP_TAG.len() <= SEGMENT_ROOM
}

/// Whether one segment can hold this comment.
pub fn comment_fits(text: &str) -> bool {
    text.len() <= SEGMENT_ROOM
}

/// Metadata as segments, to stand behind the JFIF header. `Err` names what does not fit.
pub fn metadata_segments(metadata: &Metadata, icc: Option<&[u8]>) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut put = |marker: u8, parts: &[&[u8]]| {
        let length: usize = parts.iter().map(|p| p.len()).sum();
        out.extend([0xFF, marker]);
        out.extend(((length + 2) as u16).to_be_bytes());
        for part in parts {
            out.extend(*part);
        }
    };
    if let Some(block) = &metadata.exif {
        if !exif_fits(block) {
            return Err("the EXIF block is larger than a JPEG can hold (64 KiB)".into());
        }
        put(APP1, &[EXIF_TAG, block]);
    }
    if let Some(packet) = metadata.xmp.as_ref().filter(|p| xmp_fits(p)) {
        put(APP1, &[XMP_TAG, packet]);
    }
    if let Some(profile) = icc {
        let room = SEGMENT_ROOM - ICC_TAG.len() - 2;
        let pieces = profile.len().div_ceil(room);
        if pieces > 255 || profile.len() > MAX_ICC_BYTES {
            return Err("the colour profile is larger than a JPEG can hold (16 MiB)".into());
        }
        for (index, piece) in profile.chunks(room).enumerate() {
            put(APP2, &[ICC_TAG, &[index as u8 + 1, pieces as u8], piece]);
        }
    }
    for (_, text) in metadata.texts.iter().filter(|(_, t)| comment_fits(t)) {
        put(COM, &[text.as_bytes()]);
    }
    Ok(out)
}

/// Inserts `extra` segments behind the start mark and, if there is one, the JFIF header of a JPEG in memory.
pub fn insert_segments(jpeg: &mut Vec<u8>, extra: Vec<u8>) {
    let mut at = 2;
    if jpeg.get(2..4) == Some(&[0xFF, 0xE0])
        && let Some(raw) = jpeg.get(4..6)
    {
        at += 2 + usize::from(u16::from_be_bytes([raw[0], raw[1]]));
    }
    let at = at.min(jpeg.len());
    jpeg.splice(at..at, extra);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_profiles_travel_in_pieces() {
        let profile: Vec<u8> = (0..150_000u32).map(|v| (v * 7) as u8).collect();
        let mut file = vec![0xFF, SOI, 0xFF, SOS, 0, 2, 1, 2, 3, 0xFF, EOI];
        let metadata = Metadata {
            exif: Some(b"II*\0rest"[..].into()),
            ..Metadata::default()
        };
        let extra = metadata_segments(&metadata, Some(&profile)).expect("fits");
        insert_segments(&mut file, extra);
        let segments = split(&file);
        assert!(segments.complete);
        assert_eq!(icc(&segments).expect("whole"), Some(profile));
        assert_eq!(exif(&segments), Some(b"II*\0rest".to_vec()));
        assert_eq!(segments.list.iter().filter(|s| s.marker == APP2).count(), 3);
    }

    #[test]
    fn a_missing_piece_is_noticed() {
        let extra = metadata_segments(&Metadata::default(), Some(&vec![7; 100_000])).expect("fits");
        let mut file = vec![0xFF, SOI];
        file.extend(&extra[..65_535 + 2]);
        assert!(icc(&split(&file)).is_err());
    }
}
