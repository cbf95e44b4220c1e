//! The projects that the tests write and the golden files hold.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use inlay::document::project::{
    StoredFill, StoredGrowth, StoredPart, StoredPlane, StoredProject, StoredSource,
};
use inlay::geometry::{PixelRect, PixelSize};
use inlay::photo::{Layout, Notes, Photo, PhotoFormat, Samples};
use serde_json::{Value, json};

pub fn photo(width: u32, height: u32, layout: Layout, wide: bool) -> Photo {
    let count = (width * height) as usize * layout.channels();
    let values = (0..count as u32).map(|i| (i.wrapping_mul(40_503) >> 3) as u16);
    Photo {
        size: PixelSize::new(width, height),
        layout,
        samples: if wide {
            Samples::U16(values.collect())
        } else {
            Samples::U8(values.map(|v| v as u8).collect())
        },
        icc: None,
        exif: None,
        notes: None,
        format: PhotoFormat::Jpeg,
    }
}

pub fn exif() -> Arc<[u8]> {
    let mut block = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    block.extend([0x01, 0x0F, 0, 2, 0, 0, 0, 4, b'C', b'a', b'm', 0]);
    block.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 1, 0, 0]);
    block.extend([0, 0, 0, 0]);
    block.into()
}

pub fn plane(rect: PixelRect) -> Vec<u8> {
    (0..rect.area()).map(|i| (i * 37 % 256) as u8).collect()
}

/// Two fills, one of two parts that reaches out of the photo, one hidden. The golden file holds this project.
pub fn project_v1() -> StoredProject {
    let mut base = photo(24, 16, Layout::Rgb, true);
    base.exif = Some(exif());
    base.notes = Some(Arc::new(Notes {
        xmp: Some(b"<x:xmpmeta/>".to_vec()),
        texts: vec![("Author".into(), "Zoë".into())],
    }));
    let part = |rect: PixelRect, layout| StoredPart {
        rect,
        content: Arc::new(Photo {
            format: PhotoFormat::Png,
            ..photo(rect.width, rect.height, layout, true)
        }),
        coverage: plane(rect),
        blend_px: 0,
        source: None,
    };
    let area = PixelRect::new(-4, 2, 9, 7);
    StoredProject {
        base: Arc::new(base),
        source: Some(PathBuf::from("holiday/cat.jpg")),
        frame: PixelRect::new(-4, 0, 28, 16),
        fills: vec![
            StoredFill {
                id: 3,
                name: "left side, 左".into(),
                visible: true,
                opacity: 0.75,
                growth: Some(StoredGrowth {
                    left: 4,
                    right: -2,
                    ..StoredGrowth::default()
                }),
                parts: vec![
                    part(area, Layout::Rgb),
                    part(PixelRect::new(10, 1, 3, 3), Layout::Rgba),
                ],
                mask: Some(StoredPlane {
                    rect: area,
                    data: plane(area),
                }),
                recipe: json!({"prompt": "a cat\n\"here\"", "seed": 18_446_744_073_709_551_615u64}),
                stitch: Value::Null,
            },
            StoredFill {
                id: 1,
                name: String::new(),
                visible: false,
                opacity: 0.0,
                growth: None,
                parts: Vec::new(),
                mask: None,
                recipe: Value::Null,
                stitch: Value::Null,
            },
        ],
        mask: Some(StoredPlane {
            rect: PixelRect::new(0, 0, 5, 4),
            data: plane(PixelRect::new(0, 0, 5, 4)),
        }),
    }
}

/// What version 2 added: the model's own picture of a part, and the sliders of its stitch.
pub fn project_v2() -> StoredProject {
    let mut project = project_v1();
    let rect = PixelRect::new(-5, 1, 11, 9);
    let words = (0..6 * 4 * 3u16).map(|v| v.wrapping_mul(4099)).collect();
    project.fills[0].stitch = json!({"feather": 3.0, "grain": 0.5});
    project.fills[0].parts[0].source = Some(StoredSource {
        rect,
        picture: Arc::new(Photo::from_rgb16(PixelSize::new(6, 4), words)),
        denoise: plane(rect),
        composite: plane(rect).into_iter().rev().collect(),
        seed: u64::MAX,
    });
    project
}

pub fn golden(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/project-v{version}.inlay"))
}
