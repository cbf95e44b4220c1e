//! Owns `inlay devices`: what can compute, what is chosen, and why.

use super::args::DevicesArgs;
use super::{Failure, Outcome};
use crate::engine::devices;

pub fn run(args: &DevicesArgs) -> Outcome {
    let options = super::engine_options();
    let report = devices(&options, true);
    if args.json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        tell!("{text}");
        return Ok(());
    }
    tell!("CPU: {} threads, always works", report.cpu_threads);
    for adapter in &report.adapters {
        let state = match (adapter.works, &adapter.problem) {
            (Some(true), _) => "works".to_owned(),
            (Some(false), Some(problem)) => format!("does not work: {problem}"),
            (Some(false), None) => "does not work".to_owned(),
            (None, _) => format!("software renderer, used only with --device {}", adapter.api),
        };
        let f16 = if adapter.f16 { ", f16" } else { "" };
        tell!(
            "{} ({}, {}{f16}): {state}",
            adapter.name,
            adapter.api,
            adapter.driver
        );
    }
    tell!("auto uses: {} ({})", report.chosen, report.why);
    Ok(())
}
