//! Tests of the document: every step goes back and forth exactly.

use super::*;
use crate::photo::{Layout, PhotoFormat, Samples};

fn photo(width: u32, height: u32) -> Photo {
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

fn patch(document: &Document, rect: PixelRect, value: u8) -> PixelPatch {
    let mut photo = document.photo().cropped(rect).expect("inside");
    if let Samples::U8(samples) = &mut photo.samples {
        samples.fill(value);
    }
    PixelPatch { rect, photo }
}

#[test]
fn strokes_accepts_and_extensions_undo_and_redo_exactly() {
    let mut document = Document::new(photo(600, 300), None);
    let mut states = vec![(
        Arc::clone(document.photo()),
        Arc::clone(document.mask()),
        document.extension(),
    )];
    let remember = |d: &Document| (Arc::clone(d.photo()), Arc::clone(d.mask()), d.extension());

    document.begin_stroke(
        (250.0, 100.0),
        StrokeBrush {
            diameter: 40.0,
            hardness: 0.5,
            erase: false,
        },
    );
    document.continue_stroke((300.0, 260.0));
    document.end_stroke();
    states.push(remember(&document));

    let accepted = patch(&document, PixelRect::new(10, 20, 30, 40), 7);
    document
        .accept(document.revision(), Extension::default(), &[accepted])
        .expect("fresh");
    states.push(remember(&document));

    document.preview_extension(Extension {
        right: 64,
        ..Extension::default()
    });
    document.commit_extension(Extension::default());
    states.push(remember(&document));

    let extension = document.extension();
    let strip = PixelPatch {
        rect: PixelRect::new(600, 0, 64, 300),
        photo: photo(64, 300),
    };
    document
        .accept(document.revision(), extension, &[strip])
        .expect("fresh");
    assert_eq!(document.size(), PixelSize::new(664, 300));
    assert!(document.extension().is_none());
    states.push(remember(&document));

    let same = |d: &Document, s: &(Arc<Photo>, Arc<Mask>, Extension)| {
        *d.photo() == s.0 && *d.mask() == s.1 && d.extension() == s.2
    };
    for state in states.iter().rev().skip(1) {
        assert!(document.undo());
        assert!(same(&document, state));
    }
    assert!(!document.undo());
    for state in &states[1..] {
        assert!(document.redo());
        assert!(same(&document, state));
    }
    assert!(!document.redo());
}

#[test]
fn a_result_for_an_older_picture_is_refused() {
    let mut document = Document::new(photo(64, 64), None);
    let made_for = document.revision();
    let first = patch(&document, PixelRect::new(0, 0, 8, 8), 1);
    document
        .accept(made_for, Extension::default(), std::slice::from_ref(&first))
        .expect("fresh");
    assert!(matches!(
        document.accept(made_for, Extension::default(), &[first]),
        Err(DocumentError::Stale)
    ));
}

#[test]
fn an_erasing_stroke_on_an_empty_mask_is_no_step() {
    let mut document = Document::new(photo(64, 64), None);
    document.begin_stroke(
        (10.0, 10.0),
        StrokeBrush {
            diameter: 10.0,
            hardness: 1.0,
            erase: true,
        },
    );
    document.end_stroke();
    assert!(!document.can_undo());
}
