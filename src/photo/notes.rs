//! Owns `Notes`, what people and programs wrote into a file besides EXIF: XMP, PNG texts, a JPEG comment. Read by the
//! decoders, cleaned here, written by `metadata`. Must never keep a statement that the picture no longer bears out.

/// Largest XMP packet that is kept, and the most of all texts together: 4 MiB.
pub const MAX_NOTE_BYTES: usize = 4 << 20;
/// Most texts that are kept.
pub const MAX_TEXTS: usize = 256;

/// The key under which a JPEG's comment stands among the texts.
pub const COMMENT: &str = "Comment";

/// Words in a packet that speaks about other parts of its file, which are not kept.
const FOREIGN_PARTS: [(&[u8], &str); 5] = [
    (b"HasExtendedXMP", "a second packet"),
    (b"ns.google.com/photos/1.0/container", "further pictures"),
    (b"ns.adobe.com/hdr-gain-map", "an HDR gain map"),
    (b"ns.google.com/photos/1.0/camera", "a moving picture"),
    (b"HDRGainMap", "an HDR gain map"),
];

/// What a file says about its picture besides EXIF.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// An XMP packet, its orientation set to upright.
    pub xmp: Option<Vec<u8>>,
    /// Keyed texts of a PNG in order; a JPEG's comment is one with the key `Comment`.
    pub texts: Vec<(String, String)>,
}

impl Notes {
    pub fn is_empty(&self) -> bool {
        self.xmp.is_none() && self.texts.is_empty()
    }

    /// Without what is too large or no longer true; says what was left out.
    pub(super) fn cleaned(mut self, warnings: &mut Vec<String>) -> Self {
        self.xmp = self.xmp.filter(|xmp| !xmp.is_empty()).and_then(|xmp| {
            if xmp.len() > MAX_NOTE_BYTES {
                warnings.push(format!(
                    "the XMP notes have {} MiB and were left out (the limit is {} MiB)",
                    xmp.len() >> 20,
                    MAX_NOTE_BYTES >> 20
                ));
                return None;
            }
            if let Some((_, part)) = FOREIGN_PARTS.iter().find(|(word, _)| contains(&xmp, word)) {
                warnings.push(format!(
                    "the file's XMP notes go with {part}, which an edited picture can't keep; both were left out"
                ));
                return None;
            }
            Some(upright(xmp))
        });
        let bytes: usize = self.texts.iter().map(|(k, v)| k.len() + v.len()).sum();
        if bytes > MAX_NOTE_BYTES || self.texts.len() > MAX_TEXTS {
            warnings.push(format!(
                "the file has {} text notes of {} KiB, more than are kept; they were left out",
                self.texts.len(),
                bytes >> 10
            ));
            self.texts.clear();
        }
        self
    }
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// The same packet with `tiff:Orientation` 1: the pixels were turned when they were read.
fn upright(mut xmp: Vec<u8>) -> Vec<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut from = 0;
    while let Some(offset) = xmp[from..].windows(NAME.len()).position(|w| w == NAME) {
        let start = from + offset + NAME.len();
        // `="6"` or `>6<`; white space may stand around the equals sign.
        let value = xmp[start..]
            .iter()
            .take(8)
            .position(|b| !b.is_ascii_whitespace() && !b"='\">".contains(b));
        if let Some(skip) = value.filter(|skip| *skip > 0) {
            let place = start + skip;
            let ends = xmp.get(place + 1).is_none_or(|b| !b.is_ascii_digit());
            if (b'1'..=b'8').contains(&xmp[place]) && ends {
                xmp[place] = b'1';
            }
        }
        from = start;
    }
    xmp
}

/// Text of unknown encoding: UTF-8 where it is that, Latin-1 otherwise.
pub(super) fn decoded(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(text) => text.to_owned(),
        Err(_) => latin1(raw),
    }
}

pub(super) fn latin1(raw: &[u8]) -> String {
    raw.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xmp_becomes_upright_and_keeps_its_length() {
        let cases = [
            (
                r#"<a tiff:Orientation="6" b="6"/>"#,
                r#"<a tiff:Orientation="1" b="6"/>"#,
            ),
            (
                "<tiff:Orientation>8</tiff:Orientation>",
                "<tiff:Orientation>1</tiff:Orientation>",
            ),
            ("tiff:Orientation = '3'", "tiff:Orientation = '1'"),
            ("tiff:Orientation6", "tiff:Orientation6"),
            ("tiff:Orientation=\"66\"", "tiff:Orientation=\"66\""),
            ("tiff:Orientation", "tiff:Orientation"),
            ("tiff:Orientation=\"", "tiff:Orientation=\""),
        ];
        for (before, after) in cases {
            let got = upright(before.as_bytes().to_vec());
            assert_eq!(String::from_utf8_lossy(&got), after);
        }
    }

    #[test]
    fn packets_about_lost_parts_are_left_out_aloud() {
        let mut warnings = Vec::new();
        let notes = Notes {
            xmp: Some(b"<x xmpNote:HasExtendedXMP=\"0123\"/>".to_vec()),
            texts: vec![("k".into(), "v".repeat(MAX_NOTE_BYTES))],
        };
        assert!(notes.cleaned(&mut warnings).is_empty());
        assert_eq!(warnings.len(), 2);
        let small = Notes {
            xmp: Some(b"<x/>".to_vec()),
            texts: vec![("k".into(), "v".into())],
        };
        assert_eq!(small.clone().cleaned(&mut warnings), small);
    }
}
