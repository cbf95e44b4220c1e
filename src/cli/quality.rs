//! Owns `inlay bench quality`: cuts known holes into photos, has every method fill them back, and scores what came. Holes
//! and scores are the quality room's, fills the engine's; the classical rivals come from a Python with OpenCV.

mod rivals;
mod sheet;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use super::args::QualityBenchArgs;
use super::fill::failure;
use super::{Failure, Outcome};
use crate::compose::StitchOptions;
use crate::engine::{
    self, DeviceChoice, Engine, EngineError, JobEvent, JobId, JobRequest, JobResult, ModelChoice,
    Precision,
};
use crate::geometry::{PixelRect, PixelSize};
use crate::mask::Mask;
use crate::photo::{self, Photo};
use crate::plan::{
    Extension, GenerateSettings, InpaintPlan, ModelFrame, PlanSettings, Task, plan_inpaint,
};
use crate::quality::{self, KINDS, Kind, Table};
use crate::raster::{Plane, RgbF32};

/// Side of the smallest photo that holes are cut into.
const MIN_SIDE: u32 = 64;

/// One hole in one photo.
struct Case {
    photo: String,
    kind: Kind,
    truth: RgbF32,
    hole: Plane,
    task: Damaged,
}

/// What methods get to see: nothing of the truth is left in the hole.
struct Damaged {
    photo: Arc<Photo>,
    /// Of the photo's size.
    mask: Arc<Mask>,
    extension: Extension,
}

pub fn run(args: &QualityBenchArgs) -> Outcome {
    if let Some(folder) = &args.sheets {
        std::fs::create_dir_all(folder)
            .map_err(|e| Failure::Failed(format!("{}: {e}", folder.display())))?;
    }
    let bench = Bench::start(args)?;
    let mut rivals = args
        .python
        .as_deref()
        .map(rivals::Rivals::start)
        .transpose()?;
    let mut table = Table::default();
    for path in &args.photos {
        let decoded = photo::decode_file(path).map_err(|e| Failure::Failed(e.to_string()))?;
        if decoded.photo.size.short_side() < MIN_SIDE {
            return Err(Failure::Usage(format!(
                "{} is {}; holes need a photo of at least {MIN_SIDE} px a side",
                path.display(),
                decoded.photo.size
            )));
        }
        let asked = |kind: &Kind| args.kinds.is_empty() || args.kinds.contains(kind);
        for kind in KINDS.into_iter().filter(asked) {
            for index in 0..u64::from(args.each) {
                let case = case(path, &decoded.photo, kind, args.seed.wrapping_add(index))?;
                let mut fills = bench.fills(&case)?;
                if let Some(rivals) = &mut rivals {
                    fills.extend(rivals.fills(&case.truth, &case.hole)?);
                }
                for (method, fill) in &fills {
                    let scores = quality::score(&case.truth, &fill.picture, &case.hole)
                        .map_err(|e| Failure::Failed(e.to_string()))?;
                    table.push(&case.photo, case.kind.name(), method, scores, fill.seconds);
                }
                if !args.quiet {
                    eprintln!("{} {} done", case.photo, kind.name());
                }
                if let Some(folder) = &args.sheets {
                    let name = format!("{}-{}-{index}.jpg", case.photo, kind.name());
                    sheet::write(&folder.join(name), &case.truth, &case.hole, &fills)?;
                }
            }
        }
    }
    print(&table, args.json)
}

fn print(table: &Table, json: bool) -> Outcome {
    if json {
        let text = serde_json::to_string_pretty(table)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        tell!("{text}");
        return Ok(());
    }
    tell!("{table}");
    let wins = table.wins_text("erase", &["telea", "ns"]);
    if !wins.is_empty() {
        tell!("\n{wins}");
    }
    Ok(())
}

/// A picture that a method made, and how long it took.
pub struct Fill {
    pub picture: RgbF32,
    pub seconds: f64,
}

type Fills = BTreeMap<String, Fill>;

fn case(path: &Path, photo: &Photo, kind: Kind, index: u64) -> Result<Case, Failure> {
    let failed = |e: photo::PhotoError| Failure::Failed(e.to_string());
    let truth = photo.crop_rgb(photo.size.rect()).map_err(failed)?;
    let hole = quality::mask_kind(kind, photo.size, index);
    let rest = rest_beside(&hole).filter(|_| kind == Kind::Border);
    let task = if let Some(rest) = rest {
        Damaged {
            photo: Arc::new(photo.cropped(rest).map_err(failed)?),
            mask: Arc::new(Mask::new(rest.size())),
            extension: Extension {
                left: rest.x as u32,
                top: rest.y as u32,
                right: photo.size.width - rest.right() as u32,
                bottom: photo.size.height - rest.bottom() as u32,
            },
        }
    } else {
        let mut damaged = photo.clone();
        let gray = RgbF32 {
            size: photo.size,
            data: vec![0.5; truth.data.len()],
        };
        damaged
            .blend(photo.size.rect(), &gray, &hole)
            .map_err(failed)?;
        Damaged {
            photo: Arc::new(damaged),
            mask: Arc::new(Mask {
                plane: hole.clone(),
            }),
            extension: Extension::default(),
        }
    };
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Case {
        photo: name,
        kind,
        truth,
        hole,
        task,
    })
}

/// What is left of the picture when the hole is all of one side; none when it is not.
fn rest_beside(hole: &Plane) -> Option<PixelRect> {
    let (width, height) = (hole.size.width as i32, hole.size.height as i32);
    let known = |x: i32, y: i32| hole.get(x as usize, y as usize) == 0;
    let columns: Vec<i32> = (0..width).filter(|x| known(*x, height / 2)).collect();
    let rows: Vec<i32> = (0..height).filter(|y| known(width / 2, *y)).collect();
    let whole = hole.size.rect();
    let by_columns = columns
        .first()
        .zip(columns.last())
        .map(|(from, to)| PixelRect::from_edges(*from, 0, *to + 1, height));
    let by_rows = rows
        .first()
        .zip(rows.last())
        .map(|(from, to)| PixelRect::from_edges(0, *from, width, *to + 1));
    [by_columns, by_rows].into_iter().flatten().find(|rest| {
        *rest != whole
            && (0..height).all(|y| (0..width).all(|x| known(x, y) == rest.contains(x, y)))
    })
}

/// The engine and what it is asked for.
struct Bench {
    engine: Engine,
    events: Receiver<JobEvent>,
    model: Option<(ModelChoice, ModelFrame)>,
    settings: GenerateSettings,
    device: DeviceChoice,
    precision: Precision,
    stitch: StitchOptions,
}

impl Bench {
    fn start(args: &QualityBenchArgs) -> Result<Self, Failure> {
        let (engine, events) =
            Engine::start(super::engine_options(), || {}).map_err(|e| failure(&e))?;
        let model = match &args.model {
            None => None,
            Some(ModelChoice::Folder(folder)) => {
                let summary = engine::summarize(folder).map_err(|e| failure(&e))?;
                Some((ModelChoice::Folder(folder.clone()), summary.frame))
            }
            Some(other) => Some((other.clone(), ModelFrame::EXEMPLAR)),
        };
        Ok(Self {
            engine,
            events,
            model,
            settings: GenerateSettings {
                seed: args.seed,
                num_inference_steps: args.steps,
                ..GenerateSettings::default()
            },
            device: args.device.into(),
            precision: args.precision.into(),
            stitch: args.stitch.options().map_err(Failure::Usage)?,
        })
    }

    /// By every method of ours; a checkpoint's also without its stitch.
    fn fills(&self, case: &Case) -> Result<Fills, Failure> {
        let mut fills = Fills::new();
        let erase = (ModelChoice::Erase, ModelFrame::EXEMPLAR);
        let exemplar = (ModelChoice::Exemplar, ModelFrame::EXEMPLAR);
        let methods = [Some(("erase", &erase)), Some(("exemplar", &exemplar))].into_iter();
        let chosen = self.model.as_ref().map(|model| ("model", model));
        for (name, (model, frame)) in methods.chain([chosen]).flatten() {
            let plan = self.plan(case, model, frame)?;
            let started = Instant::now();
            let result = self.job(case, model, &plan, self.stitch)?;
            let seconds = started.elapsed().as_secs_f64();
            let failed = |e: EngineError| failure(&e);
            let with = |options| restitched(case, &result, options).map_err(failed);
            let stitched = with(None)?;
            fills.insert(
                format!("{name}, pasted"),
                Fill {
                    picture: with(Some(StitchOptions::PASTE))?,
                    seconds,
                },
            );
            fills.insert(
                name.to_owned(),
                Fill {
                    picture: stitched,
                    seconds,
                },
            );
        }
        Ok(fills)
    }

    fn plan(
        &self,
        case: &Case,
        model: &ModelChoice,
        frame: &ModelFrame,
    ) -> Result<InpaintPlan, Failure> {
        let settings = match model {
            ModelChoice::Folder(_) => PlanSettings::of_checkpoint(&self.settings),
            _ => PlanSettings::default(),
        };
        let task = &case.task;
        plan_inpaint(
            task.photo.size,
            &task.mask,
            task.extension,
            frame,
            &settings,
        )
        .map_err(|e| Failure::Failed(e.to_string()))
    }

    fn job(
        &self,
        case: &Case,
        model: &ModelChoice,
        plan: &InpaintPlan,
        stitch: StitchOptions,
    ) -> Result<JobResult, Failure> {
        let mut settings = self.settings.clone();
        if case.task.extension.is_none() && matches!(model, ModelChoice::Folder(_)) {
            Task::settle(&mut settings);
        }
        let request = JobRequest {
            id: JobId(1),
            photo: Arc::clone(&case.task.photo),
            mask: Arc::clone(&case.task.mask),
            plan: plan.clone(),
            settings,
            model: model.clone(),
            device: self.device,
            precision: self.precision,
            memory_limit: None,
            stitch,
            raw: false,
            hash_untouched: false,
        };
        self.engine.submit(request).map_err(|e| failure(&e))?;
        for event in &self.events {
            match event {
                JobEvent::Finished { result, .. } => return Ok(*result),
                JobEvent::Failed { error, .. } => return Err(failure(&error)),
                JobEvent::Cancelled { .. } => break,
                _ => {}
            }
        }
        Err(Failure::Failed("the engine stopped".to_owned()))
    }
}

/// The whole canvas with a result in it, stitched anew where options are given.
fn restitched(
    case: &Case,
    result: &JobResult,
    options: Option<StitchOptions>,
) -> Result<RgbF32, EngineError> {
    let at = case.task.extension;
    let mut canvas = case
        .task
        .photo
        .extended(at.left, at.top, at.right, at.bottom)?;
    for patch in &result.patches {
        let Some(options) = &options else {
            canvas.paste(patch.rect, &patch.photo)?;
            continue;
        };
        let below = canvas.cropped(patch.made.rect)?;
        if let Some(put) = patch
            .made
            .put(&below, Plane::clone(&patch.composite), options)?
        {
            canvas.mix(
                (put.rect.x, put.rect.y),
                &put.content,
                &put.coverage,
                1.0,
                put.rect,
            )?;
        }
    }
    Ok(canvas.crop_rgb(PixelRect::new(0, 0, canvas.size.width, canvas.size.height))?)
}

/// For the sheet and the rivals: 8-bit pixels.
fn rgb8(picture: &RgbF32) -> Photo {
    Photo::from_rgb8(picture.size, picture.to_rgb8())
}

/// The part of the picture around a hole, for looking at: at most so large.
fn look(hole: &Plane, most: u32) -> PixelRect {
    let bounds = (Mask {
        plane: hole.clone(),
    })
    .bounds();
    let size = PixelSize::new(
        bounds.width.max(bounds.height / 2).max(200),
        bounds.height.max(bounds.width / 2).max(200),
    );
    let pad = (size.long_side() / 3).min(most) as i32;
    bounds.grow(pad).intersect(hole.size.rect())
}
