//! Owns the command line: arguments, exit codes, and one file a subcommand. Sends the same Commands as the window. Must
//! never know egui, and never do what `app` could do.

/// Writes a line to standard output. A reader that has left, as `head` does, is no failure.
macro_rules! tell {
    ($($what:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout().lock(), $($what)*);
    }};
}

mod args;
mod bench;
mod devices;
mod fill;
mod inspect;
mod models;
mod progress;
mod quality;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::app::{AppOptions, Paths};
use crate::engine::EngineOptions;
use args::{Args, Subcommand};

/// What the window's room does for this one; given by `main`, so that this room needs no egui.
#[derive(Clone, Copy)]
pub struct FrontEnd {
    /// Opens the window on a photo, or on the sample, and returns when it is closed.
    pub open_window: fn(AppOptions, Option<PathBuf>) -> anyhow::Result<()>,
    /// Measures the canvas and returns what to print, as JSON if asked to.
    pub bench_canvas: fn(bool) -> anyhow::Result<String>,
}

/// What went wrong, by exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 2: what was asked makes no sense.
    Usage(String),
    /// 1: it went wrong.
    Failed(String),
}

pub(crate) type Outcome = Result<(), Failure>;

/// Runs Inlay with these arguments (the first is the program's name).
pub fn run(arguments: impl IntoIterator<Item = OsString>, front_end: FrontEnd) -> ExitCode {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let outcome = match args.command {
        None => window(args.photo, front_end),
        Some(Subcommand::Fill(fill)) => fill::run_fill(&fill),
        Some(Subcommand::Erase(erase)) => fill::run_erase(erase),
        Some(Subcommand::Extend(extend)) => fill::run_extend(&extend),
        Some(Subcommand::Devices(devices)) => devices::run(&devices),
        Some(Subcommand::Inspect(inspect)) => inspect::run(&inspect),
        Some(Subcommand::Models(models)) => models::run(&models),
        Some(Subcommand::Bench(bench)) => bench::run(&bench, front_end),
        Some(Subcommand::ProbeDevices) => {
            let cache_dir = Paths::find().map(|paths| paths.cache_dir);
            tell!("{}", crate::engine::probe_child(cache_dir.as_deref()));
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(text)) => complain(&text, 2),
        Err(Failure::Failed(text)) => complain(&text, 1),
    }
}

/// One line, whatever the text was made of.
fn complain(text: &str, code: u8) -> ExitCode {
    let line: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    eprintln!("inlay: {}", line.join(" "));
    ExitCode::from(code)
}

fn window(photo: Option<PathBuf>, front_end: FrontEnd) -> Outcome {
    let options = AppOptions {
        paths: Paths::find(),
        program: program(),
        keep_preferences: true,
        keep_journal: true,
        ..AppOptions::default()
    };
    (front_end.open_window)(options, photo).map_err(|error| Failure::Failed(format!("{error:#}")))
}

/// Inlay's own file, for the child process that probes devices.
fn program() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// What the engine must know of its surroundings.
fn engine_options() -> EngineOptions {
    let paths = Paths::find();
    EngineOptions {
        state_dir: paths.as_ref().map(|p| p.state_dir.clone()),
        cache_dir: paths.map(|p| p.cache_dir),
        probe_program: program(),
    }
}
