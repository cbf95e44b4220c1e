//! The script of the crash test: an editing session that follows from its seed alone, one command at a time, and what a
//! document looks like as one number a part.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use inlay::app::{App, AppEvent, AppOptions, Command, Paths, Shape};
use inlay::document::{Document, FillId};
use inlay::geometry::PixelRect;
use inlay::mask::Combine;
use inlay::photo::Samples;
use inlay::plan::GenerateSettings;

/// Acts of a script; most are several commands.
const ACTS: usize = 45;

/// xorshift64*: the same on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn pixel(&mut self, end: u32) -> f32 {
        self.below(u64::from(end)) as f32
    }
}

/// What a person would miss, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    photo: u64,
    mask: u64,
    /// The picture in document space, and the frame in canvas space.
    canvas: [i64; 8],
    fills: Vec<String>,
    labels: Vec<String>,
    done: usize,
    target: Option<FillId>,
    is_modified: bool,
}

fn hash(bytes: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn rect(r: PixelRect) -> [i64; 4] {
    [r.x.into(), r.y.into(), r.width.into(), r.height.into()]
}

impl Looks {
    pub fn has_no_step(&self) -> bool {
        self.labels.is_empty()
    }

    pub fn of(document: &Document) -> Self {
        let photo = match &document.photo().samples {
            Samples::U8(samples) => hash(samples),
            Samples::U16(samples) => hash(samples),
        };
        let fills = document.fills().iter().map(|fill| {
            format!(
                "{:?} {} {} {} {:?} {:x} {:?}",
                fill.id,
                fill.name,
                fill.opacity,
                fill.is_visible,
                fill.growth,
                hash(&fill.mask.plane().data),
                fill.recipe,
            )
        });
        let [a, b] = [rect(document.canvas()), rect(document.frame())];
        Self {
            photo,
            mask: hash(&document.mask().plane.data),
            canvas: [a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]],
            fills: fills.collect(),
            labels: document.history_labels().map(str::to_owned).collect(),
            done: document.history_position(),
            target: document.target(),
            is_modified: document.is_modified(),
        }
    }
}

/// An app whose folders lie below `home`.
pub fn app(home: &Path) -> App {
    let options = AppOptions {
        paths: Some(Paths::below(home)),
        keep_journal: true,
        ..AppOptions::default()
    };
    App::new(options, || ()).expect("starts")
}

/// Polls until `wanted` accepts an event.
pub fn wait(app: &mut App, wanted: impl Fn(&AppEvent) -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        for event in app.poll() {
            if wanted(&event) {
                return;
            }
            assert!(
                !matches!(event, AppEvent::OpenFailed(_) | AppEvent::JobFailed { .. }),
                "{event:?}"
            );
        }
        assert!(Instant::now() < end, "waited in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub fn open(app: &mut App, photo: PathBuf) {
    app.dispatch(Command::Open(photo));
    wait(app, |event| matches!(event, AppEvent::PhotoOpened));
}

pub fn looks(app: &App) -> Looks {
    Looks::of(app.document().expect("a document"))
}

/// Plays the script of `seed` on the open document; `after` is called when a command and what it started is done, with
/// whether something is only half done (a stroke being drawn, a handle being dragged).
pub fn play(app: &mut App, seed: u64, mut after: impl FnMut(&App, bool)) {
    let mut random = Random::new(seed);
    app.dispatch(Command::SetBrushDiameter(30.0));
    for act in 0..ACTS {
        // A fill early on, so that most of the script has something to change.
        let kind = if act == 1 { 6 } else { random.below(18) };
        let mut send = |app: &mut App, command: Command, is_open: bool| {
            app.dispatch(command);
            after(app, is_open);
        };
        match kind {
            0..=3 => stroke(app, &mut random, &mut send),
            4 => {
                let size = app.document().expect("open").size();
                let area = PixelRect::new(
                    random.pixel(size.width) as i32,
                    random.pixel(size.height) as i32,
                    40 + random.below(150) as u32,
                    30 + random.below(150) as u32,
                );
                let shape = if random.below(2) == 0 {
                    Shape::Ellipse(area)
                } else {
                    Shape::Rectangle(area)
                };
                let how =
                    [Combine::Add, Combine::Subtract, Combine::Replace][random.below(3) as usize];
                send(app, Command::SelectShape { shape, how }, false);
            }
            5 => {
                let (x, y) = (random.pixel(300), random.pixel(200));
                app.dispatch(Command::SelectWand {
                    x,
                    y,
                    how: Combine::Add,
                });
                wait(app, |event| matches!(event, AppEvent::Selected));
                after(app, false);
            }
            6 | 7 => fill(app, &mut random, &mut send),
            8 => send(app, Command::InvertMask, false),
            9 => send(app, Command::GrowMask(random.below(14) as i32 - 6), false),
            10 | 11 => {
                for _ in 0..=random.below(3) {
                    send(app, Command::Undo, false);
                }
            }
            12 => send(app, Command::Redo, false),
            13 => {
                let steps = app.document().expect("open").history_labels().len() as u64;
                let to = steps - random.below(steps + 1).min(6);
                send(app, Command::JumpTo(to as usize), false);
            }
            14 => frame(app, &mut random, &mut send),
            15 | 16 => opacity(app, &mut random, &mut send),
            _ => list(app, &mut random, &mut send),
        }
    }
}

type Send<'a> = dyn FnMut(&mut App, Command, bool) + 'a;

fn stroke(app: &mut App, random: &mut Random, send: &mut Send<'_>) {
    let size = app.document().expect("open").size();
    let (mut x, mut y) = (random.pixel(size.width), random.pixel(size.height));
    let erase = random.below(4) == 0;
    let begin = Command::BeginStroke {
        x,
        y,
        erase,
        pressure: 1.0,
    };
    send(app, begin, true);
    for _ in 0..4 + random.below(6) {
        x += random.pixel(60) - 30.0;
        y += random.pixel(60) - 30.0;
        let pressure = 0.5 + random.pixel(50) / 100.0;
        send(app, Command::ContinueStroke { x, y, pressure }, true);
    }
    let end = if random.below(8) == 0 {
        Command::CancelStroke
    } else {
        Command::EndStroke
    };
    send(app, end, false);
}

/// A small mask, filled and accepted, in its own mask or that of the canvas.
fn fill(app: &mut App, random: &mut Random, send: &mut Send<'_>) {
    send(app, Command::EditFillMask(None), false);
    send(app, Command::ResetFrame, false);
    let size = app.document().expect("open").size();
    let area = PixelRect::new(
        random.pixel(size.width.saturating_sub(60)) as i32,
        random.pixel(size.height.saturating_sub(60)) as i32,
        24 + random.below(20) as u32,
        24 + random.below(20) as u32,
    );
    let select = Command::SelectShape {
        shape: Shape::Ellipse(area),
        how: Combine::Replace,
    };
    send(app, select, false);
    app.dispatch(Command::EditSettings(Box::new(GenerateSettings {
        seed: random.below(1000),
        ..GenerateSettings::default()
    })));
    app.dispatch(Command::Generate { count: 1 });
    wait(app, |event| matches!(event, AppEvent::JobFinished(_)));
    send(app, Command::Accept, false);
}

fn frame(app: &mut App, random: &mut Random, send: &mut Send<'_>) {
    send(app, Command::EditFillMask(None), false);
    let size = app.document().expect("open").size();
    let wanted = PixelRect::new(
        random.pixel(40) as i32 - 20,
        random.pixel(40) as i32 - 20,
        size.width - random.below(30) as u32,
        size.height - random.below(30) as u32,
    );
    if random.below(2) == 0 {
        send(app, Command::PreviewFrame(Some(wanted)), true);
        send(app, Command::CommitFrame, false);
    } else {
        send(app, Command::SetFrame(wanted), false);
    }
    if random.below(2) == 0 {
        send(app, Command::ResetFrame, false);
    }
}

fn any_fill(app: &App, random: &mut Random) -> Option<FillId> {
    let fills = app.document()?.fills();
    fills
        .get(random.below(fills.len() as u64) as usize)
        .map(|fill| fill.id)
}

fn opacity(app: &mut App, random: &mut Random, send: &mut Send<'_>) {
    let Some(id) = any_fill(app, random) else {
        return;
    };
    for _ in 0..2 + random.below(5) {
        let opacity = random.pixel(100) / 100.0;
        send(app, Command::SetFillOpacity { id, opacity }, false);
    }
    send(app, Command::EndDrag, false);
}

fn list(app: &mut App, random: &mut Random, send: &mut Send<'_>) {
    let Some(id) = any_fill(app, random) else {
        return;
    };
    let command = match random.below(6) {
        0 => Command::SetFillVisible { id, visible: false },
        1 => Command::SetFillVisible { id, visible: true },
        2 => Command::RenameFill {
            id,
            name: format!("edit {}", random.below(100)),
        },
        3 => Command::MoveFill {
            id,
            to: random.below(3) as usize,
        },
        4 => Command::EditFillMask(Some(id)),
        _ => {
            send(app, Command::EditFillMask(None), false);
            Command::RemoveFill(id)
        }
    };
    send(app, command, false);
}
