//! The editor without its window: selecting, fills as edits, projects and recipes, through the commands that the window
//! sends.

use std::path::Path;
use std::time::{Duration, Instant};

use inlay::app::{App, AppEvent, AppOptions, Command, Paths, Shape, Tool};
use inlay::geometry::{PixelRect, PixelSize};
use inlay::mask::Combine;
use inlay::photo::{self, EncodeOptions, Photo};

fn app(home: &Path) -> App {
    let options = AppOptions {
        paths: Some(Paths::below(home)),
        keep_journal: true,
        ..AppOptions::default()
    };
    App::new(options, || {}).expect("starts")
}

fn wait(app: &mut App, what: &str, done: impl Fn(&AppEvent) -> bool) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(2) {
        for event in app.poll() {
            if let AppEvent::OpenFailed(error)
            | AppEvent::SaveFailed(error)
            | AppEvent::MaskFailed(error) = &event
            {
                panic!("{what}: {error}");
            }
            if let AppEvent::JobFailed { error, .. } = &event {
                panic!("{what}: {error}");
            }
            if done(&event) {
                return;
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("{what} did not happen");
}

/// A textured ground with a red disc at (120, 80), radius 30.
fn photo() -> Photo {
    let size = PixelSize::new(240, 160);
    let mut rgb = Vec::new();
    for y in 0..size.height as i32 {
        for x in 0..size.width as i32 {
            let is_disc = (x - 120).pow(2) + (y - 80).pow(2) <= 900;
            let grain = ((x * 31 + y * 57) % 23) as u8;
            rgb.extend(if is_disc {
                [200 + grain, 40, 30]
            } else {
                [60 + grain, 110 + grain, 90]
            });
        }
    }
    Photo::from_rgb8(size, rgb)
}

fn open(app: &mut App, dir: &Path) -> std::path::PathBuf {
    let path = dir.join("disc.png");
    photo::encode_file(&photo(), &path, &EncodeOptions::default()).expect("written");
    app.dispatch(Command::Open(path.clone()));
    wait(app, "opening", |e| matches!(e, AppEvent::PhotoOpened));
    path
}

fn area(app: &App) -> f64 {
    app.document().expect("open").mask().area()
}

/// Share of the disc's pixels that are marked, and of the others.
fn on_disc(app: &App) -> (f64, f64) {
    let mask = &app.document().expect("open").mask().plane;
    let (mut hits, mut disc, mut misses, mut ground) = (0.0, 0.0, 0.0, 0.0);
    for y in 0..160i32 {
        for x in 0..240i32 {
            let value = f64::from(mask.get(x as usize, y as usize)) / 255.0;
            if (x - 120).pow(2) + (y - 80).pow(2) <= 900 {
                disc += 1.0;
                hits += value;
            } else {
                ground += 1.0;
                misses += value;
            }
        }
    }
    (hits / disc, misses / ground)
}

#[test]
fn shapes_combine_as_asked_and_each_is_one_step() {
    let dir = tempfile::tempdir().expect("dir");
    let mut app = app(dir.path());
    open(&mut app, dir.path());
    let select = |app: &mut App, shape, how| app.dispatch(Command::SelectShape { shape, how });
    let square = |x| Shape::Rectangle(PixelRect::new(x, 10, 40, 40));
    select(&mut app, square(10), Combine::Add);
    select(&mut app, square(30), Combine::Add);
    assert_eq!(area(&app), 60.0 * 40.0);
    select(&mut app, square(40), Combine::Subtract);
    assert_eq!(area(&app), 30.0 * 40.0);
    select(&mut app, square(20), Combine::Intersect);
    assert_eq!(area(&app), 20.0 * 40.0);
    let triangle = Shape::Polygon(vec![(100.0, 100.0), (140.0, 100.0), (100.0, 140.0)]);
    select(&mut app, triangle, Combine::Replace);
    assert!((area(&app) - 800.0).abs() < 25.0, "{}", area(&app));
    let circle = Shape::Ellipse(PixelRect::new(20, 20, 40, 40));
    select(&mut app, circle, Combine::Add);
    assert!((area(&app) - 800.0 - 1256.6).abs() < 40.0);
    assert_eq!(app.document().expect("open").history_position(), 6);
    for _ in 0..6 {
        app.dispatch(Command::Undo);
    }
    assert_eq!(area(&app), 0.0);
    // Wholly outside, or nothing at all: no step.
    select(
        &mut app,
        Shape::Rectangle(PixelRect::new(500, 0, 9, 9)),
        Combine::Add,
    );
    select(&mut app, Shape::Polygon(Vec::new()), Combine::Add);
    assert!(!app.document().expect("open").can_undo());
}

#[test]
fn wand_and_object_select_find_the_disc_and_refine_sets_a_rough_edge() {
    let dir = tempfile::tempdir().expect("dir");
    let mut app = app(dir.path());
    open(&mut app, dir.path());
    let found = |app: &mut App| wait(app, "a search", |e| matches!(e, AppEvent::Selected));
    app.dispatch(Command::SelectWand {
        x: 120.0,
        y: 80.0,
        how: Combine::Replace,
    });
    found(&mut app);
    let (disc, ground) = on_disc(&app);
    assert!(disc > 0.97 && ground < 0.01, "wand: {disc}, {ground}");
    app.dispatch(Command::ClearMask);
    app.dispatch(Command::ChooseTool(Tool::Object));
    app.dispatch(Command::BeginObjectStroke {
        x: 110.0,
        y: 75.0,
        inside: true,
        how: Combine::Add,
    });
    app.dispatch(Command::ContinueObjectStroke { x: 130.0, y: 88.0 });
    app.dispatch(Command::EndObjectStroke {
        visible: PixelRect::new(0, 0, 240, 160),
    });
    found(&mut app);
    let (disc, ground) = on_disc(&app);
    assert!(disc > 0.9 && ground < 0.03, "object: {disc}, {ground}");
    let rough = Shape::Ellipse(PixelRect::new(84, 44, 72, 72));
    app.dispatch(Command::SelectShape {
        shape: rough,
        how: Combine::Replace,
    });
    let before = on_disc(&app);
    app.dispatch(Command::RefineMask(12.0));
    found(&mut app);
    let after = on_disc(&app);
    assert!(
        after.1 < before.1 * 0.5 && after.0 > 0.9,
        "refine: {before:?} to {after:?}"
    );
}

#[test]
fn fills_are_edits_that_a_project_keeps_and_a_picture_tells_of() {
    let dir = tempfile::tempdir().expect("dir");
    let mut app = app(dir.path());
    open(&mut app, dir.path());
    app.dispatch(Command::SelectShape {
        shape: Shape::Ellipse(PixelRect::new(86, 46, 68, 68)),
        how: Combine::Add,
    });
    app.dispatch(Command::Generate { count: 2 });
    for _ in 0..2 {
        wait(&mut app, "a fill", |e| {
            matches!(e, AppEvent::JobFinished(_))
        });
    }
    assert_eq!(app.candidates().len(), 2);
    app.dispatch(Command::Flip(1));
    assert_eq!(app.shown_index(), 1);
    app.dispatch(Command::Accept);
    let document = app.document().expect("open");
    assert!(app.candidates().is_empty());
    assert_eq!(document.fills().len(), 1);
    let filled = document.photo().as_ref().clone();
    assert_ne!(filled.samples, photo().samples);

    // The same place again with another seed replaces it.
    let id = document.fills()[0].id;
    app.dispatch(Command::NewSeed);
    app.dispatch(Command::RerunFill { id, count: 1 });
    wait(&mut app, "a fill", |e| {
        matches!(e, AppEvent::JobFinished(_))
    });
    app.dispatch(Command::Accept);
    assert_eq!(app.document().expect("open").fills().len(), 1);
    app.dispatch(Command::Undo);
    assert_eq!(
        app.document().expect("open").photo().samples,
        filled.samples
    );

    let project = dir.path().join("disc.inlay");
    app.dispatch(Command::SaveProject(project.clone()));
    wait(&mut app, "saving", |e| matches!(e, AppEvent::Saved { .. }));
    assert!(!app.document().expect("open").is_modified());
    for ending in ["png", "jpg", "webp"] {
        let path = dir.path().join(format!("out.{ending}"));
        app.dispatch(Command::SaveAs(path.clone()));
        wait(&mut app, "saving", |e| matches!(e, AppEvent::Saved { .. }));
        let bytes = std::fs::read(&path).expect("there");
        let recipe = photo::read_recipe(&bytes).expect("a recipe");
        let seed = app.document().expect("open").fills()[0]
            .recipe
            .settings
            .seed;
        assert_eq!(recipe.seed, Some(seed), "{ending}");
        app.dispatch(Command::SetStripMetadata(true));
        app.dispatch(Command::SaveAs(path.clone()));
        wait(&mut app, "saving", |e| matches!(e, AppEvent::Saved { .. }));
        let bytes = std::fs::read(&path).expect("there");
        assert!(photo::read_recipe(&bytes).is_none(), "{ending}");
        app.dispatch(Command::SetStripMetadata(false));
    }

    app.dispatch(Command::Open(project));
    wait(&mut app, "opening", |e| matches!(e, AppEvent::PhotoOpened));
    let document = app.document().expect("open");
    assert_eq!(document.photo().samples, filled.samples);
    assert_eq!(document.base().samples, photo().samples);
    assert_eq!(document.fills().len(), 1);
    assert!(!document.is_modified() && document.mask().is_empty());
    app.dispatch(Command::SetFillVisible { id, visible: false });
    let document = app.document().expect("open");
    assert_eq!(document.photo().samples, photo().samples);
    assert!(document.is_modified());
}

/// Made by the first version of the format; every later one must open it, as a picture and not only as a file.
#[test]
fn the_first_project_file_opens_as_a_document() {
    let dir = tempfile::tempdir().expect("dir");
    let mut app = app(dir.path());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/project-v1.inlay");
    app.dispatch(Command::Open(path));
    wait(&mut app, "opening", |e| matches!(e, AppEvent::PhotoOpened));
    let document = app.document().expect("open");
    assert_eq!(document.fills().len(), 2);
    assert!(document.verify().expect("renders"));
    let id = document.fills()[0].id;
    app.dispatch(Command::SetFillVisible { id, visible: false });
    app.dispatch(Command::Undo);
    let again = dir.path().join("again.inlay");
    app.dispatch(Command::SaveProject(again.clone()));
    wait(&mut app, "saving", |e| matches!(e, AppEvent::Saved { .. }));
    let before = app.document().expect("open").photo().as_ref().clone();
    app.dispatch(Command::Open(again));
    wait(&mut app, "opening", |e| matches!(e, AppEvent::PhotoOpened));
    assert_eq!(
        app.document().expect("open").photo().samples,
        before.samples
    );
}

#[test]
fn parts_of_one_mask_can_keep_different_results() {
    let dir = tempfile::tempdir().expect("dir");
    let mut app = app(dir.path());
    open(&mut app, dir.path());
    let left = Shape::Rectangle(PixelRect::new(90, 60, 30, 40));
    let both = Shape::Rectangle(PixelRect::new(90, 60, 60, 40));
    app.dispatch(Command::SelectShape {
        shape: both,
        how: Combine::Replace,
    });
    app.dispatch(Command::Generate { count: 2 });
    for _ in 0..2 {
        wait(&mut app, "a fill", |e| {
            matches!(e, AppEvent::JobFinished(_))
        });
    }
    app.dispatch(Command::SelectShape {
        shape: left,
        how: Combine::Intersect,
    });
    app.dispatch(Command::AcceptPart);
    assert_eq!(app.candidates().len(), 2, "the others stay to choose from");
    assert_eq!(
        app.document().expect("open").mask().bounds(),
        PixelRect::new(120, 60, 30, 40),
        "the rest of the mask waits"
    );
    app.dispatch(Command::Flip(1));
    app.dispatch(Command::Accept);
    let document = app.document().expect("open");
    assert_eq!(document.fills().len(), 2);
    assert!(document.verify().expect("renders"));
}
