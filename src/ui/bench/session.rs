//! Owns one photo's measurements: an app opens it, the canvas shows it, strokes are painted and undone.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use eframe::egui::{FullOutput, Pos2, Vec2, pos2, vec2};

use super::process::Process;
use super::report::{Figure, PhotoReport, ms};
use super::stage::Stage;
use crate::app::{App, AppEvent, AppOptions, Command, Paths};
use crate::document::Document;
use crate::geometry::PixelSize;
use crate::gpu::{CanvasPainter, CanvasStyle, TILE_MEMORY_BYTES, View};
use crate::photo;
use crate::ui::canvas::Pictures;

/// The photo must be on screen within this many times the plain decode.
const OPEN_BOUND: f64 = 1.3;
/// Memory must stay under this many times the decoded photo, the tile cache apart.
const MEMORY_BOUND: f64 = 2.5;
const FRAME_BOUND_MS: f64 = 4.0;
const STROKE_BOUND_MS: f64 = 2.0;
/// One frame at 60 a second.
const UNDO_BOUND_MS: f64 = 1000.0 / 60.0;
const PATIENCE: Duration = Duration::from_mins(2);
/// Pixels of the screen between two events of a hand at work.
const EVENT_STEP: f32 = 12.0;
const EVENTS: usize = 60;
const STROKES: usize = 5;
/// Strokes that a busy hand draws in a minute.
const STROKES_A_MINUTE: usize = 40;
const FRAMES: usize = 150;
/// Pixels that a frame pans by: 3000 a second.
const PAN_STEP: f32 = 50.0;
/// Side of the mask's tiles in history and journal, in px.
const TILE: u64 = 256;

pub(super) struct Session<'a> {
    stage: &'a Stage,
    pub(super) app: App,
    pub(super) pictures: Pictures,
    pub(super) size: PixelSize,
}

/// One frame's times.
pub(super) struct Frame {
    /// Until the frame is handed to the device.
    pub(super) ours: Duration,
    /// Until the device has drawn it.
    whole: Duration,
    is_loading: bool,
}

/// Measures the photo in `file`; `folder` becomes the app's home.
pub fn measure(stage: &Stage, folder: &Path, file: &Path) -> anyhow::Result<PhotoReport> {
    let plain = plain_decode(file)?;
    let start = Instant::now();
    photo::decode_file(file)?;
    let checked = start.elapsed();
    let options = AppOptions {
        paths: Some(Paths::below(folder)),
        keep_journal: true,
        ..AppOptions::default()
    };
    let mut session = Session {
        stage,
        app: App::new(options, || ())?,
        pictures: Pictures::new(Some(CanvasPainter::new(&stage.render_state))),
        size: PixelSize::default(),
    };
    let mut figures = vec![Figure::new("plain decode", "ms", ms(plain)).note("image crate alone")];
    // As a window does when it starts: from then on there are shaders.
    session.open(Command::OpenSample)?;
    let mut process = Process::new();
    let before = process.resident_bytes().unwrap_or_default();
    let (read, opened) = session.open(Command::Open(file.to_owned()))?;
    figures
        .push(Figure::new("decode as Inlay does", "ms", ms(checked)).note("damage is looked for"));
    figures.push(
        Figure::new("open to first whole frame", "ms", ms(opened)).bound(
            ms(plain) * OPEN_BOUND,
            "1.3 × plain decode; frames before it are laid out but not rasterised",
        ),
    );
    figures.push(
        Figure::new("  until read, decoded, journalled", "ms", ms(read))
            .note("the rest is the first frame"),
    );
    let decoded = session.size.area() * 3;
    figures.extend(memory(
        "memory after opening",
        &mut process,
        before,
        decoded,
    ));
    session.strokes(20.0, "stroke event, 20 px", &mut figures)?;
    session.strokes(800.0, "stroke event, 800 px", &mut figures)?;
    session.undo(&mut figures)?;
    session.journal(&mut figures)?;
    session.frames(&mut process, &mut figures)?;
    figures.extend(memory("memory at the end", &mut process, before, decoded));
    let cached = session
        .pictures
        .painter
        .as_ref()
        .map_or(0, CanvasPainter::cached_bytes);
    figures.push(Figure::mib("tiles on the device", cached).bound(
        TILE_MEMORY_BYTES as f64 / f64::from(1 << 20),
        "the tile cache's own",
    ));
    super::edge::measure(&mut session, &mut process, &mut figures)?;
    session.app.close_document();
    Ok(PhotoReport {
        width: session.size.width,
        height: session.size.height,
        figures,
    })
}

/// The faster of two runs: the first one also brings the file into memory.
fn plain_decode(file: &Path) -> anyhow::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..2 {
        let start = Instant::now();
        let picture = image::ImageReader::open(file)?
            .with_guessed_format()?
            .decode()?;
        best = best.min(start.elapsed());
        drop(picture);
    }
    Ok(best)
}

impl Session<'_> {
    /// Times until the document is there, and until all of the photo is on the screen.
    fn open(&mut self, command: Command) -> anyhow::Result<(Duration, Duration)> {
        let start = Instant::now();
        self.app.dispatch(command);
        'waiting: loop {
            for event in self.app.poll() {
                match event {
                    AppEvent::PhotoOpened => break 'waiting,
                    AppEvent::OpenFailed(error) => bail!(error),
                    _ => {}
                }
            }
            self.check_patience(start)?;
            std::thread::sleep(Duration::from_millis(1));
        }
        let read = start.elapsed();
        self.pictures.forget();
        self.size = self.document()?.size();
        let view = self.fit();
        loop {
            let (output, is_loading) = self.lay_out(&view);
            if !is_loading {
                self.stage.draw(output);
                break;
            }
            output.drop_without_applying_deltas();
            // Uploads go to the device all the same.
            self.stage.render_state.queue.submit([]);
            self.check_patience(start)?;
            std::thread::sleep(Duration::from_millis(1));
        }
        self.stage.finish().map_err(|error| anyhow!(error))?;
        Ok((read, start.elapsed()))
    }

    pub(super) fn check_patience(&self, since: Instant) -> anyhow::Result<()> {
        if since.elapsed() > PATIENCE {
            let what = self.app.opening().map_or("the canvas", |_| "the photo");
            bail!("{what} takes longer than {} s", PATIENCE.as_secs());
        }
        Ok(())
    }

    pub(super) fn document(&self) -> anyhow::Result<&Document> {
        self.app.document().context("the document is gone")
    }

    fn view(&self, scale: f32, middle_in_photo: Vec2) -> View {
        View {
            origin_in_view: self.stage.window().center() - middle_in_photo * scale,
            points_per_pixel: scale,
        }
    }

    fn middle(&self) -> Vec2 {
        vec2(self.size.width as f32, self.size.height as f32) / 2.0
    }

    fn fit_scale(&self) -> f32 {
        let window = self.stage.window();
        let fit = window.size() / (self.middle() * 2.0);
        fit.x.min(fit.y).min(1.0)
    }

    pub(super) fn fit(&self) -> View {
        self.view(self.fit_scale(), self.middle())
    }

    /// A frame that is not drawn yet, and whether parts of it are missing.
    fn lay_out(&mut self, view: &View) -> (FullOutput, bool) {
        let (stage, app, pictures) = (self.stage, &self.app, &mut self.pictures);
        let mut is_loading = false;
        let output = stage.lay_out(|ui| {
            pictures.feed(app, false, Vec::new(), ui.ctx());
            if let Some(painter) = &mut pictures.painter {
                let style = CanvasStyle::default();
                let status = painter.paint(ui.painter(), stage.window(), view, &style);
                is_loading = status.still_loading;
            }
        });
        (output, is_loading)
    }

    pub(super) fn frame(&mut self, view: &View) -> anyhow::Result<Frame> {
        let start = Instant::now();
        let (output, is_loading) = self.lay_out(view);
        self.stage.draw(output);
        let ours = start.elapsed();
        self.stage.finish().map_err(|error| anyhow!(error))?;
        Ok(Frame {
            ours,
            whole: start.elapsed(),
            is_loading,
        })
    }

    pub(super) fn settle(&mut self, view: View) -> anyhow::Result<()> {
        let start = Instant::now();
        while self.frame(&view)?.is_loading {
            self.check_patience(start)?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Paints strokes at 100 %, with a frame after each event as in a window.
    fn strokes(
        &mut self,
        diameter: f32,
        name: &'static str,
        figures: &mut Vec<Figure>,
    ) -> anyhow::Result<()> {
        self.app.dispatch(Command::SetBrushDiameter(diameter));
        let view = self.view(1.0, self.middle());
        self.settle(view)?;
        let (mut events, mut stamps) = (Vec::new(), Vec::new());
        let (mut frames, mut ends) = (Vec::new(), Vec::new());
        for number in 0..STROKES {
            for (index, at) in path(self.middle(), number).enumerate() {
                let start = Instant::now();
                let Pos2 { x, y } = at;
                self.app.dispatch(if index == 0 {
                    let (erase, pressure) = (false, 1.0);
                    Command::BeginStroke {
                        x,
                        y,
                        erase,
                        pressure,
                    }
                } else {
                    Command::ContinueStroke {
                        x,
                        y,
                        pressure: 1.0,
                    }
                });
                stamps.push(start.elapsed());
                self.pictures
                    .feed(&self.app, false, Vec::new(), &self.stage.context);
                events.push(start.elapsed());
                frames.push(self.frame(&view)?.ours);
            }
            let start = Instant::now();
            self.app.dispatch(Command::EndStroke);
            ends.push(start.elapsed());
        }
        figures.push(Figure::times(name, events).bound(STROKE_BOUND_MS, "stated"));
        figures.push(
            Figure::times("  of that, painting", stamps).note("the rest hands it to the canvas"),
        );
        figures.push(Figure::times("  frame while painting, until drawn", frames));
        figures.push(Figure::times("  end of a stroke, journalled", ends));
        Ok(())
    }

    /// Every stroke back and forth, then a step that changes the whole mask.
    fn undo(&mut self, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
        let mut times = Vec::new();
        let steps = self.document()?.history_labels().len();
        for command in [Command::Undo, Command::Redo] {
            for _ in 0..steps {
                times.push(self.step(command.clone()));
            }
        }
        figures.push(
            Figure::times("undo or redo of a stroke", times).bound(UNDO_BOUND_MS, "one frame"),
        );
        let invert = self.step(Command::InvertMask);
        let back = self.step(Command::Undo);
        figures.push(Figure::new("invert the whole mask", "ms", ms(invert)));
        figures.push(Figure::new("undo of that", "ms", ms(back)));
        Ok(())
    }

    /// A command, and what changed handed to the canvas.
    fn step(&mut self, command: Command) -> Duration {
        let start = Instant::now();
        self.app.dispatch(command);
        self.pictures
            .feed(&self.app, false, Vec::new(), &self.stage.context);
        start.elapsed()
    }

    /// A minute's strokes without a frame in between.
    fn journal(&mut self, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
        self.app.dispatch(Command::SetBrushDiameter(100.0));
        let before = self.document()?.journal_bytes();
        let mut touched = 0;
        for number in 0..STROKES_A_MINUTE {
            let revision = self.document()?.mask_revision();
            for (index, Pos2 { x, y }) in path(self.middle(), number + STROKES).enumerate() {
                let (erase, pressure) = (number % 4 == 3, 1.0);
                self.app.dispatch(if index == 0 {
                    Command::BeginStroke {
                        x,
                        y,
                        erase,
                        pressure,
                    }
                } else {
                    Command::ContinueStroke { x, y, pressure }
                });
            }
            self.app.dispatch(Command::EndStroke);
            if let Some(rect) = self.document()?.mask_changed_since(revision) {
                let tiles =
                    |from: i32, to: i32| u64::from((to - from).unsigned_abs()).div_ceil(TILE) + 1;
                touched += tiles(rect.x, rect.right()) * tiles(rect.y, rect.bottom());
            }
        }
        let written = self.document()?.journal_bytes().saturating_sub(before);
        let kib = |bytes: u64| bytes as f64 / 1024.0;
        figures.push(
            Figure::new("journal, a minute of painting", "KiB", kib(written)).bound(
                kib(touched * TILE * TILE),
                "a byte for each px of touched tiles",
            ),
        );
        Ok(())
    }

    /// Pans along a circle at 100 %, then zooms from all of it to 400 % and back.
    fn frames(&mut self, process: &mut Process, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
        let middle = self.middle();
        let radius = PAN_STEP * FRAMES as f32 / std::f32::consts::TAU;
        let pan: Vec<View> = (0..FRAMES)
            .map(|n| n as f32 / FRAMES as f32 * std::f32::consts::TAU)
            .map(|turn| self.view(1.0, middle + Vec2::angled(turn) * radius))
            .collect();
        let low = self.fit_scale();
        let zoom: Vec<View> = (0..FRAMES)
            .map(|n| 1.0 - (n as f32 / FRAMES as f32 * 2.0 - 1.0).abs())
            .map(|share| self.view(low * (4.0 / low).powf(share), middle))
            .collect();
        for (views, names) in [
            (
                pan,
                [
                    "pan, frame",
                    "  until handed to the device",
                    "  our threads' CPU time",
                ],
            ),
            (
                zoom,
                [
                    "zoom, frame",
                    "  until handed to the device",
                    "  our threads' CPU time",
                ],
            ),
        ] {
            self.settle(views[0])?;
            let before = process.cpu_ms();
            let (mut whole, mut ours) = (Vec::new(), Vec::new());
            for view in &views {
                let frame = self.frame(view)?;
                whole.push(frame.whole);
                ours.push(frame.ours);
            }
            let after = process.cpu_ms();
            figures.push(Figure::times(names[0], whole).note("rasteriser and waiting included"));
            figures.push(Figure::times(names[1], ours));
            if let (Some(before), Some(after)) = (before, after) {
                let a_frame = |ms: u64| ms as f64 / FRAMES as f64;
                let mine = after.0.saturating_sub(before.0);
                let all = after.1.saturating_sub(before.1);
                figures.push(Figure::new(names[2], "ms", a_frame(mine)).bound(
                    FRAME_BOUND_MS,
                    "stated; mean of a frame, tile threads included",
                ));
                figures.push(
                    Figure::new(
                        "  the rasteriser's CPU time",
                        "ms",
                        a_frame(all.saturating_sub(mine)),
                    )
                    .note("software rendering only"),
                );
            }
        }
        Ok(())
    }
}

/// What this process grew by since the photo was opened, beside its bound.
fn memory(name: &'static str, process: &mut Process, before: u64, decoded: u64) -> Option<Figure> {
    let grown = process.resident_bytes()?.saturating_sub(before);
    let bound = MEMORY_BOUND * decoded as f64 + TILE_MEMORY_BYTES as f64;
    Some(Figure::mib(name, grown).bound(
        bound / f64::from(1 << 20),
        "2.5 × decoded photo + tile cache; growth since before",
    ))
}

/// A wavy stroke around the middle of what is seen; each number another one.
fn path(middle: Vec2, number: usize) -> impl Iterator<Item = Pos2> {
    let row = (number % 8) as f32 * 90.0 - 320.0;
    (0..EVENTS).map(move |n| {
        let along = (n as f32 - EVENTS as f32 / 2.0) * EVENT_STEP;
        pos2(
            middle.x + along,
            middle.y + row + (along / 70.0).sin() * 40.0,
        )
    })
}
