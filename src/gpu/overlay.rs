//! Owns pictures laid over the photo: the live preview of a running job and the candidates.

use std::sync::Arc;

use crate::geometry::{PixelRect, PixelSize};

/// A picture laid over a part of the canvas.
#[derive(Debug, Clone)]
pub struct OverlayPicture {
    /// Changes when the pixels change; the same key is not uploaded twice.
    pub key: u64,
    /// Where it lies. May reach outside the photo (an extension).
    pub rect_in_photo: PixelRect,
    /// Size of `rgba`. Smaller than the rectangle: scaled up smoothly. The same: as crisp as the photo.
    pub size: PixelSize,
    /// RGBA, straight alpha, display-encoded, row by row: `4 * width * height` bytes.
    pub rgba: Arc<Vec<u8>>,
    /// Shown only as far as the mask covers (outside the photo: everywhere).
    pub clip_to_mask: bool,
}
