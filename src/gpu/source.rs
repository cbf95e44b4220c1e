//! Owns `TileSource`, the door through which photo pixels come. Implemented outside this room; called on background
//! threads.

use crate::geometry::{PixelRect, PixelSize};

/// Where a photo's pixels come from. Must be quick to share and safe to read from several threads at once.
pub trait TileSource: Send + Sync {
    /// The photo's size in pixels.
    fn size(&self) -> PixelSize;

    /// RGBA, 8 bits, straight alpha, display-encoded sRGB, row by row, of `rect` shrunk by `step`.
    ///
    /// `rect` lies inside the photo and is not empty; `step` is a power of two (1 = full size); `rect.x` and `rect.y` are
    /// multiples of `step`. Each output pixel is the mean of a `step` × `step` square; squares that the rectangle's right
    /// or bottom edge cuts are the mean of what is left. Length: `4 * ceil(width / step) * ceil(height / step)`.
    fn rgba8(&self, rect: PixelRect, step: u32) -> Vec<u8>;
}
