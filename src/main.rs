//! Owns the process: logging, and the choice between window and command line. Nothing that needs a test lives here.

fn main() -> std::process::ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("error,rfd=off"))
        .init();
    inlay::cli::run(std::env::args_os(), inlay::ui::run)
}
