//! Owns photographs: pixels as their file holds them, reading, writing, colour and metadata. Used by compose,
//! document, engine, app and cli. Must never know a document, a model or a window.

mod buffer;

pub use buffer::{Layout, Photo, PhotoFormat, Samples};
