//! Owns the container side of WebP: finding chunks, and adding an XMP chunk, for which the encoder has no call. Called by
//! `decode_simple`, `encode_formats` and `metadata`. Must never trust a chunk's length.
//! Layout: WebP container specification, "Extended File Format".

use crate::geometry::PixelSize;

const HEADER: usize = 12;
const XMP_FLAG: u8 = 0x04;
const ALPHA_FLAG: u8 = 0x10;

/// Data of the first chunk called `name`.
pub fn find(bytes: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    let mut at = HEADER;
    loop {
        let head = bytes.get(at..at.checked_add(8)?)?;
        let length = u32::from_le_bytes(head[4..8].try_into().ok()?) as usize;
        let data = bytes.get(at + 8..(at + 8).checked_add(length)?)?;
        if head.starts_with(&name) {
            return Some(data);
        }
        at += 8 + length + length % 2;
    }
}

/// The still picture `webp` with an XMP chunk at its end. `None` when it is not one or would grow past 4 GiB.
pub fn with_xmp(webp: &[u8], xmp: &[u8], size: PixelSize, alpha: bool) -> Option<Vec<u8>> {
    let body = webp.get(HEADER..)?;
    let mut out = Vec::with_capacity(webp.len() + xmp.len() + 32);
    out.extend(b"RIFF\0\0\0\0WEBP");
    if body.starts_with(b"VP8X") {
        out.extend(body);
        *out.get_mut(HEADER + 8)? |= XMP_FLAG;
    } else {
        put(&mut out, *b"VP8X", &{
            let mut header = vec![XMP_FLAG | if alpha { ALPHA_FLAG } else { 0 }, 0, 0, 0];
            for side in [size.width, size.height] {
                header.extend(&side.checked_sub(1)?.to_le_bytes()[..3]);
            }
            header
        })?;
        out.extend(body);
    }
    put(&mut out, *b"XMP ", xmp)?;
    let length = u32::try_from(out.len() - 8).ok()?;
    out[4..8].copy_from_slice(&length.to_le_bytes());
    Some(out)
}

fn put(out: &mut Vec<u8>, name: [u8; 4], data: &[u8]) -> Option<()> {
    out.extend(name);
    out.extend(u32::try_from(data.len()).ok()?.to_le_bytes());
    out.extend(data);
    if data.len() % 2 == 1 {
        out.push(0);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xmp_is_added_to_plain_and_extended_files() {
        let size = PixelSize::new(300, 2);
        let mut plain = b"RIFF\x0e\0\0\0WEBPVP8L".to_vec();
        plain.extend([3, 0, 0, 0, 1, 2, 3, 0]);
        let once = with_xmp(&plain, b"<x/>", size, true).expect("adds");
        assert_eq!(find(&once, *b"XMP "), Some(&b"<x/>"[..]));
        assert_eq!(find(&once, *b"VP8L"), Some(&[1, 2, 3][..]));
        assert_eq!(
            find(&once, *b"VP8X"),
            Some(&[0x14, 0, 0, 0, 43, 1, 0, 1, 0, 0][..])
        );
        assert_eq!(once[4..8], (once.len() as u32 - 8).to_le_bytes());
        let twice = with_xmp(&once, b"odd", size, true).expect("adds");
        assert_eq!(twice.len(), once.len() + 12);
        for cut in 0..once.len() {
            find(&once[..cut], *b"none");
            with_xmp(&once[..cut], b"x", size, false);
        }
    }
}
