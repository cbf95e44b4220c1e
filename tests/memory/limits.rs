//! Limits through the engine and the command line: what is chosen and said, that pictures stay the same, and going on when memory runs out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use inlay::diffusion::memory::{MemoryPlan, Residency};
use inlay::engine::{EngineError, JobEvent, Precision};

use crate::common::{mask, rgb8, stderr, succeed};
use crate::kit::{Bed, Listened};

#[test]
fn a_limit_forces_a_frugal_way_to_the_same_picture() {
    let bed = Bed::new("sd1-inpaint");
    let planner = bed.planner();
    let mut engine = Listened::start(|_| {});
    let (roomy, warnings) = engine.run(bed.job(None, Precision::F32));
    let roomy = roomy.unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let report = roomy.report.memory.clone().unwrap();
    assert_eq!(report.plan, MemoryPlan::default());
    assert_eq!(report.limit_bytes, None);
    assert!(report.budget_bytes.unwrap() > report.estimated_peak_bytes);
    assert!(
        report
            .measured_peak_bytes
            .is_none_or(|bytes| bytes > 1 << 20)
    );

    for residency in [Residency::TextApart, Residency::OneAtATime] {
        let plan = MemoryPlan {
            residency,
            ..MemoryPlan::default()
        };
        let limit = planner.estimate(&plan, &Bed::WORK).peak();
        let (result, warnings) = engine.run(bed.job(Some(limit), Precision::F32));
        let result = result.unwrap();
        let report = result.report.memory.clone().unwrap();
        assert_ne!(report.plan, MemoryPlan::default(), "{residency:?}");
        assert!(report.estimated_peak_bytes <= limit);
        assert_eq!(report.limit_bytes, Some(limit));
        assert_eq!(warnings, result.report.warnings);
        assert!(warnings[0].contains("memory is short"), "{warnings:?}");
        let (a, b) = (roomy.raw.as_ref().unwrap(), result.raw.as_ref().unwrap());
        let worst = a.data.iter().zip(&b.data).map(|(a, b)| (a - b).abs());
        assert!(worst.fold(0.0, f32::max) < 1e-4, "{residency:?}");
    }
    // Plenty again: the same engine goes back to the roomy way.
    let (again, warnings) = engine.run(bed.job(Some(1 << 40), Precision::F32));
    let again = again.unwrap();
    assert!(warnings.is_empty());
    assert_eq!(again.report.memory.unwrap().plan, MemoryPlan::default());
    assert_eq!(again.raw, roomy.raw);
}

#[test]
fn too_little_is_refused_before_anything_is_loaded() {
    let bed = Bed::new("sd1-inpaint");
    let mut engine = Listened::start(|event| {
        assert!(!matches!(event, JobEvent::Stage { .. }), "{event:?}");
    });
    let (result, _) = engine.run(bed.job(Some(1 << 20), Precision::F32));
    let error = result.unwrap_err();
    assert!(matches!(error, EngineError::Memory { .. }), "{error}");
    let text = error.to_string();
    for part in ["MiB", "--memory-limit", "--precision f16"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn the_command_line_obeys_and_reports_a_limit() {
    let bed = Bed::new("sd1-inpaint");
    let here = &bed.here;
    here.save("photo.png", rgb8(64, 48));
    here.save("mask.png", mask(64, 48, [20, 12, 20, 20]));
    let base =
        "fill photo.png --mask mask.png --model model --steps 2 --seed 4 --whole --device cpu";
    let output = here.inlay(&format!("{base} --memory-limit 1 -o no.png"));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("may take 1 MiB"),
        "{}",
        stderr(&output)
    );
    assert!(!here.path("no.png").exists());
    let output = here.inlay(&format!("{base} --memory-limit 0 -o no.png"));
    assert_eq!(output.status.code(), Some(2));

    succeed(&here.inlay(&format!("{base} -o a.png --report a.json")));
    succeed(&here.inlay(&format!(
        "{base} --memory-limit 4000 -o b.png --report b.json"
    )));
    let report = |name: &str| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(here.path(name)).unwrap()).unwrap()
    };
    let memory = &report("b.json")["memory"];
    assert_eq!(memory["limit_bytes"], 4000_u64 << 20);
    assert_eq!(memory["plan"]["precision"], "f32");
    assert_eq!(memory["plan"]["parts"], "all");
    assert!(memory["estimated_peak_bytes"].as_u64().unwrap() > 0);
    assert_eq!(here.load("a.png"), here.load("b.png"));
    let inspect = here.inlay("inspect model --json");
    let info: serde_json::Value = serde_json::from_slice(&inspect.stdout).unwrap();
    assert!(info["memory_to_run"]["f32_mib"].as_u64().unwrap() > 0);
}

/// A driver's way of saying that memory ran out, in the middle of a step.
fn run_out(event: &JobEvent, left: &AtomicUsize) {
    if matches!(event, JobEvent::Step { done: 1, .. })
        && left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
            .is_ok()
    {
        std::panic::resume_unwind(Box::new("wgpu error: Out of Memory".to_owned()));
    }
}

#[test]
fn a_job_goes_on_when_memory_runs_out() {
    let bed = Bed::new("sd1-inpaint");
    let expected = Listened::start(|_| {})
        .run(bed.job(None, Precision::Auto))
        .0
        .unwrap();
    let left = Arc::new(AtomicUsize::new(1));
    let counter = Arc::clone(&left);
    let mut engine = Listened::start(move |event| run_out(event, &counter));
    let (result, warnings) = engine.run(bed.job(None, Precision::Auto));
    let result = result.unwrap();
    let report = result.report.memory.clone().unwrap();
    assert_eq!(report.stepped_down, 1);
    assert_ne!(report.plan, MemoryPlan::default());
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("memory ran out"), "{warnings:?}");
    assert_eq!(warnings, result.report.warnings);
    let (a, b) = (expected.raw.unwrap(), result.raw.unwrap());
    let worst = a.data.iter().zip(&b.data).map(|(a, b)| (a - b).abs());
    assert!(worst.fold(0.0, f32::max) < 1e-4);
    // Of the failed attempt nothing is counted.
    assert_eq!(
        result.report.milliseconds.steps.len(),
        expected.report.milliseconds.steps.len()
    );
    // The next job is planned anew and succeeds.
    let (next, warnings) = engine.run(bed.job(None, Precision::Auto));
    assert!(next.is_ok() && warnings.is_empty());
}

#[test]
fn a_job_that_runs_out_every_time_fails_with_what_to_do() {
    let bed = Bed::new("sd1-inpaint");
    let left = Arc::new(AtomicUsize::new(1000));
    let counter = Arc::clone(&left);
    let mut engine = Listened::start(move |event| run_out(event, &counter));
    let (result, warnings) = engine.run(bed.job(None, Precision::Auto));
    let error = result.unwrap_err();
    assert!(matches!(error, EngineError::OutOfMemory(_)), "{error}");
    assert!(
        error.to_string().contains("close other programs"),
        "{error}"
    );
    assert!(!warnings.is_empty());
    left.store(0, Ordering::SeqCst);
    assert!(engine.run(bed.job(None, Precision::Auto)).0.is_ok());
}
