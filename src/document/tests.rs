//! Tests of the document: every step goes back and forth exactly, and the picture is always what its content says.

use super::*;
use crate::mask::StrokeBrush;
use crate::photo::{Layout, PhotoFormat, Samples};
use crate::raster::Plane;

pub(super) fn photo(width: u32, height: u32) -> Photo {
    let samples = (0..width * height * 3).map(|v| (v % 251) as u8).collect();
    Photo {
        size: PixelSize::new(width, height),
        layout: Layout::Rgb,
        samples: Samples::U8(samples),
        icc: None,
        exif: None,
        notes: None,
        format: PhotoFormat::Png,
    }
}

/// A result that paints `rect` (document space) in one value.
pub(super) fn proposal(document: &Document, rect: PixelRect, value: u8) -> Proposal {
    let basis = document.basis();
    let content = Photo::from_rgb8(rect.size(), vec![value; rect.area() as usize * 3]);
    let mut coverage = Plane::new(rect.size());
    coverage.data.fill(255);
    Proposal {
        basis,
        parts: vec![FillPart {
            rect,
            content: Arc::new(content),
            coverage: Arc::new(coverage.clone()),
            blend_px: 0,
            source: None,
        }],
        contexts: vec![rect.grow(4)],
        mask: FillMask::new(rect, &coverage),
        recipe: FillRecipe::default(),
        stitch: crate::compose::StitchOptions::default(),
        name: "Fill".to_owned(),
        keeps_mask: false,
    }
}

fn brush(diameter: f32) -> StrokeBrush {
    StrokeBrush {
        diameter,
        hardness: 0.5,
        erase: false,
    }
}

fn fill(document: &mut Document, rect: PixelRect, value: u8) -> FillId {
    let proposal = proposal(document, rect, value);
    document.accept(proposal).expect("fresh")
}

fn pixel(document: &Document, x: usize, y: usize) -> u8 {
    match &document.photo().samples {
        Samples::U8(data) => data[(y * document.size().width as usize + x) * 3],
        Samples::U16(_) => unreachable!("8-bit tests"),
    }
}

#[derive(Debug, PartialEq)]
struct Snapshot {
    photo: Arc<Photo>,
    mask: Arc<Mask>,
    frame: PixelRect,
    fills: Vec<(FillId, bool, f32)>,
    target: Option<FillId>,
}

fn snapshot(document: &Document) -> Snapshot {
    let facts = |fill: &Arc<Fill>| (fill.id, fill.is_visible, fill.opacity);
    Snapshot {
        photo: Arc::clone(document.photo()),
        mask: Arc::clone(document.mask()),
        frame: document.frame(),
        fills: document.fills().iter().map(facts).collect(),
        target: document.target(),
    }
}

/// One of everything that makes a step.
fn busy_session(document: &mut Document, mut after: impl FnMut(&Document)) {
    document.begin_stroke((250.0, 100.0), brush(40.0), 1.0);
    document.continue_stroke((300.0, 260.0), 0.5);
    document.end_stroke();
    after(document);
    let first = fill(document, PixelRect::new(10, 20, 30, 40), 7);
    after(document);
    let second = fill(document, PixelRect::new(30, 30, 50, 50), 99);
    after(document);
    document.set_fill_opacity(second, 0.5).expect("there");
    after(document);
    document.set_fill_visible(first, false).expect("there");
    after(document);
    document.move_fill(first, 1).expect("there");
    after(document);
    document.set_fill_visible(first, true).expect("there");
    after(document);
    let mut mask = Mask::clone(document.mask());
    mask.invert();
    document.set_mask("inverted mask", mask);
    after(document);
    document
        .set_frame(PixelRect::new(20, 10, 560, 280))
        .expect("inside");
    after(document);
    document
        .set_frame(PixelRect::new(0, 0, 640, 280))
        .expect("extends");
    after(document);
    let canvas = document.canvas();
    let strip = PixelRect::new(canvas.right(), canvas.y, 80, canvas.height);
    fill(document, strip, 200);
    after(document);
    document.set_target(Some(second)).expect("there");
    after(document);
    document.begin_stroke(
        (40.0, 40.0),
        StrokeBrush {
            erase: true,
            ..brush(20.0)
        },
        1.0,
    );
    document.end_stroke();
    after(document);
    document.set_target(None).expect("back");
    after(document);
    document.remove_fill(first).expect("there");
    after(document);
}

#[test]
fn every_kind_of_step_undoes_redoes_and_jumps_exactly() {
    let mut document = Document::new(photo(600, 300), None);
    let mut states = vec![snapshot(&document)];
    busy_session(&mut document, |d| {
        assert!(d.verify().expect("renders"));
        states.push(snapshot(d));
    });
    assert_eq!(document.history_position(), states.len() - 1);
    for state in states.iter().rev().skip(1) {
        assert!(document.undo());
        assert_eq!(snapshot(&document), *state);
        assert!(document.verify().expect("renders"));
    }
    assert!(!document.undo() && !document.is_modified());
    for state in &states[1..] {
        assert!(document.redo());
        assert_eq!(snapshot(&document), *state);
    }
    assert!(!document.redo());
    for place in [3, 12, 0, 9, 14, 1, states.len() - 1] {
        document.jump(place);
        assert_eq!(snapshot(&document), states[place], "step {place}");
    }
    assert!(!document.jump(states.len()));
}

#[test]
fn pixels_outside_a_fill_stay_and_hiding_brings_the_photo_back() {
    let mut document = Document::new(photo(100, 80), None);
    let before = Arc::clone(document.photo());
    let id = fill(&mut document, PixelRect::new(10, 10, 20, 20), 3);
    assert_eq!(pixel(&document, 15, 15), 3);
    assert_eq!(pixel(&document, 9, 15), {
        let Samples::U8(data) = &before.samples else {
            unreachable!("8-bit")
        };
        data[(15 * 100 + 9) * 3]
    });
    document.set_fill_visible(id, false).expect("there");
    assert_eq!(*document.photo(), before);
    document.set_fill_visible(id, true).expect("there");
    document.set_fill_opacity(id, 0.0).expect("there");
    assert_eq!(*document.photo(), before);
}

#[test]
fn a_late_result_lands_only_where_nothing_changed() {
    let mut document = Document::new(photo(100, 80), None);
    let near = proposal(&document, PixelRect::new(12, 12, 10, 10), 1);
    let far = proposal(&document, PixelRect::new(70, 50, 10, 10), 2);
    fill(&mut document, PixelRect::new(10, 10, 20, 20), 3);
    assert!(matches!(document.accept(near), Err(DocumentError::Stale)));
    document.accept(far).expect("nothing changed there");
    assert_eq!(document.fills().len(), 2);
    let grows = {
        document
            .set_frame(PixelRect::new(0, 0, 120, 80))
            .expect("extends");
        proposal(&document, PixelRect::new(100, 0, 20, 80), 9)
    };
    document
        .set_frame(PixelRect::new(0, 0, 90, 80))
        .expect("crops");
    assert!(matches!(document.accept(grows), Err(DocumentError::Stale)));
}

#[test]
fn a_crop_hides_pixels_and_a_wider_frame_brings_them_back() {
    let mut document = Document::new(photo(100, 80), None);
    let whole = Arc::clone(document.photo());
    document
        .set_frame(PixelRect::new(10, 20, 50, 40))
        .expect("crops");
    assert_eq!(document.size(), PixelSize::new(50, 40));
    assert_eq!(document.available(), PixelRect::new(-10, -20, 100, 80));
    assert!(document.extension().is_none() && document.is_modified());
    document.set_frame(document.available()).expect("back");
    assert_eq!(*document.photo(), whole);
    let outside = PixelRect::new(300, 300, 5, 5);
    assert!(matches!(
        document.set_frame(outside),
        Err(DocumentError::EmptyFrame)
    ));
}

#[test]
fn a_fill_made_again_keeps_its_place_and_starts_from_what_lies_below() {
    let mut document = Document::new(photo(100, 80), None);
    let place = PixelRect::new(10, 10, 20, 20);
    let below = Arc::clone(document.photo());
    let id = fill(&mut document, place, 3);
    fill(&mut document, PixelRect::new(60, 10, 20, 20), 4);
    let rerun = document.rerun(id).expect("there");
    assert_eq!(*rerun.photo, *below);
    assert_eq!(rerun.mask.bounds(), place);
    let mut again = proposal(&document, place, 77);
    again.basis = rerun.basis;
    assert_eq!(document.accept(again).expect("fresh"), id);
    assert_eq!(document.fills().len(), 2);
    assert_eq!(pixel(&document, 15, 15), 77);
    assert_eq!(pixel(&document, 65, 15), 4);
}

#[test]
fn removing_an_extension_takes_its_canvas_along() {
    let mut document = Document::new(photo(100, 80), None);
    let whole = Arc::clone(document.photo());
    document
        .set_frame(PixelRect::new(-20, 0, 120, 80))
        .expect("extends");
    assert_eq!(document.extension().left, 20);
    let id = fill(&mut document, PixelRect::new(-20, 0, 20, 80), 50);
    assert_eq!(document.size(), PixelSize::new(120, 80));
    assert_eq!(pixel(&document, 0, 0), 50);
    document.remove_fill(id).expect("there");
    assert_eq!(*document.photo(), whole);
    assert!(document.extension().is_none());
}

#[test]
fn one_drag_of_a_slider_is_one_step() {
    let mut document = Document::new(photo(100, 80), None);
    let id = fill(&mut document, PixelRect::new(10, 10, 20, 20), 3);
    let steps = document.history_position();
    for opacity in [0.9, 0.7, 0.2] {
        document.set_fill_opacity(id, opacity).expect("there");
    }
    document.end_drag();
    assert_eq!(document.history_position(), steps + 1);
    document.set_fill_opacity(id, 0.4).expect("there");
    assert_eq!(document.history_position(), steps + 2);
    document.undo();
    document.undo();
    assert_eq!(document.fills()[0].opacity, 1.0);
}

#[test]
fn history_forgets_the_oldest_steps_beyond_its_budget() {
    let mut document = Document::new(photo(600, 300), None);
    for value in 0..8 {
        fill(&mut document, PixelRect::new(0, 0, 300, 300), value);
    }
    let (_, bytes) = document.history_memory();
    document.set_history_budget(bytes / 2);
    assert!(document.history_memory().1 <= bytes / 2);
    while document.undo() {
        assert!(document.verify().expect("renders"));
    }
    assert!(
        document.fills().len() >= 3,
        "only the newest steps are left"
    );
}

#[test]
fn an_erasing_stroke_on_an_empty_mask_is_no_step_and_a_cancelled_one_leaves_nothing() {
    let mut document = Document::new(photo(64, 64), None);
    let erase = StrokeBrush {
        erase: true,
        ..brush(10.0)
    };
    document.begin_stroke((10.0, 10.0), erase, 1.0);
    document.end_stroke();
    assert!(!document.can_undo());
    document.begin_stroke((10.0, 10.0), brush(10.0), 1.0);
    document.cancel_stroke();
    assert!(document.mask().is_empty() && !document.can_undo());
}

#[test]
fn a_grey_photo_turns_colour_with_a_fill_and_grey_again_without() {
    let gray = Photo {
        layout: Layout::Gray,
        samples: Samples::U8(vec![40; 64 * 64]),
        ..photo(64, 64)
    };
    let mut document = Document::new(gray.clone(), None);
    let id = fill(&mut document, PixelRect::new(1, 1, 5, 5), 200);
    assert_eq!(document.photo().layout, Layout::Rgb);
    document.remove_fill(id).expect("there");
    assert_eq!(**document.photo(), gray);
}

#[test]
fn a_journal_brings_everything_back_history_included() {
    let dir = tempfile::tempdir().expect("dir");
    let start = || Document::new(photo(600, 300), None);
    let mut document = start();
    document.keep_journal(Journal::create(dir.path(), None, b"the file").expect("journal"));
    let mut states = vec![snapshot(&document)];
    busy_session(&mut document, |d| states.push(snapshot(d)));
    document.jump(5);
    document.redo();
    let expected = snapshot(&document);
    let position = document.history_position();
    drop(document);

    let mut orphans = find_orphans(dir.path()).expect("readable");
    assert_eq!(orphans.len(), 1);
    let orphan = orphans.remove(0);
    assert_eq!(orphan.steps, states.len() - 1);
    let recovered = orphan
        .recover(|bytes, _| {
            assert_eq!(bytes, b"the file");
            Ok(start())
        })
        .expect("recovered");
    assert!(recovered.warnings.is_empty(), "{:?}", recovered.warnings);
    let mut document = *recovered.document;
    assert_eq!(snapshot(&document), expected);
    assert_eq!(document.history_position(), position);
    assert!(document.verify().expect("renders"));
    for place in [0, states.len() - 1, 9, 3] {
        document.jump(place);
        assert_eq!(snapshot(&document), states[place], "step {place}");
    }
    // It goes on in the same journal.
    document.jump(states.len() - 1);
    let more = fill(&mut document, PixelRect::new(100, 100, 9, 9), 1);
    let expected = snapshot(&document);
    drop(document);
    let orphan = find_orphans(dir.path()).expect("readable").remove(0);
    let recovered = orphan.recover(|_, _| Ok(start())).expect("recovered");
    assert_eq!(snapshot(&recovered.document), expected);
    assert!(recovered.document.fill(more).is_some());
    let mut document = *recovered.document;
    document.take_journal().expect("kept").discard();
    assert!(find_orphans(dir.path()).expect("readable").is_empty());
}

#[test]
fn a_dragged_slider_comes_back_as_one_step() {
    let dir = tempfile::tempdir().expect("dir");
    let mut document = Document::new(photo(100, 80), None);
    document.keep_journal(Journal::create(dir.path(), None, b"x").expect("journal"));
    let id = fill(&mut document, PixelRect::new(10, 10, 20, 20), 3);
    document.set_fill_opacity(id, 0.8).expect("there");
    document.set_fill_opacity(id, 0.3).expect("there");
    document.end_drag();
    document.set_fill_opacity(id, 0.6).expect("there");
    let (expected, position) = (snapshot(&document), document.history_position());
    drop(document);
    let orphan = find_orphans(dir.path()).expect("readable").remove(0);
    let recovered = orphan
        .recover(|_, _| Ok(Document::new(photo(100, 80), None)))
        .expect("recovered");
    assert_eq!(snapshot(&recovered.document), expected);
    assert_eq!(recovered.document.history_position(), position);
}
