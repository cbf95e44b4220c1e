//! Checks that memory is planned and that every plan makes the same picture: planning by full-size models, each way of running a tiny
//! one, limits through the engine and the command line, running out, and overflow in f16.

#![allow(clippy::unwrap_used)] // a test stops at the first surprise

#[path = "../common/mod.rs"]
mod common;
mod kit;
mod limits;
mod overflow;
mod plans;
mod ways;
