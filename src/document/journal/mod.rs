//! Owns what survives a crash: a locked folder a run, in it an append-only log of records and the large pieces that they
//! name. Used by `document` alone, which decides what a record says. Must never know what a record means.

mod blobs;
mod error;
mod flush;
mod folder;
mod log;

pub use blobs::{BlobId, BlobStore, MAX_BLOB_BYTES};
pub use error::JournalError;
pub use folder::JournalFolder;
pub use log::{LogWarning, LogWriter, MAX_RECORD_BYTES, ReadLog, read_log};
