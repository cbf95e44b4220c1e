//! Owns carrying out one job: crop by crop, from the photo's pixels to patches of the result. Called by the worker.

use std::borrow::Cow;
use std::sync::Arc;

use super::additions;
use super::error::EngineError;
use super::job::{JobReport, JobRequest, JobResult, ModelChoice, Patch};
use super::memory::peak_memory_bytes;
use super::prepared::PREPARING;
use super::slot::ModelSlot;
use super::untouched::untouched;
use super::watch::Watch;
use crate::compose::{CropMasks, Made, crop_masks, prefill, refine, tiles_to_paint, working_mask};
use crate::diffusion::defaults::defaults;
use crate::diffusion::exemplar::{self, ExemplarSettings};
use crate::geometry::PixelRect;
use crate::photo::Photo;
use crate::photo::resample::resize_rgb;
use crate::plan::{CropPlan, Prefill, REFINE_STRENGTH, Refine};
use crate::progress::Observer;
use crate::raster::{Plane, RgbF32};

pub fn run_job(
    request: &JobRequest,
    slot: &mut ModelSlot,
    watch: &mut Watch<'_>,
) -> Result<JobResult, EngineError> {
    let started = std::time::Instant::now();
    if request.raw && request.plan.crops.len() != 1 {
        return Err(EngineError::Settings(format!(
            "--raw writes one picture, but this mask needs {} crops; use --whole or a single mask part",
            request.plan.crops.len()
        )));
    }
    let mut canvas = canvas_of(request)?;
    let mut finished = Vec::new();
    let mut patches = Vec::new();
    let mut raw = None;
    let (device_label, precision) = prepare(request, slot, watch)?;
    watch.begin_work();
    for (index, crop) in request.plan.crops.iter().enumerate() {
        watch.check()?;
        watch.begin_crop(index, crop.context_rect);
        let masks = crop_masks(&request.plan, crop, &request.mask, &finished);
        let image = canvas.crop_rgb(crop.context_rect)?;
        let made = make_picture(request, crop, &masks, &image, slot, watch)?;
        if request.raw {
            raw = Some(made);
            continue;
        }
        watch.check()?;
        let (patch, took) =
            Watch::timed(|| put_back(request, canvas.to_mut(), crop, &masks, &made));
        watch.times.stitch += took;
        patches.extend(patch?);
        finished.push(crop.repaint_rect);
    }
    let mut milliseconds = std::mem::take(&mut watch.times);
    milliseconds.total = started.elapsed().as_secs_f64() * 1e3;
    // A later crop may have promoted the canvas (grey to colour): take every patch from the final one.
    for patch in &mut patches {
        if patch.photo.layout != canvas.layout {
            patch.photo = canvas.cropped(patch.rect)?;
        }
    }
    let untouched = (request.hash_untouched && !request.raw)
        .then(|| untouched(&request.photo, &canvas, request.plan.photo_rect(), &patches))
        .transpose()?;
    let runs_checkpoint = matches!(request.model, ModelChoice::Folder(_));
    let memory = runs_checkpoint.then(|| slot.report()).flatten();
    let report = JobReport {
        untouched,
        inlay: env!("CARGO_PKG_VERSION"),
        model: request.model.to_string(),
        device: device_label,
        // A job that ran out of memory may have gone on in another one.
        precision: memory.as_ref().map_or(precision, |m| m.plan.numbers.name()),
        seed: request.settings.seed,
        settings: request.settings.clone(),
        plan: request.plan.clone(),
        stitch: request.stitch,
        milliseconds,
        peak_memory_bytes: peak_memory_bytes(),
        memory,
        warnings: std::mem::take(&mut watch.warnings),
    };
    Ok(JobResult {
        canvas_size: canvas.size,
        patches,
        raw,
        report,
    })
}

/// The pixels, grown by the extension. A photo as it is becomes the job's own only when something is put in: while the model runs, which
/// is when memory is short, there is no copy of it.
fn canvas_of(request: &JobRequest) -> Result<Cow<'_, Photo>, EngineError> {
    let extension = request.plan.extension;
    if extension.is_none() {
        return Ok(Cow::Borrowed(request.photo.as_ref()));
    }
    Ok(Cow::Owned(request.photo.extended(
        extension.left,
        extension.top,
        extension.right,
        extension.bottom,
    )?))
}

/// Opens the device and loads the model. Returns their names for the report.
fn prepare(
    request: &JobRequest,
    slot: &mut ModelSlot,
    watch: &mut Watch<'_>,
) -> Result<(String, &'static str), EngineError> {
    match &request.model {
        ModelChoice::Folder(folder) => return slot.prepare(request, folder, watch),
        ModelChoice::Exemplar => slot.clear(),
        // A stroke of the eraser between two fills is no reason to load their model again.
        ModelChoice::Erase => {}
    }
    Ok(("CPU".to_owned(), "f32"))
}

/// The model's picture at working size.
fn make_picture(
    request: &JobRequest,
    crop: &CropPlan,
    masks: &CropMasks,
    image: &RgbF32,
    slot: &mut ModelSlot,
    watch: &mut Watch<'_>,
) -> Result<RgbF32, EngineError> {
    match &request.model {
        ModelChoice::Exemplar | ModelChoice::Erase => {
            let working = resize_rgb(image, crop.working_size);
            let hole = working_mask(&masks.denoise, crop);
            exemplar_fill(request, &working, &hole, watch)
        }
        ModelChoice::Folder(_) if request.raw => {
            let image = resize_rgb(image, crop.working_size);
            paint(request, image, raw_mask(masks, crop), None, slot, watch)
        }
        ModelChoice::Folder(_) => {
            let (filled, took) = Watch::timed(|| fill_before(request, crop, masks, image, watch));
            let filled = filled?;
            watch.times.prefill += took;
            let tiles = crop
                .refine
                .map_or(0, |plan| tiles_to_paint(&masks.denoise, &plan));
            let share = 1.0 / (1.0 + REFINE_STRENGTH as f32 * tiles as f32);
            watch.begin_look(crop.context_rect, 0.0, share);
            // A soft mask's greys reach the model; else every pixel is repainted or kept.
            let mask = if request.settings.soft_mask {
                raw_mask(masks, crop)
            } else {
                working_mask(&masks.denoise, crop)
            };
            let draft = paint(request, filled, mask, None, slot, watch)?;
            let Some(plan) = crop.refine else {
                return Ok(draft);
            };
            watch.stage("refining at higher resolution");
            let mut done = share;
            refine(&draft, image, &masks.denoise, &plan, |tile, mask, rect| {
                watch.check()?;
                let share = share * REFINE_STRENGTH as f32;
                watch.begin_look(on_canvas(rect, crop, &plan), done, share);
                done += share;
                paint(request, tile, mask, Some(REFINE_STRENGTH), slot, watch)
            })
        }
    }
}

/// A tile's rectangle, from the refined picture to the canvas.
fn on_canvas(tile: PixelRect, crop: &CropPlan, plan: &Refine) -> PixelRect {
    let context = crop.context_rect;
    let x = |v: i32| {
        context.x + (i64::from(v) * i64::from(context.width) / i64::from(plan.size.width)) as i32
    };
    let y = |v: i32| {
        context.y + (i64::from(v) * i64::from(context.height) / i64::from(plan.size.height)) as i32
    };
    PixelRect::from_edges(x(tile.x), y(tile.y), x(tile.right()), y(tile.bottom()))
}

/// One look of the checkpoint at a picture of its own size.
fn paint(
    request: &JobRequest,
    image: RgbF32,
    mask: Plane,
    strength: Option<f64>,
    slot: &mut ModelSlot,
    watch: &mut Watch<'_>,
) -> Result<RgbF32, EngineError> {
    let defaults = defaults(slot.model()?);
    let mut inpaint = additions::request(&request.settings, &defaults, image, mask)?;
    if let Some(most) = strength {
        // One step at the least, however few there are.
        let one = 1.0 / inpaint.num_inference_steps.max(1) as f64;
        inpaint.strength = inpaint.strength.min(most).max(one);
        inpaint.soft_mask = false;
    }
    let first = slot.first_run(inpaint.image.size);
    if first.is_some() {
        watch.stage(PREPARING);
    }
    let picture = slot.run(watch, |pipeline, watch| {
        Ok(pipeline.inpaint(&inpaint, watch)?)
    })?;
    if let Some(key) = first {
        slot.note_run(key);
    }
    Ok(picture)
}

/// For `--raw` the model sees exactly the mask it was given.
fn raw_mask(masks: &CropMasks, crop: &CropPlan) -> Plane {
    crate::photo::resample::resize_plane(
        &masks.composite,
        crop.working_size,
        crate::photo::resample::PlaneFilter::Nearest,
    )
}

/// The context at working size with something under the mask for the model to start from.
fn fill_before(
    request: &JobRequest,
    crop: &CropPlan,
    masks: &CropMasks,
    image: &RgbF32,
    watch: &mut Watch<'_>,
) -> Result<RgbF32, EngineError> {
    if crop.prefill == Prefill::Exemplar && masks.denoise.data.contains(&0) {
        watch.stage("removing what is under the mask");
        // At the smaller of both sizes: the model sees no more than that.
        let is_reduced = crop.working_size.area() < image.size.area();
        let (image, hole) = if is_reduced {
            let reduced = resize_rgb(image, crop.working_size);
            (Cow::Owned(reduced), working_mask(&masks.denoise, crop))
        } else {
            (Cow::Borrowed(image), masks.denoise.clone())
        };
        let filled = exemplar_fill(request, &image, &hole, &mut Quiet(watch))?;
        return Ok(resize_rgb(&filled, crop.working_size));
    }
    let mut filled = image.clone();
    prefill(&mut filled, &masks.denoise, crop.prefill);
    Ok(resize_rgb(&filled, crop.working_size))
}

fn exemplar_fill(
    request: &JobRequest,
    image: &RgbF32,
    hole: &Plane,
    observer: &mut dyn Observer,
) -> Result<RgbF32, EngineError> {
    if request.model == ModelChoice::Erase {
        return Ok(exemplar::fill(
            image,
            hole,
            &ExemplarSettings::ERASE,
            observer,
        )?);
    }
    let mut settings = ExemplarSettings {
        seed: request.settings.seed,
        ..ExemplarSettings::default()
    };
    if let (ModelChoice::Exemplar, Some(steps)) =
        (&request.model, request.settings.num_inference_steps)
    {
        settings.steps = steps;
    }
    Ok(exemplar::fill(image, hole, &settings, observer)?)
}

/// A prefill's own steps are not the job's.
struct Quiet<'a, 'b>(&'a mut Watch<'b>);

impl Observer for Quiet<'_, '_> {
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    fn on_step(&mut self, _done: usize, _total: usize) {}
}

/// Fits the picture to the photo and puts it in; returns what changed.
fn put_back(
    request: &JobRequest,
    canvas: &mut Photo,
    crop: &CropPlan,
    masks: &CropMasks,
    made: &RgbF32,
) -> Result<Option<Patch>, EngineError> {
    let made = Made::new(crop.context_rect, made, masks, request.settings.seed);
    if made.rect.is_empty() {
        return Ok(None);
    }
    let place = made
        .rect
        .translate(-crop.context_rect.x, -crop.context_rect.y);
    let composite = masks.composite.cropped(place);
    let below = canvas.cropped(made.rect)?;
    let Some(put) = made.put(&below, composite.clone(), &request.stitch)? else {
        return Ok(None);
    };
    canvas.mix(
        (put.rect.x, put.rect.y),
        &put.content,
        &put.coverage,
        1.0,
        put.rect,
    )?;
    Ok(Some(Patch {
        rect: put.rect,
        photo: canvas.cropped(put.rect)?,
        content: Arc::new(put.content),
        coverage: Arc::new(put.coverage),
        made: Arc::new(made),
        composite: Arc::new(composite),
        blend_px: crop.masks.blend_px,
        context_rect: crop.context_rect,
    }))
}
