//! Owns the limits on what is decoded and made: pixels, sides, bytes, metadata. Asked before memory is taken, by every
//! decoder and by every operation that enlarges a canvas. Must never allocate.

use super::Layout;
use super::error::PhotoError;
use crate::geometry::PixelSize;

/// Most pixels of one photograph: 200 megapixels.
pub const MAX_PIXELS: u64 = 200_000_000;
/// Longest side in pixels.
pub const MAX_SIDE: u32 = 65_535;
/// Most bytes of decoded samples: 2 GiB.
pub const MAX_DECODED_BYTES: u64 = 2 << 30;
/// Largest file that is opened: 2 GiB.
pub const MAX_FILE_BYTES: u64 = 2 << 30;
/// Largest ICC profile that is kept: 16 MiB.
pub const MAX_ICC_BYTES: usize = 16 << 20;
/// Largest EXIF block that is kept: 16 MiB.
pub const MAX_EXIF_BYTES: usize = 16 << 20;

/// Refuses empty pictures and those beyond the limits.
pub fn check_size(
    size: PixelSize,
    layout: Layout,
    bytes_per_sample: u64,
) -> Result<(), PhotoError> {
    if size.is_empty() {
        return Err(PhotoError::Damaged(format!(
            "the picture has no pixels ({size}); choose another file"
        )));
    }
    if size.width > MAX_SIDE || size.height > MAX_SIDE {
        return Err(PhotoError::TooLarge(format!(
            "the picture is {size} pixels, a side may have at most {MAX_SIDE}; make it smaller in another program"
        )));
    }
    if size.area() > MAX_PIXELS {
        return Err(PhotoError::TooLarge(format!(
            "the picture is {size} = {} megapixels, the limit is {}; make it smaller in another program",
            size.area() / 1_000_000,
            MAX_PIXELS / 1_000_000
        )));
    }
    let bytes = size.area() * layout.channels() as u64 * bytes_per_sample;
    if bytes > MAX_DECODED_BYTES {
        return Err(PhotoError::TooLarge(format!(
            "the picture needs {} MiB in memory, the limit is {} MiB; make it smaller in another program",
            bytes >> 20,
            MAX_DECODED_BYTES >> 20
        )));
    }
    Ok(())
}

/// Refuses a file that claims more pixels than its bytes can hold: `pixels_per_byte` is the most that the format's
/// compression can reach. Stops decompression bombs before their memory is taken.
pub fn check_plausible(
    format: &str,
    size: PixelSize,
    file_bytes: usize,
    pixels_per_byte: u64,
) -> Result<(), PhotoError> {
    if size.area() > (file_bytes as u64).saturating_mul(pixels_per_byte) {
        return Err(PhotoError::Damaged(format!(
            "the {format} file claims {size} pixels but has only {file_bytes} bytes, it is cut short or forged; get a fresh copy"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_hold_at_their_edges() {
        assert!(check_size(PixelSize::new(20_000, 10_000), Layout::Rgba, 2).is_ok());
        assert!(check_size(PixelSize::new(20_001, 10_000), Layout::Gray, 1).is_err());
        assert!(check_size(PixelSize::new(65_536, 1), Layout::Gray, 1).is_err());
        assert!(check_size(PixelSize::new(0, 5), Layout::Gray, 1).is_err());
        assert!(check_plausible("PNG", PixelSize::new(1000, 1000), 10, 1000).is_err());
    }
}
