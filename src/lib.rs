//! Inlay fills, extends and restores photographs with a diffusion model on the user's own machine.
//!
//! # The way a picture travels
//!
//! ```text
//! file ─photo::decode─▶ Photo ─▶ Document ◀─Command── ui, cli, tests
//!                                   │ Command::Generate
//!                                   ▼
//!                     plan::InpaintPlan: crops, working sizes, mask widths, prefill (plain data)
//!                                   │ engine::JobRequest, with the photo and mask shared read-only
//!                                   ▼ bounded channel
//!                     engine worker, per crop: compose::crop_masks ▶ prefill ▶ diffusion (exemplar or pipeline)
//!                                   │                          ▶ compose::stitch ▶ content and coverage of a Patch
//!                                   ▼ engine::JobEvent: started, stage, step, preview, finished, failed, cancelled
//!                     app::Candidate ─Command::Accept─▶ one Fill in the document ─photo::encode─▶ file
//! ```
//!
//! # Rooms
//!
//! | room | owns |
//! |---|---|
//! | [`geometry`] | sizes and rectangles in whole pixels |
//! | [`raster`] | the two plain pictures rooms exchange: `RgbF32` and `Plane` |
//! | [`progress`] | how long work reports and is stopped |
//! | [`settings`] | preferences that outlive a session |
//! | [`photo`] | pixels as their file holds them; decode, encode, colour, metadata, resampling |
//! | [`mask`] | which pixels to repaint: strokes, shapes, distance |
//! | [`select`] | from a hint (a click, a rough mask, strokes) to a mask that follows the photo's edges |
//! | [`plan`] | what a job will do, as data: contexts, working sizes, order of crops |
//! | [`compose`] | around the model: masks of a crop, prefill, refining in tiles, the stitch and what it starts from |
//! | [`diffusion`] | the models: exemplar and Erase (weight-free), Stable Diffusion 1, 2 and XL in burn, from folders and single files |
//! | [`models`] | what a folder or file on disk is, and where models lie on this machine |
//! | [`quality`] | numbers that say how good a fill is; benchmark holes; the table of scores |
//! | [`engine`] | the worker thread, jobs, devices, memory |
//! | [`document`] | the open picture: fills upon the photo, frame, mask, history; the journal and project files that keep them |
//! | [`app`] | the state that front ends share, the commands that change it, recovery after a crash |
//! | [`gpu`] | drawing the canvas |
//! | [`ui`] | the window |
//! | [`cli`] | the command line |
//!
//! `tests/tidy.rs` knows who may use whom and fails on anything else.
//!
//! # What always holds
//!
//! - A sample outside the composite mask is never touched: results are blended in the photo's own layout, depth and
//!   colour space, and coverage 0 means the bytes stay.
//! - The document changes only through `App::dispatch`, and by a result only when it is accepted. A result carries the
//!   revision it was made for and is refused where the picture has changed since.
//! - An accepted result is a `Fill` upon the photo, never burnt in: it is flattened when a picture is written, nowhere else.
//! - Every step goes through `Document::record`, which writes it to the journal before anything else can happen.
//! - One thread computes. A panic or device error there fails that job and drops the loaded model, nothing else.
//! - In f32 a seed gives the same picture on every device; noise and schedules are computed on the host, as PyTorch
//!   computes them.
//! - Files are written beside their target and renamed.

pub mod app;
pub mod cli;
pub mod compose;
pub mod diffusion;
pub mod document;
pub mod engine;
pub mod geometry;
pub mod gpu;
pub mod mask;
pub mod models;
pub mod photo;
pub mod plan;
pub mod progress;
pub mod quality;
pub mod raster;
pub mod select;
pub mod settings;
pub mod ui;
