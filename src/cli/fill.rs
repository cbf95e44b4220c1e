//! Owns `inlay fill` and `inlay extend`: both drive an `App` through the same Commands as the window and wait.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::args::{EraseArgs, ExtendArgs, FillArgs, Options};
use super::progress::Display;
use super::{Failure, Outcome, program};
use crate::app::{App, AppEvent, AppOptions, Command, Paths};
use crate::engine::{EngineError, JobId, JobReport, ModelChoice};
use crate::photo::{self, EncodeOptions};
use crate::plan::{Extension, GenerateSettings, ModelAdditions};

/// How often Ctrl+C is looked at while nothing happens.
const TICK: Duration = Duration::from_millis(50);

pub fn run_fill(args: &FillArgs) -> Outcome {
    let mut session = Session::start(&args.options)?;
    session.open(&args.photo)?;
    session.mark(args.mask.as_deref())?;
    session.run(&args.photo, "filled")
}

pub fn run_erase(args: EraseArgs) -> Outcome {
    let options = Options::erase(args.files, args.stitch);
    let mut session = Session::start(&options)?;
    session.open(&args.photo)?;
    session.mark(args.mask.as_deref())?;
    if args.shadows {
        session.app.dispatch(Command::CoverShadows);
        session.wait_for(|event| matches!(event, AppEvent::Selected).then_some(Ok(())))?;
    }
    session.run(&args.photo, "erased")
}

pub fn run_extend(args: &ExtendArgs) -> Outcome {
    let extension = Extension {
        left: args.left,
        top: args.top,
        right: args.right,
        bottom: args.bottom,
    };
    if extension.is_none() {
        return Err(Failure::Usage(
            "name at least one side: --left, --top, --right or --bottom".to_owned(),
        ));
    }
    let mut session = Session::start(&args.options)?;
    session.open(&args.photo)?;
    let size = session
        .app
        .document()
        .map(crate::document::Document::size)
        .unwrap_or_default();
    extension
        .canvas_size(size)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    session.app.dispatch(Command::SetOverlap(args.overlap));
    session.app.dispatch(Command::SetExtension(extension));
    session.run(&args.photo, "extended")
}

/// One run of the command line.
struct Session<'a> {
    app: App,
    options: &'a Options,
    wakeups: Receiver<()>,
    /// Events that nobody has waited for yet.
    pending: VecDeque<AppEvent>,
    /// Ends of jobs stay in `pending`.
    keeps_job_ends: bool,
    interrupted: Arc<AtomicBool>,
    display: Display,
}

impl<'a> Session<'a> {
    fn start(options: &'a Options) -> Result<Self, Failure> {
        if options.blend.is_some_and(|px| px > 48) {
            return Err(Failure::Usage(
                "--blend must be between 0 and 48".to_owned(),
            ));
        }
        if let Some(output) = &options.files.output {
            check_output(output)?;
        }
        if let Some(heat_map) = &options.files.heat_map {
            check_output(heat_map)?;
        }
        let stitch = options.stitch.options().map_err(Failure::Usage)?;
        let app_options = AppOptions {
            paths: Paths::find(),
            keep_preferences: false,
            keep_journal: false,
            program: program(),
            encode: EncodeOptions {
                jpeg_quality: options.files.quality,
                strip_metadata: options.files.strip_metadata,
                ..EncodeOptions::default()
            },
            whole: options.whole,
            raw: options.raw,
            blend_px: options.blend,
            stitch: Some(stitch),
            memory_limit: options.memory_limit.map(|mib| mib << 20),
            library: None,
            hash_untouched: options.files.report.is_some(),
        };
        let (wake, wakeups) = sync_channel(1);
        let app = App::new(app_options, move || {
            let _ = wake.try_send(());
        })
        .map_err(|error| failure(&error))?;
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        if let Err(error) = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)) {
            log::warn!("Ctrl+C can't be caught: {error}");
        }
        let mut session = Self {
            app,
            options,
            wakeups,
            pending: VecDeque::new(),
            keeps_job_ends: false,
            interrupted,
            display: Display::new(
                options.files.quiet,
                matches!(options.model, ModelChoice::Folder(_)),
            ),
        };
        session.configure()?;
        Ok(session)
    }

    fn configure(&mut self) -> Outcome {
        let options = self.options;
        let seed = options
            .seed
            .unwrap_or_else(|| self.app.generate_settings().seed);
        self.app
            .dispatch(Command::EditSettings(Box::new(GenerateSettings {
                prompt: options.prompt.clone(),
                negative_prompt: options.negative.clone(),
                seed,
                num_inference_steps: options.steps,
                guidance_scale: options.guidance,
                strength: options.strength,
                scheduler: options.scheduler.clone(),
                additions: ModelAdditions {
                    loras: options.loras.clone(),
                    embeddings: options.embeddings.clone(),
                    vae: options.vae.clone(),
                },
                soft_mask: options.soft_mask,
                task: options.task.map(Into::into),
                refine: options.no_refine.then_some(false),
            })));
        self.app
            .dispatch(Command::SetKeepRecipe(!options.files.no_recipe));
        self.app
            .dispatch(Command::ChooseDevice(options.device.into()));
        self.app
            .dispatch(Command::ChoosePrecision(options.precision.into()));
        if !matches!(options.model, ModelChoice::Folder(_)) && !options.prompt.trim().is_empty() {
            self.display.warn("the exemplar model reads no words; name a checkpoint with --model to use the prompt");
        }
        let adds =
            !options.loras.is_empty() || !options.embeddings.is_empty() || options.vae.is_some();
        if !matches!(options.model, ModelChoice::Folder(_)) && adds {
            return Err(Failure::Usage(
                "--lora, --embedding and --vae change a checkpoint; name one with --model"
                    .to_owned(),
            ));
        }
        // Settings are checked before anything is read, as far as they can be.
        crate::engine::validate_settings(self.app.generate_settings(), u32::MAX)
            .map_err(|error| failure(&error))?;
        self.app
            .dispatch(Command::ChooseModel(options.model.clone()));
        self.wait_for(|event| match event {
            AppEvent::ModelChosen => Some(Ok(())),
            AppEvent::ModelFailed(error) => Some(Err(Failure::Failed(error))),
            _ => None,
        })
    }

    /// Takes the mask from its file, the project or the photo's transparency.
    fn mark(&mut self, mask: Option<&Path>) -> Outcome {
        let has_mask = self
            .app
            .document()
            .is_some_and(|document| !document.mask().is_empty());
        match mask {
            Some(mask) => self.app.dispatch(Command::LoadMask(mask.to_owned())),
            // A project brings its own.
            None if has_mask => return Ok(()),
            None => self.app.dispatch(Command::MaskFromTransparency),
        }
        self.wait_for(|event| match event {
            AppEvent::MaskLoaded => Some(Ok(())),
            AppEvent::MaskFailed(error) if mask.is_none() => Some(Err(Failure::Usage(format!(
                "{error}; name a mask with --mask"
            )))),
            AppEvent::MaskFailed(error) => Some(Err(Failure::Failed(error))),
            _ => None,
        })
    }

    fn open(&mut self, photo: &Path) -> Outcome {
        self.app.dispatch(Command::Open(photo.to_owned()));
        self.wait_for(|event| match event {
            AppEvent::PhotoOpened => Some(Ok(())),
            AppEvent::OpenFailed(error) => Some(Err(Failure::Failed(error))),
            _ => None,
        })
    }

    /// Generates and writes every result.
    fn run(&mut self, photo: &Path, suffix: &str) -> Outcome {
        let count = self.options.count;
        let output = match &self.options.files.output {
            Some(output) => output.clone(),
            None => photo::default_output(photo, suffix),
        };
        check_output(&output)?;
        self.app.dispatch(Command::Generate { count });
        let mut reports = Vec::new();
        for index in 1..=count {
            let id = self.wait_for_job()?;
            let candidate = self.app.candidates().iter().position(|c| c.id == id);
            let Some(position) = candidate else {
                return Err(Failure::Failed(
                    "the result was lost; please report this".to_owned(),
                ));
            };
            let path = if count == 1 {
                output.clone()
            } else {
                numbered(&output, index)
            };
            let path = if self.options.files.output.is_none() {
                photo::free_path(&path)
            } else {
                path
            };
            reports.push(self.app.candidates()[position].result.report.clone());
            if let Some(heat_map) = &self.options.files.heat_map {
                let path = if count == 1 {
                    heat_map.clone()
                } else {
                    numbered(heat_map, index)
                };
                self.app.dispatch(Command::SaveHeatMap {
                    candidate: Some(position),
                    path,
                });
                self.wait_for_file()?;
            }
            self.app.dispatch(Command::SaveCandidate {
                index: position,
                path,
            });
            let (path, warnings) = self.wait_for_file()?;
            for warning in warnings {
                self.display.warn(&warning);
            }
            self.display.wrote(&path);
        }
        self.write_report(&reports)
    }

    fn wait_for_file(&mut self) -> Result<(PathBuf, Vec<String>), Failure> {
        self.keeps_job_ends = true;
        let written = self.wait_for(|event| match event {
            AppEvent::Saved { path, warnings } => Some(Ok((path, warnings))),
            AppEvent::SaveFailed(error) => Some(Err(Failure::Failed(error))),
            _ => None,
        });
        self.keeps_job_ends = false;
        written
    }

    fn write_report(&self, reports: &[JobReport]) -> Outcome {
        let Some(file) = &self.options.files.report else {
            return Ok(());
        };
        let text = match reports {
            [one] => serde_json::to_string_pretty(one),
            several => serde_json::to_string_pretty(several),
        };
        let text = text.map_err(|error| {
            Failure::Failed(format!("the report can't be written down: {error}"))
        })?;
        std::fs::write(file, text + "\n")
            .map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))
    }

    fn wait_for_job(&mut self) -> Result<JobId, Failure> {
        self.wait_for(|event| match event {
            AppEvent::JobFinished(id) => Some(Ok(id)),
            AppEvent::JobFailed { error, .. } => Some(Err(failure(&error))),
            AppEvent::JobCancelled(_) => Some(Err(Failure::Failed(
                "cancelled; nothing was written".to_owned(),
            ))),
            _ => None,
        })
    }

    /// Polls until `done` says so; shows progress, passes Ctrl+C on.
    fn wait_for<T>(
        &mut self,
        mut done: impl FnMut(AppEvent) -> Option<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        loop {
            if self.interrupted.swap(false, Ordering::Relaxed) {
                if self.app.jobs().is_empty() {
                    return Err(Failure::Failed("cancelled; nothing was written".to_owned()));
                }
                self.app.dispatch(Command::Cancel);
            }
            let news = self.app.poll();
            self.pending.extend(news);
            let mut later = VecDeque::new();
            while let Some(event) = self.pending.pop_front() {
                // A job may end while another's file is written: that is news for whoever waits for it next.
                if self.keeps_job_ends && ends_a_job(&event) {
                    later.push_back(event);
                    continue;
                }
                self.display.show(&event);
                if let Some(answer) = done(event) {
                    later.append(&mut self.pending);
                    self.pending = later;
                    return answer;
                }
            }
            self.pending = later;
            let _ = self.wakeups.recv_timeout(TICK);
        }
    }
}

fn ends_a_job(event: &AppEvent) -> bool {
    matches!(
        event,
        AppEvent::JobFinished(_) | AppEvent::JobFailed { .. } | AppEvent::JobCancelled(_)
    )
}

pub(super) fn failure(error: &EngineError) -> Failure {
    if error.is_usage() {
        Failure::Usage(error.to_string())
    } else {
        Failure::Failed(error.to_string())
    }
}

/// Refuses an output that could not be written, before any work is done.
fn check_output(output: &Path) -> Outcome {
    photo::writable_format(output).map_err(|error| Failure::Usage(error.to_string()))?;
    let folder = output
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::Failed(format!(
            "{}: there is no such folder",
            folder.display()
        )));
    }
    Ok(())
}

/// `out.png` and 2 give `out-2.png`.
fn numbered(output: &Path, index: u32) -> PathBuf {
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let name = match output.extension() {
        Some(ending) => format!("{stem}-{index}.{}", ending.to_string_lossy()),
        None => format!("{stem}-{index}"),
    };
    output.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_before_the_ending() {
        assert_eq!(
            numbered(Path::new("a/b.tar.png"), 3),
            PathBuf::from("a/b.tar-3.png")
        );
    }
}
