//! Draws the canvas off screen and looks at the pixels: exactness at 100 %, alpha, mask, overlays, clipping, and how much
//! of a large picture is read and kept. Skips aloud where no adapter exists.

mod accept;
mod exact;
mod layers;
mod memory;
mod pictures;
mod stage;
