//! Owns EXIF's UserComment: reading it, and adding one to a block whose other bytes stay where they are. Called by
//! `metadata`. Must never trust an offset, lose a tag or move one: maker notes hold offsets that nobody else knows.

const EXIF_DIRECTORY: u16 = 0x8769;
const USER_COMMENT: u16 = 0x9286;
const EXIF_VERSION: u16 = 0x9000;
const LONG: u16 = 4;
const UNDEFINED: u16 = 7;
/// EXIF 2.32, 4.6.5: the character code stands in the first eight bytes.
const UNICODE: &[u8; 8] = b"UNICODE\0";
const ASCII: &[u8; 8] = b"ASCII\0\0\0";
const UNNAMED: &[u8; 8] = &[0; 8];

/// A block with its new comment, and the comment that it replaced.
#[derive(Debug)]
pub struct Commented {
    pub block: Vec<u8>,
    pub replaced: Option<String>,
}

/// `exif` (TIFF structure, either byte order) with `text` as its UserComment, in UTF-16BE whatever the block's order, as
/// the usual readers expect. What is new stands behind the old bytes, of which only one offset changes. `None` when the
/// block's directories can't be followed.
pub fn with_comment(exif: Option<&[u8]>, text: &str) -> Option<Commented> {
    let old = exif.unwrap_or(b"MM\0*\0\0\0\0");
    let order = Order::of(old)?;
    let mut block = old.to_vec();
    let mut main = match exif {
        Some(_) => order.directory(old, order.u32(old, 4)? as usize)?,
        None => Directory::default(),
    };
    let pointer = main.find(order, EXIF_DIRECTORY);
    let mut inner = match pointer {
        Some(entry) => order.directory(old, order.u32(&entry.raw, 8)? as usize)?,
        None => Directory::default(),
    };
    if pointer.is_none() {
        inner.set(order, EXIF_VERSION, UNDEFINED, 4, *b"0232");
    }
    let replaced = user_comment(old);
    let mut comment = UNICODE.to_vec();
    comment.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    let place = append(&mut block, &comment)?;
    inner.set(
        order,
        USER_COMMENT,
        UNDEFINED,
        u32::try_from(comment.len()).ok()?,
        order.bytes4(place),
    );
    let inner_at = append(&mut block, &inner.written(order)?)?;
    if let Some(entry) = pointer {
        block
            .get_mut(entry.at + 8..entry.at + 12)?
            .copy_from_slice(&order.bytes4(inner_at));
    } else {
        main.set(order, EXIF_DIRECTORY, LONG, 1, order.bytes4(inner_at));
        let main_at = append(&mut block, &main.written(order)?)?;
        block[4..8].copy_from_slice(&order.bytes4(main_at));
    }
    Some(Commented { block, replaced })
}

/// The UserComment as text; none when there is none, it is blank, or in a character set that is not read (JIS).
pub fn user_comment(exif: &[u8]) -> Option<String> {
    let order = Order::of(exif)?;
    let main = order.directory(exif, order.u32(exif, 4)? as usize)?;
    let pointer = main.find(order, EXIF_DIRECTORY)?;
    let inner = order.directory(exif, order.u32(&pointer.raw, 8)? as usize)?;
    let entry = inner.find(order, USER_COMMENT)?;
    let length = order.u32(&entry.raw, 4)? as usize;
    let start = order.u32(&entry.raw, 8)? as usize;
    let value = exif.get(start..start.checked_add(length)?)?;
    let (code, rest) = value.split_at_checked(8)?;
    let text = if code == UNICODE {
        utf16(rest)
    } else if code == ASCII || code == UNNAMED {
        match std::str::from_utf8(rest) {
            Ok(text) => text.to_owned(),
            Err(_) => rest.iter().map(|byte| char::from(*byte)).collect(),
        }
    } else {
        return None;
    };
    let text = text.trim_matches(['\0', ' ', '\t', '\r', '\n']).to_owned();
    (!text.is_empty()).then_some(text)
}

/// UTF-16 in the order that its byte order mark tells, or else that gives more Latin letters; big-endian in doubt.
fn utf16(raw: &[u8]) -> String {
    let zeros = |odd: usize| raw.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let (little, raw) = match raw {
        [0xFF, 0xFE, rest @ ..] => (true, rest),
        [0xFE, 0xFF, rest @ ..] => (false, rest),
        _ => (zeros(1) > zeros(0), raw),
    };
    let units = raw.chunks_exact(2).map(|pair| {
        if little {
            u16::from_le_bytes([pair[0], pair[1]])
        } else {
            u16::from_be_bytes([pair[0], pair[1]])
        }
    });
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Adds `bytes` at an even place and returns that place.
fn append(block: &mut Vec<u8>, bytes: &[u8]) -> Option<u32> {
    if block.len() % 2 == 1 {
        block.push(0);
    }
    let at = u32::try_from(block.len()).ok()?;
    block.extend(bytes);
    Some(at)
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn of(block: &[u8]) -> Option<Self> {
        match block.get(..4)? {
            b"II*\0" => Some(Self::Little),
            b"MM\0*" => Some(Self::Big),
            _ => None,
        }
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(raw),
            Self::Big => u16::from_be_bytes(raw),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(raw),
            Self::Big => u32::from_be_bytes(raw),
        })
    }

    fn bytes2(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn bytes4(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn directory(self, block: &[u8], at: usize) -> Option<Directory> {
        let count = usize::from(self.u16(block, at)?);
        let start = at.checked_add(2)?;
        let end = start.checked_add(count * 12)?;
        let entries = block
            .get(start..end)?
            .chunks_exact(12)
            .enumerate()
            .filter_map(|(index, raw)| {
                Some(Entry {
                    at: start + index * 12,
                    raw: raw.try_into().ok()?,
                })
            })
            .collect();
        Some(Directory {
            entries,
            // Some writers end the block without it.
            next: self.u32(block, end).unwrap_or(0),
        })
    }
}

#[derive(Clone, Copy)]
struct Entry {
    /// Where it stands in the block; 0 for a new one.
    at: usize,
    raw: [u8; 12],
}

#[derive(Default)]
struct Directory {
    entries: Vec<Entry>,
    next: u32,
}

impl Directory {
    fn find(&self, order: Order, tag: u16) -> Option<Entry> {
        let is_tag = |entry: &&Entry| order.u16(&entry.raw, 0) == Some(tag);
        self.entries.iter().find(is_tag).copied()
    }

    /// Replaces the entry of `tag`, or adds it before the first greater one.
    fn set(&mut self, order: Order, tag: u16, kind: u16, count: u32, value: [u8; 4]) {
        let mut raw = [0; 12];
        raw[..2].copy_from_slice(&order.bytes2(tag));
        raw[2..4].copy_from_slice(&order.bytes2(kind));
        raw[4..8].copy_from_slice(&order.bytes4(count));
        raw[8..].copy_from_slice(&value);
        let tag_of = |entry: &Entry| order.u16(&entry.raw, 0).unwrap_or(0);
        self.entries.retain(|entry| tag_of(entry) != tag);
        let place = self.entries.iter().position(|entry| tag_of(entry) > tag);
        let place = place.unwrap_or(self.entries.len());
        self.entries.insert(place, Entry { at: 0, raw });
    }

    fn written(&self, order: Order) -> Option<Vec<u8>> {
        let count = u16::try_from(self.entries.len()).ok()?;
        let mut out = order.bytes2(count).to_vec();
        out.extend(self.entries.iter().flat_map(|entry| entry.raw));
        out.extend(order.bytes4(self.next));
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_from_nothing_holds_the_comment() {
        let made = with_comment(None, "grün 日本 \u{1f600}").expect("makes");
        assert_eq!(made.replaced, None);
        assert_eq!(
            user_comment(&made.block).as_deref(),
            Some("grün 日本 \u{1f600}")
        );
        let again = with_comment(Some(&made.block), "second").expect("merges");
        assert_eq!(again.replaced.as_deref(), Some("grün 日本 \u{1f600}"));
        assert_eq!(user_comment(&again.block).as_deref(), Some("second"));
        assert_eq!(
            again.block[8..made.block.len() - 20],
            made.block[8..made.block.len() - 20]
        );
    }

    #[test]
    fn both_orders_of_utf16_and_plain_text_are_read() {
        let with_value = |value: &[u8]| {
            let mut block = with_comment(None, "").expect("makes").block;
            // The empty comment's entry: count and offset are set to a value at the end.
            let at = block
                .windows(2)
                .rposition(|pair| pair == USER_COMMENT.to_be_bytes())
                .expect("entry");
            let place = block.len() as u32;
            block[at + 4..at + 8].copy_from_slice(&(value.len() as u32).to_be_bytes());
            block[at + 8..at + 12].copy_from_slice(&place.to_be_bytes());
            block.extend(value);
            user_comment(&block)
        };
        let little: Vec<u8> = "Steps: 5"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(
            with_value(&[UNICODE, &little[..]].concat()).as_deref(),
            Some("Steps: 5")
        );
        assert_eq!(
            with_value(&[&UNICODE[..], &[0xFF, 0xFE], &little[..]].concat()).as_deref(),
            Some("Steps: 5")
        );
        assert_eq!(
            with_value(b"ASCII\0\0\0plain  \0").as_deref(),
            Some("plain")
        );
        assert_eq!(
            with_value(b"\0\0\0\0\0\0\0\0\xE9t\xE9").as_deref(),
            Some("été")
        );
        assert_eq!(with_value(b"ASCII\0\0\0        "), None);
        assert_eq!(with_value(b"JIS\0\0\0\0\0abc"), None);
        assert_eq!(with_value(b"short"), None);
    }
}
