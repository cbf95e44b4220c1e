//! Owns the process: logging, and the choice between window and command line. Nothing that needs a test lives here.

fn main() -> std::process::ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("error,rfd=off"))
        .init();
    let front_end = inlay::cli::FrontEnd {
        open_window: inlay::ui::run,
        bench_canvas: inlay::ui::bench::run,
    };
    inlay::cli::run(std::env::args_os(), front_end)
}
