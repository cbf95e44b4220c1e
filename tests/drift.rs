//! Extending in steps: a model that shifts colours a little every time must not walk away with them.

use inlay::compose::{Made, StitchOptions, crop_masks};
use inlay::geometry::{PixelRect, PixelSize};
use inlay::mask::Mask;
use inlay::photo::Photo;
use inlay::plan::{Extension, ModelFrame, PlanSettings, plan_inpaint};
use inlay::raster::{Plane, RgbF32};

const STEPS: usize = 10;
const STEP_PX: u32 = 128;
/// What the model adds to every pixel that it gives back, kept ones too.
const SHIFT: [f32; 3] = [0.03, -0.02, 0.025];

fn grain(x: i32, y: i32) -> f32 {
    let mut v = (x as u32).wrapping_mul(0x9e37_79b9) ^ (y as u32).wrapping_mul(0x85eb_ca6b);
    v = (v ^ (v >> 15)).wrapping_mul(0x2c1b_3c6d);
    ((v ^ (v >> 13)) & 0xffff) as f32 / 65535.0 - 0.5
}

fn photo() -> Photo {
    let size = PixelSize::new(256, 256);
    let mut rgb = Vec::new();
    for y in 0..256 {
        for x in 0..256 {
            let base = 0.35 + 0.2 * y as f32 / 256.0 + 0.04 * grain(x, y);
            rgb.extend([base + 0.1, base, base - 0.05].map(|v| (v * 255.0).round() as u8));
        }
    }
    Photo::from_rgb8(size, rgb)
}

/// Every row of the picture goes on as its last 16 known pixels' mean, with grain, all of it shifted.
fn model(context: &RgbF32, denoise: &Plane, seed: i32) -> RgbF32 {
    let mut out = context.clone();
    for y in 0..context.height() {
        let known: Vec<usize> = (0..context.width())
            .filter(|x| denoise.get(*x, y) == 0)
            .collect();
        let last = &known[known.len().saturating_sub(16)..];
        let mean: [f32; 3] = std::array::from_fn(|c| {
            last.iter().map(|x| context.pixel(*x, y)[c]).sum::<f32>() / last.len().max(1) as f32
        });
        for x in 0..context.width() {
            let own = if denoise.get(x, y) > 0 {
                let noise = 0.04 * grain(x as i32 + seed * 1000, y as i32);
                mean.map(|v| v + noise)
            } else {
                context.pixel(x, y)
            };
            out.set_pixel(x, y, std::array::from_fn(|c| own[c] + SHIFT[c]));
        }
    }
    out
}

/// Mean colour of the last columns after ten extensions to the right.
fn extended(options: &StitchOptions) -> [f32; 3] {
    let frame = ModelFrame::checkpoint(PixelSize::new(256, 256), 8);
    let mut photo = photo();
    for step in 0..STEPS {
        let extension = Extension {
            right: STEP_PX,
            ..Extension::default()
        };
        let empty = Mask::new(photo.size);
        let settings = PlanSettings::default();
        let plan = plan_inpaint(photo.size, &empty, extension, &frame, &settings).expect("plan");
        let mut canvas = photo.extended(0, 0, STEP_PX, 0).expect("fits");
        let mut finished = Vec::new();
        for crop in &plan.crops {
            let masks = crop_masks(&plan, crop, &empty, &finished);
            let context = canvas.crop_rgb(crop.context_rect).expect("inside");
            let picture = model(&context, &masks.denoise, step as i32);
            let made = Made::new(crop.context_rect, &picture, &masks, step as u64);
            let place = made
                .rect
                .translate(-crop.context_rect.x, -crop.context_rect.y);
            let composite = masks.composite.cropped(place);
            let below = canvas.cropped(made.rect).expect("inside");
            let put = made
                .put(&below, composite, options)
                .expect("stitches")
                .expect("not empty");
            let corner = (put.rect.x, put.rect.y);
            canvas
                .mix(corner, &put.content, &put.coverage, 1.0, put.rect)
                .expect("fits");
            finished.push(crop.repaint_rect);
        }
        photo = canvas;
    }
    let PixelSize { width, height } = photo.size;
    assert_eq!(width, 256 + STEPS as u32 * STEP_PX);
    mean(&photo, PixelRect::new(width as i32 - 64, 0, 64, height))
}

fn mean(photo: &Photo, rect: PixelRect) -> [f32; 3] {
    let pixels = photo.crop_rgb(rect).expect("inside");
    std::array::from_fn(|c| {
        let channel = pixels.data.iter().skip(c).step_by(3);
        channel.sum::<f32>() / rect.area() as f32
    })
}

#[test]
fn ten_extensions_hold_the_colours() {
    let first = mean(&photo(), PixelRect::new(192, 0, 64, 256));
    let drift = |last: [f32; 3]| {
        (0..3)
            .map(|c| (last[c] - first[c]).abs())
            .fold(0.0, f32::max)
            * 255.0
    };
    let pasted = drift(extended(&StitchOptions::PASTE));
    let stitched = drift(extended(&StitchOptions::default()));
    println!(
        "after {STEPS} extensions of {STEP_PX} px: {pasted:.1} of 255 pasted, {stitched:.1} stitched"
    );
    assert!(pasted > 40.0, "the model does not drift: {pasted}");
    assert!(stitched < 4.0, "{stitched} of 255");
}
