//! Owns `inlay bench`: prints how fast this machine is. Measuring itself is the engine's, of the canvas the window's room's.

use super::args::{BenchArgs, BenchKind, EngineBenchArgs};
use super::fill::failure;
use super::{Failure, FrontEnd, Outcome};
use crate::engine::{EngineBench, EngineBenchReport, bench_engine};

pub fn run(args: &BenchArgs, front_end: FrontEnd) -> Outcome {
    match &args.kind {
        BenchKind::Quality(quality) => super::quality::run(quality),
        BenchKind::Engine(engine) => run_engine(engine),
        BenchKind::Canvas(canvas) => {
            let text = (front_end.bench_canvas)(canvas.json)
                .map_err(|error| Failure::Failed(format!("{error:#}")))?;
            tell!("{text}");
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
        tell!("{text}");
        return Ok(());
    }
    print_engine(&report);
    Ok(())
}

fn print_engine(report: &EngineBenchReport) {
    tell!(
        "{} on {}, {}, {} × {} px, {} threads",
        report.model,
        report.device,
        report.precision,
        report.width,
        report.height,
        report.threads
    );
    tell!(
        "{:<64}{:>10}{:>10}{:>9}",
        "median of the runs",
        "ms",
        "GFLOP/s",
        "of peak"
    );
    tell!("{:<64}{:>10.1}", "load", report.load_ms);
    for stage in &report.stages {
        let name = match stage.name {
            "text" => "text encoder",
            "text_2" => "second text encoder",
            "unet_step" => "UNet, one step",
            "vae_encode" => "VAE encode",
            "vae_decode" => "VAE decode",
            other => other,
        };
        let label = format!("{name} ({:.0} GFLOP)", stage.gflop);
        let (speed, share) = (stage.gflop_per_second, stage.share_of_peak * 100.0);
        tell!(
            "{label:<64}{:>10.1}{speed:>10.0}{share:>8.0}%",
            stage.milliseconds
        );
    }
    for op in &report.ops {
        let label = format!("{}, {}", op.name, op.shape);
        let time = op.milliseconds;
        if let Some((speed, share)) = op.gflop_per_second.zip(op.share_of_peak) {
            let share = share * 100.0;
            tell!("{label:<64}{time:>10.2}{speed:>10.0}{share:>8.0}%");
        } else {
            let rate = op.gigabyte_per_second;
            tell!("{label:<64}{time:>10.2}{rate:>10.1} GB/s");
        }
    }
    let side = report.matmul_peak_side;
    let label = format!("matrix product, {side} × {side}");
    tell!("{label:<64}{:>20.0}", report.matmul_peak_gflop_per_second);
    for (name, bytes) in [
        ("peak memory of this process", report.peak_memory_bytes),
        ("memory held on the device", report.device_memory_bytes),
    ] {
        if let Some(bytes) = bytes {
            tell!("{name:<64}{:>10} MiB", bytes >> 20);
        }
    }
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
