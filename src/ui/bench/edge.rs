//! Owns the measurements of an accepted edit's sliders: an edit of 4 megapixels is made with Erase, its sliders move as
//! under a hand, and each frame's cost on the window's thread is told. Part of `session`.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::process::Process;
use super::report::{Figure, ms};
use super::session::Session;
use crate::app::{AppEvent, Command};
use crate::compose::StitchOptions;
use crate::document::FillId;
use crate::geometry::PixelRect;
use crate::gpu::View;
use crate::mask::Mask;

/// The edit: 4.2 megapixels.
const EDIT: [u32; 2] = [2048, 2048];
/// Of our own time on the window's thread, a frame.
const FRAME_BOUND_MS: f64 = 50.0;
/// Moves one after another, one a frame.
const MOVES: usize = 60;
/// Moves that are waited for.
const WAITED: usize = 6;

/// Makes the edit, moves its sliders, lets go, takes the edit back.
pub fn measure(
    session: &mut Session<'_>,
    process: &mut Process,
    figures: &mut Vec<Figure>,
) -> anyhow::Result<()> {
    let view = session.fit();
    let id = erase(session, &view, figures)?;
    let before = process.cpu_ms();
    let mut frames = Vec::new();
    let mut looks = 0;
    let mut known = None;
    for number in 0..MOVES {
        let options = StitchOptions {
            feather: number as f32,
            ..StitchOptions::default()
        };
        frames.push(frame(
            session,
            &view,
            Some(Command::SetFillStitch {
                id,
                stitch: options,
            }),
        )?);
        let shown = session.pictures.shown_look();
        looks += usize::from(shown.is_some() && shown != known);
        known = shown.or(known);
    }
    let cpu = before.zip(process.cpu_ms());
    let cpu = cpu.map(|(before, after)| after.0.saturating_sub(before.0) as f64 / MOVES as f64);
    let waits = waited(session, &view, id)?;
    figures.push(
        Figure::times("slider frame, our time", frames)
            .bound(FRAME_BOUND_MS, "stated; edit of 4 megapixels"),
    );
    if let Some(cpu) = cpu {
        figures.push(
            Figure::new("  our threads' CPU time", "ms", cpu)
                .bound(FRAME_BOUND_MS, "stated; mean of a frame"),
        );
    }
    figures.push(Figure::new(
        "  pictures shown in 60 frames",
        "",
        looks as f64,
    ));
    figures.push(Figure::times("slider move to picture shown", waits).note("stitched on a thread"));
    let let_go = keep(session, &view)?;
    figures.push(
        Figure::new("slider let go, slowest frame", "ms", ms(let_go))
            .note("becomes a step of history"),
    );
    session.app.dispatch(Command::Undo);
    session.app.dispatch(Command::Undo);
    Ok(())
}

fn erase(
    session: &mut Session<'_>,
    view: &View,
    figures: &mut Vec<Figure>,
) -> anyhow::Result<FillId> {
    let size = session.size;
    let [width, height] = EDIT;
    let corner = (
        (size.width - width) as i32 / 2,
        (size.height - height) as i32 / 2,
    );
    let mut mask = Mask::new(size);
    mask.fill_rect(PixelRect::new(corner.0, corner.1, width, height), false);
    session.app.dispatch(Command::SetMask(Box::new(mask)));
    let start = Instant::now();
    session.app.dispatch(Command::EraseMarked);
    loop {
        let events = session.app.poll();
        if events.iter().any(|event| matches!(event, AppEvent::Erased)) {
            break;
        }
        session.check_patience(start)?;
        std::thread::sleep(Duration::from_millis(1));
    }
    figures.push(Figure::new("erase 4 megapixels", "ms", ms(start.elapsed())));
    session.settle(*view)?;
    let fill = session.document()?.fills().last();
    Ok(fill.context("nothing was erased")?.id)
}

/// What a frame costs the window's thread: the command, what has arrived, and all until the frame is handed over.
fn frame(
    session: &mut Session<'_>,
    view: &View,
    command: Option<Command>,
) -> anyhow::Result<Duration> {
    let start = Instant::now();
    if let Some(command) = command {
        session.app.dispatch(command);
    }
    session.app.poll();
    let before = start.elapsed();
    Ok(before + session.frame(view)?.ours)
}

fn waited(session: &mut Session<'_>, view: &View, id: FillId) -> anyhow::Result<Vec<Duration>> {
    let mut waits = Vec::new();
    for number in 0..WAITED {
        let options = StitchOptions {
            grain: number as f32 / WAITED as f32,
            ..StitchOptions::default()
        };
        let start = Instant::now();
        session.app.dispatch(Command::SetFillStitch {
            id,
            stitch: options,
        });
        loop {
            frame(session, view, None)?;
            let look = session
                .app
                .stitch_look()
                .filter(|look| look.options == options);
            if look.is_some_and(|look| session.pictures.shown_look() == Some(look.number)) {
                break;
            }
            session.check_patience(start)?;
        }
        waits.push(start.elapsed());
    }
    Ok(waits)
}

/// The slowest frame until the sliders are a step of history and all of it is on the screen.
fn keep(session: &mut Session<'_>, view: &View) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut slowest = frame(session, view, Some(Command::EndStitch))?;
    while session.app.is_stitching() {
        slowest = slowest.max(frame(session, view, None)?);
        session.check_patience(start)?;
    }
    for _ in 0..5 {
        slowest = slowest.max(frame(session, view, None)?);
    }
    session.settle(*view)?;
    Ok(slowest)
}
