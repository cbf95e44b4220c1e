//! Owns photographs: pixels as their file holds them, reading, writing, colour and metadata. Used by compose,
//! document, engine, app and cli. Must never know a document, a model or a window.

mod blend;
mod buffer;
mod canvas;
mod color;
mod curve;
mod decode;
mod decode_jpeg;
mod decode_png;
mod decode_simple;
mod decode_tiff;
mod display;
mod encode;
mod encode_formats;
mod error;
mod exif;
mod exif_comment;
mod heat;
mod jpeg_check;
mod jpeg_segments;
mod limits;
mod metadata;
mod notes;
mod orient;
mod patch;
mod png_text;
mod recipe;
pub mod resample;
mod save;
mod sniff;
mod webp_chunks;

pub use blend::Blended;
pub use buffer::{Layout, Photo, PhotoFormat, Samples};
pub use color::ColorSpace;
pub use decode::{Decoded, decode_bytes, decode_file};
pub use display::Picture;
pub use encode::{EncodeOptions, encode_beside, encode_bytes, encode_file, writable_format};
pub use error::PhotoError;
pub use heat::{heat_map, heat_rgba8};
pub use limits::{MAX_DECODED_BYTES, MAX_FILE_BYTES, MAX_PIXELS, MAX_SIDE};
pub use metadata::read_recipe;
pub use notes::Notes;
pub use recipe::Recipe;
pub use save::{default_output, free_path, write_atomically, write_atomically_with};
