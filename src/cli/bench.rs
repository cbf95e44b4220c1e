//! Owns `inlay bench`: prints how fast this machine is. Measuring itself is the engine's, of the canvas the window's room's.

use super::args::{BenchArgs, BenchKind, EngineBenchArgs};
use super::fill::failure;
use super::{Failure, FrontEnd, Outcome};
use crate::engine::{EngineBench, bench_engine};

pub fn run(args: &BenchArgs, front_end: FrontEnd) -> Outcome {
    match &args.kind {
        BenchKind::Quality(quality) => super::quality::run(quality),
        BenchKind::Engine(engine) => run_engine(engine),
        BenchKind::Canvas(canvas) => {
            let text = (front_end.bench_canvas)(canvas.json)
                .map_err(|error| Failure::Failed(format!("{error:#}")))?;
            println!("{text}");
            Ok(())
        }
    }
}

fn run_engine(engine: &EngineBenchArgs) -> Outcome {
    let size = engine.size.as_deref().map(parse_size).transpose()?;
    let options = super::engine_options();
    let report = bench_engine(
        &options,
        &EngineBench {
            folder: &engine.model,
            device: engine.device.into(),
            precision: engine.precision.into(),
            size,
            runs: engine.runs as usize,
        },
    )
    .map_err(|error| failure(&error))?;
    if engine.json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        println!("{text}");
        return Ok(());
    }
    println!(
        "{} on {}, {}, {} × {} px",
        report.model, report.device, report.precision, report.width, report.height
    );
    for (stage, milliseconds) in [
        ("load", report.load_ms),
        ("text encoder", report.text_ms),
        ("UNet, one step", report.unet_step_ms),
        ("VAE encode", report.vae_encode_ms),
        ("VAE decode", report.vae_decode_ms),
    ] {
        println!("{stage:<16} {milliseconds:>10.1} ms");
    }
    if let Some(bytes) = report.peak_memory_bytes {
        println!("{:<16} {:>10} MiB", "peak memory", bytes >> 20);
    }
    Ok(())
}

/// `512x512`.
fn parse_size(text: &str) -> Result<(usize, usize), Failure> {
    let parts = text
        .split_once(['x', '×'])
        .and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    parts.ok_or_else(|| {
        Failure::Usage(format!(
            "--size is WIDTHxHEIGHT, such as 512x512, not \"{text}\""
        ))
    })
}
