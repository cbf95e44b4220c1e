//! Compares the quality measures with scikit-image's on `golden/quality.json` (made by `golden/make_quality.py`).

use inlay::geometry::PixelSize;
use inlay::quality::{self, QualityError};
use inlay::raster::{Plane, RgbF32};

#[derive(serde::Deserialize)]
struct Case {
    width: u32,
    height: u32,
    truth: Vec<u8>,
    fill: Vec<u8>,
    hole: Vec<u8>,
    psnr: f64,
    ssim: f64,
    ssim_corner: f64,
}

#[test]
fn psnr_and_ssim_are_those_of_scikit_image() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("golden/quality.json")).expect("golden data");
    assert!(cases.len() >= 3);
    for case in cases {
        let size = PixelSize::new(case.width, case.height);
        let truth = RgbF32::from_rgb8(size, &case.truth);
        let fill = RgbF32::from_rgb8(size, &case.fill);
        let hole = Plane {
            size,
            data: case.hole,
        };
        let scores = quality::score(&truth, &fill, &hole).expect("sizes agree");
        assert!(
            (scores.psnr - case.psnr).abs() < 1e-4,
            "{size}: {} for {}",
            scores.psnr,
            case.psnr
        );
        assert!(
            (scores.ssim - case.ssim).abs() < 1e-6,
            "{size}: {} for {}",
            scores.ssim,
            case.ssim
        );
        let corner = quality::ssim_map(&truth, &fill)[0];
        assert!(
            (corner - case.ssim_corner).abs() < 1e-6,
            "{size}: {corner} for {}",
            case.ssim_corner
        );
    }
}

#[test]
fn what_cannot_be_scored_is_an_error() {
    let truth = RgbF32::new(PixelSize::new(8, 8));
    let hole = Plane::new(truth.size);
    assert_eq!(
        quality::score(&truth, &truth, &hole),
        Err(QualityError::EmptyHole)
    );
    let other = RgbF32::new(PixelSize::new(8, 7));
    assert!(matches!(
        quality::score(&truth, &other, &hole),
        Err(QualityError::Size { what: "fill", .. })
    ));
}

#[test]
fn a_hole_without_an_edge_has_no_seam() {
    let truth = RgbF32::new(PixelSize::new(9, 5));
    let mut fill = truth.clone();
    fill.data.fill(0.5);
    let hole = Plane {
        size: truth.size,
        data: vec![255; 45],
    };
    let scores = quality::score(&truth, &fill, &hole).expect("sizes agree");
    assert!(scores.seam.visibility() < 1e-9 && scores.far_drift == 0.0);
}
