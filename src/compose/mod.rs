//! Owns what happens around the model: the masks of a crop, what stands under the mask beforehand (prefill), and how the
//! result goes back into the photo (stitch). Called by the engine. Must never know burn, documents or windows, and must
//! never change a pixel where the composite mask is 0.

mod made;
mod masks;
mod prefill;
mod pull_push;
mod stitch;

pub use made::{Made, MadeError, Put, put};
pub use masks::{CropMasks, crop_masks, working_mask};
pub use prefill::prefill;
pub use stitch::{StitchCache, StitchError, StitchOptions, Stitched, stitch};
