//! Owns `inlay bench canvas`: opens generated photos of 24 and 100 megapixels in an app with a journal, draws them into a
//! texture, paints, undoes, moves the sliders of an edit, and says what each costs. Called by cli through `main`; a measuring tool, not part of the
//! window.

mod edge;
mod picture;
mod process;
mod report;
mod session;
mod stage;

use anyhow::{Context as _, anyhow};

use crate::geometry::PixelSize;
use process::WINDOW_THREAD;
use report::Report;
pub use stage::{Stage, Surface, draw};

const PHOTOS: [PixelSize; 2] = [PixelSize::new(6000, 4000), PixelSize::new(12_000, 8400)];
/// Physical pixels.
const WINDOW: [u32; 2] = [1920, 1080];

/// Measures, and returns what to print.
pub fn run(json: bool) -> anyhow::Result<String> {
    // A thread with a name can be told from the rasteriser's.
    let window = std::thread::Builder::new().name(WINDOW_THREAD.to_owned());
    let report = window
        .spawn(measure)
        .context("no thread to measure on")?
        .join()
        .map_err(|_panic| {
            anyhow!("measuring ended with an error of its own; please report this")
        })??;
    if json {
        return Ok(serde_json::to_string_pretty(&report)?);
    }
    Ok(report.to_text())
}

fn measure() -> anyhow::Result<Report> {
    let stage = Stage::new(WINDOW).map_err(|error| anyhow!(error))?;
    let mut photos = Vec::new();
    for size in PHOTOS {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let file = picture::write(size, folder.path())?;
        photos.push(session::measure(&stage, folder.path(), &file)?);
    }
    Ok(Report {
        adapter: stage.adapter(),
        window: WINDOW,
        photos,
    })
}
