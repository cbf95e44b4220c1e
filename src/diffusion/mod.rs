//! Owns the models: everything between a crop and its repainted picture. Used by the engine only. Must never know
//! photos, plans, documents or windows; it sees `RgbF32`, `Plane` and text.
pub mod exemplar;
