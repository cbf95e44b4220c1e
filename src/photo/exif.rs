//! Owns the one EXIF field that pixels depend on, the orientation: reading it and setting it to upright. Called by
//! decode. Every other byte of the block is kept as it is. Must never trust an offset.

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// The block without the `Exif\0\0` prefix that some containers add.
pub fn without_prefix(block: &[u8]) -> &[u8] {
    block.strip_prefix(b"Exif\0\0").unwrap_or(block)
}

/// EXIF orientation 1–8; 1 (upright) when there is none or the block is broken.
pub fn orientation(block: &[u8]) -> u8 {
    find(block)
        .and_then(|field| field.read(block))
        .filter(|value| (1..=8).contains(value))
        .map_or(1, |value| value as u8)
}

/// The same block with its orientation set to 1.
pub fn upright(mut block: Vec<u8>) -> Vec<u8> {
    if let Some(field) = find(&block) {
        field.write_one(&mut block);
    }
    block
}

struct Field {
    at: usize,
    bytes: usize,
    big_endian: bool,
}

impl Field {
    fn read(&self, block: &[u8]) -> Option<u32> {
        let raw = block.get(self.at..self.at + self.bytes)?;
        Some(fold(raw, self.big_endian))
    }

    fn write_one(&self, block: &mut [u8]) {
        if let Some(raw) = block.get_mut(self.at..self.at + self.bytes) {
            raw.fill(0);
            let low = if self.big_endian { raw.len() - 1 } else { 0 };
            raw[low] = 1;
        }
    }
}

fn fold(raw: &[u8], big_endian: bool) -> u32 {
    let step = |sum: u32, byte: &u8| (sum << 8) | u32::from(*byte);
    if big_endian {
        raw.iter().fold(0, step)
    } else {
        raw.iter().rev().fold(0, step)
    }
}

/// Where the orientation's value lies in the first directory.
fn find(block: &[u8]) -> Option<Field> {
    let big_endian = match block.get(..4)? {
        b"II*\0" => false,
        b"MM\0*" => true,
        _ => return None,
    };
    let number = |at: usize, len: usize| -> Option<u32> {
        let raw = block.get(at..at.checked_add(len)?)?;
        Some(fold(raw, big_endian))
    };
    let directory = number(4, 4)? as usize;
    let entries = number(directory, 2)? as usize;
    for index in 0..entries {
        let entry = directory.checked_add(2 + index * 12)?;
        if number(entry, 2)? as u16 != ORIENTATION {
            continue;
        }
        let bytes = match number(entry + 2, 2)? as u16 {
            SHORT => 2,
            LONG => 4,
            _ => return None,
        };
        return Some(Field {
            at: entry + 8,
            bytes,
            big_endian,
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(big_endian: bool, value: u16) -> Vec<u8> {
        let put16 = |v: u16| {
            if big_endian {
                v.to_be_bytes()
            } else {
                v.to_le_bytes()
            }
        };
        let put32 = |v: u32| {
            if big_endian {
                v.to_be_bytes()
            } else {
                v.to_le_bytes()
            }
        };
        let mut out = if big_endian {
            b"MM\0*".to_vec()
        } else {
            b"II*\0".to_vec()
        };
        out.extend(put32(8));
        out.extend(put16(1));
        out.extend(put16(ORIENTATION));
        out.extend(put16(SHORT));
        out.extend(put32(1));
        out.extend(put16(value));
        out.extend([0, 0]);
        out.extend(put32(0));
        out
    }

    #[test]
    fn orientation_is_read_and_reset_in_both_byte_orders() {
        for big_endian in [false, true] {
            for value in 1..=8 {
                let before = block(big_endian, value);
                assert_eq!(orientation(&before), value as u8);
                let after = upright(before.clone());
                assert_eq!(orientation(&after), 1);
                let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
                assert!(changed <= 1);
            }
        }
    }

    #[test]
    fn broken_blocks_are_upright() {
        let whole = block(true, 6);
        for cut in 0..whole.len() - 6 {
            assert_eq!(orientation(&whole[..cut]), 1, "{cut}");
            upright(whole[..cut].to_vec());
        }
        assert_eq!(orientation(b"II*\0\xff\xff\xff\xff"), 1);
        assert_eq!(orientation(&block(false, 77)), 1);
    }
}
