//! Owns the proof that a JPEG's coded data is whole: it walks the Huffman codes of every scan (without making a pixel)
//! and fails where they stop making sense or run out. The decoder itself fills such places with grey and says nothing.
//! Called by decode. Must never reject data that follows the standard (ITU-T T.81, annexes F.2 and G).

use super::jpeg_segments::{DHT, DRI, Frame, SOS, Segments};

/// Where the coded data stopped making sense.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Broken {
    /// Share of the scan that was sound, 0–1.
    pub sound: f32,
}

/// Checks every scan. Scans that can't be followed without coefficients (later passes over the same bits of a
/// progressive file) are taken as they are.
pub fn check(segments: &Segments<'_>, frame: &Frame) -> Result<(), Broken> {
    let mut tables = Tables::default();
    let mut restart_every = 0usize;
    for segment in &segments.list {
        match segment.marker {
            DHT => tables.read(segment.body),
            DRI if segment.body.len() >= 2 => {
                restart_every = usize::from(u16::from_be_bytes([segment.body[0], segment.body[1]]));
            }
            SOS => {
                if let Some(scan) = Scan::read(segment.body, frame, restart_every) {
                    scan.check(segment.entropy, &tables)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A Huffman table: 9 bits at once, longer codes by their canonical limits.
struct Table {
    fast: Vec<(u8, u8)>,
    /// For each length: first code beyond it, left-aligned to 16 bits, and the offset to its symbols.
    limits: [(u32, i32); 17],
    symbols: Vec<u8>,
}

const FAST_BITS: u32 = 9;

impl Table {
    fn new(counts: &[u8], symbols: &[u8]) -> Self {
        let mut fast = vec![(0, 0); 1 << FAST_BITS];
        let mut limits = [(0, 0); 17];
        let (mut code, mut index) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = usize::from(counts[length as usize - 1]);
            limits[length as usize].1 = index as i32 - code as i32;
            for _ in 0..count {
                if length <= FAST_BITS && index < symbols.len() {
                    let from = (code << (FAST_BITS - length)) as usize;
                    let to = from + (1 << (FAST_BITS - length));
                    if let Some(span) = fast.get_mut(from..to) {
                        span.fill((length as u8, symbols[index]));
                    }
                }
                code += 1;
                index += 1;
            }
            limits[length as usize].0 = code << (16 - length);
            code <<= 1;
        }
        Self {
            fast,
            limits,
            symbols: symbols.to_vec(),
        }
    }
}

#[derive(Default)]
struct Tables {
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
}

impl Tables {
    fn read(&mut self, mut body: &[u8]) {
        while body.len() >= 17 {
            let (class, slot) = (body[0] >> 4, usize::from(body[0] & 3));
            let counts = &body[1..17];
            let total: usize = counts.iter().map(|c| usize::from(*c)).sum();
            let Some(symbols) = body.get(17..17 + total) else {
                return;
            };
            let table = Some(Table::new(counts, symbols));
            if class == 0 {
                self.dc[slot] = table;
            } else {
                self.ac[slot] = table;
            }
            body = &body[17 + total..];
        }
    }
}

struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    acc: u64,
    count: u32,
    /// Zero bits put behind the data's end; using one of them means that data is missing.
    padding: u32,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            acc: 0,
            count: 0,
            padding: 0,
        }
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let byte = match self.data.get(self.at) {
                Some(0xFF) if self.data.get(self.at + 1) == Some(&0) => {
                    self.at += 2;
                    0xFF
                }
                Some(0xFF) | None => {
                    self.padding += 8;
                    0
                }
                Some(byte) => {
                    self.at += 1;
                    *byte
                }
            };
            self.acc |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// Drops `n` ≤ 16 bits and returns them.
    #[inline]
    fn take(&mut self, n: u32) -> Option<u32> {
        if n == 0 {
            return Some(0);
        }
        if self.count < n {
            self.fill();
        }
        let value = (self.acc >> (64 - n)) as u32;
        self.acc <<= n;
        self.count -= n;
        (self.count >= self.padding).then_some(value)
    }

    #[inline]
    fn symbol(&mut self, table: &Table) -> Option<u8> {
        if self.count < 16 {
            self.fill();
        }
        let (length, symbol) = table.fast[(self.acc >> (64 - FAST_BITS)) as usize];
        if length > 0 {
            self.take(u32::from(length))?;
            return Some(symbol);
        }
        let code = (self.acc >> 48) as u32;
        for length in FAST_BITS as usize + 1..=16 {
            let (limit, offset) = table.limits[length];
            if code < limit {
                self.take(length as u32)?;
                let index = (code >> (16 - length)) as i32 + offset;
                return table.symbols.get(usize::try_from(index).ok()?).copied();
            }
        }
        None
    }

    /// Continues behind the next restart marker.
    fn restart(&mut self) -> Option<()> {
        let rest = self.data.get(self.at..)?;
        let offset = rest
            .windows(2)
            .position(|w| w[0] == 0xFF && (0xD0..=0xD7).contains(&w[1]))?;
        *self = Self {
            at: self.at + offset + 2,
            ..Self::new(self.data)
        };
        Some(())
    }
}

/// What one scan codes.
struct Scan {
    /// Blocks of one unit between restarts, each with its DC and AC table slot.
    blocks: Vec<(usize, usize)>,
    units: usize,
    restart_every: usize,
    first: u32,
    last: u32,
    refining: bool,
    progressive: bool,
}

impl Scan {
    /// `None` when the header makes no sense here or the scan can't be followed.
    fn read(body: &[u8], frame: &Frame, restart_every: usize) -> Option<Self> {
        let count = usize::from(*body.first()?);
        let tail = body.get(1 + count * 2..4 + count * 2)?;
        let (first, last) = (u32::from(tail[0]), u32::from(tail[1]));
        let refining = tail[2] >> 4 != 0;
        if frame.progressive && (last > 63 || first > last || (refining && first > 0)) {
            return None;
        }
        let mut parts = Vec::new();
        for pair in body[1..=count * 2].chunks_exact(2) {
            let part = *frame.components.iter().find(|c| c.id == pair[0])?;
            parts.push((
                part,
                usize::from(pair[1] >> 4 & 3),
                usize::from(pair[1] & 3),
            ));
        }
        let h_max = u32::from(frame.components.iter().map(|c| c.h).max()?);
        let v_max = u32::from(frame.components.iter().map(|c| c.v).max()?);
        let (w, h) = (frame.size.width, frame.size.height);
        let (units, blocks) = if let [(part, dc, ac)] = parts[..] {
            // A scan of one component has no padding blocks (A.2.2).
            let across = (w * u32::from(part.h)).div_ceil(h_max).div_ceil(8);
            let down = (h * u32::from(part.v)).div_ceil(v_max).div_ceil(8);
            (across as usize * down as usize, vec![(dc, ac)])
        } else {
            let across = w.div_ceil(8 * h_max) as usize;
            let blocks = parts
                .iter()
                .flat_map(|(p, dc, ac)| vec![(*dc, *ac); usize::from(p.h) * usize::from(p.v)])
                .collect();
            (across * h.div_ceil(8 * v_max) as usize, blocks)
        };
        Some(Self {
            blocks,
            units,
            restart_every,
            first,
            last: if frame.progressive { last } else { 63 },
            refining,
            progressive: frame.progressive,
        })
    }

    fn check(&self, data: &[u8], tables: &Tables) -> Result<(), Broken> {
        let Some(blocks) = self.tables_of_blocks(tables) else {
            return Ok(()); // tables from outside the file: the decoder decides
        };
        let mut bits = Bits::new(data);
        let mut end_of_band_run = 0u32;
        for unit in 0..self.units {
            let broken = Broken {
                sound: unit as f32 / self.units as f32,
            };
            if self.restart_every > 0 && unit > 0 && unit % self.restart_every == 0 {
                bits.restart().ok_or(broken)?;
                end_of_band_run = 0;
            }
            for (dc, ac) in &blocks {
                self.block(&mut bits, *dc, *ac, &mut end_of_band_run)
                    .ok_or(broken)?;
            }
        }
        Ok(())
    }

    /// DC and AC table of every block of a unit, where this scan reads such codes; `None` when the file lacks one.
    fn tables_of_blocks<'t>(
        &self,
        tables: &'t Tables,
    ) -> Option<Vec<(Option<&'t Table>, Option<&'t Table>)>> {
        let needs_dc = self.first == 0 && !self.refining;
        let needs_ac = self.last > 0;
        let mut out = Vec::with_capacity(self.blocks.len());
        for (dc, ac) in &self.blocks {
            let (dc, ac) = (tables.dc[*dc].as_ref(), tables.ac[*ac].as_ref());
            if (needs_dc && dc.is_none()) || (needs_ac && ac.is_none()) {
                return None;
            }
            out.push((dc.filter(|_| needs_dc), ac.filter(|_| needs_ac)));
        }
        Some(out)
    }

    #[inline]
    fn block(
        &self,
        bits: &mut Bits<'_>,
        dc: Option<&Table>,
        ac: Option<&Table>,
        run: &mut u32,
    ) -> Option<()> {
        if self.refining {
            bits.take(1)?;
            return Some(());
        }
        if let Some(table) = dc {
            let size = u32::from(bits.symbol(table)?);
            if size > 16 {
                return None;
            }
            bits.take(size)?;
        }
        let Some(table) = ac else { return Some(()) };
        if *run > 0 {
            *run -= 1;
            return Some(());
        }
        let mut k = self.first.max(1);
        while k <= self.last {
            let symbol = bits.symbol(table)?;
            let (skip, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size > 0 {
                k += skip;
                if k > self.last {
                    return None;
                }
                bits.take(size)?;
                k += 1;
            } else if skip == 15 {
                k += 16;
            } else {
                if self.progressive {
                    *run = (1 << skip) - 1 + bits.take(skip)?;
                }
                break;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photo::jpeg_segments::{frame, split};

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let mut state = 1u32;
        let pixels: Vec<u8> = (0..width * height * 3)
            .map(|i| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((i / 7) as u8).wrapping_add((state >> 28) as u8)
            })
            .collect();
        let mut out = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 90)
            .encode(&pixels, width, height, image::ExtendedColorType::Rgb8)
            .expect("encodes");
        out
    }

    #[test]
    fn a_whole_file_passes_and_a_cut_one_does_not() {
        let file = jpeg(75, 50);
        let whole = split(&file);
        let header = frame(&whole).expect("header");
        assert_eq!(check(&whole, &header), Ok(()));
        // Cut inside the coded data, end mark put back: only the codes can tell.
        for keep in [0.5, 0.8, 0.97] {
            let mut cut = file[..(file.len() as f32 * keep) as usize].to_vec();
            while cut.last() == Some(&0xFF) {
                cut.pop();
            }
            cut.extend([0xFF, 0xD9]);
            let segments = split(&cut);
            assert!(segments.complete);
            let broken = check(&segments, &header).expect_err("cut");
            assert!(broken.sound < 1.0);
        }
    }
}
