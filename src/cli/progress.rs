//! Owns what the command line shows while it works: a bar on a terminal, plain lines elsewhere, nothing when quiet.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::app::{AppEvent, Progress};

/// Plain lines come no more often than this.
const LINE_EVERY: Duration = Duration::from_secs(2);

pub struct Display {
    quiet: bool,
    /// False where steps are shares of the work: then a percentage says more.
    counts_steps: bool,
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
}

impl Display {
    pub fn new(quiet: bool, counts_steps: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(1000);
            if let Ok(style) =
                ProgressStyle::with_template("{msg:24} {bar:40} {percent:>3} %  {prefix}")
            {
                bar.set_style(style);
            }
            bar
        });
        Self {
            quiet,
            counts_steps,
            bar,
            last_line: None,
        }
    }

    pub fn show(&mut self, event: &AppEvent) {
        if self.quiet {
            return;
        }
        match event {
            AppEvent::JobStage(text) => self.stage(text),
            AppEvent::JobStep(progress) => self.step(progress),
            AppEvent::JobWarning(text) => self.warn(text),
            AppEvent::JobFinished(_) | AppEvent::JobFailed { .. } | AppEvent::JobCancelled(_) => {
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    pub fn warn(&self, text: &str) {
        if !self.quiet {
            self.line(&format!("warning: {text}"));
        }
    }

    pub fn wrote(&self, path: &Path) {
        if !self.quiet {
            tell!("{}", path.display());
        }
    }

    fn stage(&self, text: &'static str) {
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None => self.line(text),
        }
    }

    fn step(&mut self, progress: &Progress) {
        let Progress {
            done,
            total,
            crop,
            crops,
            ..
        } = progress;
        let left = progress.remaining.map_or_else(String::new, |d| {
            format!("{:.0} s left", d.as_secs_f32().ceil())
        });
        let mut what = if self.counts_steps {
            format!("step {done}/{total}")
        } else {
            format!("{:.0} %", progress.fraction * 100.0)
        };
        if *crops > 1 {
            what = format!("crop {crop} of {crops}, {what}");
        }
        if let Some(bar) = &self.bar {
            bar.set_message(what);
            bar.set_prefix(left);
            bar.set_position((progress.fraction * 1000.0) as u64);
            return;
        }
        if self.last_line.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
            self.last_line = Some(Instant::now());
            let comma = if left.is_empty() { "" } else { ", " };
            self.line(&format!("{what}{comma}{left}"));
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }
}
