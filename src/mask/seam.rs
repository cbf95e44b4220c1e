//! Owns the composite mask's fade: how coverage falls outside the user's mask. Used by compose when a result is made and
//! by document when an accepted fill's mask is edited, so that both give the same edge. Must never cover less than the
//! mask.

use super::distance_to_mask;
use crate::raster::Plane;

/// Coverage at `distance` px outside the mask for a seam `blend_px` wide: a smoothstep from 255 down to 0.
pub fn seam_coverage(distance: f32, blend_px: u32) -> u8 {
    if distance <= 0.0 {
        return 255;
    }
    let t = 1.0 - distance / (blend_px as f32 + 1.0);
    if t <= 0.0 {
        return 0;
    }
    (t * t * (3.0 - 2.0 * t) * 255.0).round() as u8
}

/// The composite mask of `mask`: its own values and, outside, the seam.
#[must_use]
pub fn with_seam(mask: &Plane, blend_px: u32) -> Plane {
    let mut out = mask.clone();
    if blend_px == 0 || mask.data.is_empty() {
        return out;
    }
    let distances = distance_to_mask(mask, blend_px as f32 + 1.0);
    for (value, distance) in out.data.iter_mut().zip(distances) {
        *value = (*value).max(seam_coverage(distance, blend_px));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::PixelSize;

    #[test]
    fn the_seam_fades_outward_and_ends_at_its_width() {
        let mut mask = Plane::new(PixelSize::new(20, 1));
        mask.data[..5].fill(255);
        let covered = with_seam(&mask, 4);
        assert_eq!(covered.data[..5], [255; 5]);
        assert!(covered.data[5..9].windows(2).all(|pair| pair[0] > pair[1]));
        assert!(covered.data[8] > 0);
        assert_eq!(covered.data[9..], [0; 11]);
        assert_eq!(with_seam(&mask, 0), mask);
    }
}
