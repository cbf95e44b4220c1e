//! Nothing is lost: an editing session is killed at 50 random moments, and what the next start brings back is what the
//! same session looked like after the last command that was done, or the one after it.
//!
//! `cargo test --release --test crash_recovery`

mod script;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use inlay::app::{AppEvent, Command};
use script::{Looks, Random, app, looks, open, play, wait};

const HOME: &str = "INLAY_TEST_CRASH_HOME";
const SEED: &str = "INLAY_TEST_CRASH_SEED";
const PHOTO: &str = "photo.png";

/// Different sessions, and how often each is killed.
const SESSIONS: u64 = 10;
const KILLS: usize = 5;

/// The session that is killed; does nothing in an ordinary run of the tests.
#[test]
fn child_edits_until_killed() {
    let (Some(home), Ok(seed)) = (std::env::var_os(HOME), std::env::var(SEED)) else {
        return;
    };
    let home = Path::new(&home);
    let mut app = app(home);
    open(&mut app, home.join(PHOTO));
    let say = |text: &str| {
        // Not println!: the harness would keep it back.
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}")
            .and_then(|()| out.flush())
            .expect("said");
    };
    say("ready");
    let mut done = 0;
    play(&mut app, seed.parse().expect("a number"), |_, _| {
        done += 1;
        say(&format!("done {done}"));
    });
    say("all");
    std::thread::sleep(Duration::from_mins(5));
}

fn write_photo(home: &Path) {
    let photo = image::RgbImage::from_fn(480, 360, |x, y| {
        let wave = (f64::from(x) / 17.0).sin() * 40.0 + (f64::from(y) / 23.0).cos() * 40.0;
        let grain = (x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663)) >> 9 & 15;
        let base = 110.0 + wave + f64::from(grain);
        image::Rgb([base, base * 0.9, 60.0 + f64::from(x) / 4.0].map(|v| v as u8))
    });
    photo.save(home.join(PHOTO)).expect("saved");
}

/// What can be recovered after each command of an undisturbed session (0: only opened), and how long it took.
fn undisturbed(seed: u64) -> (Vec<Looks>, Duration) {
    let home = tempfile::tempdir().expect("a folder");
    write_photo(home.path());
    let mut app = app(home.path());
    open(&mut app, home.path().join(PHOTO));
    let mut all = vec![looks(&app)];
    let mut hashing = Duration::ZERO;
    let start = Instant::now();
    play(&mut app, seed, |app, is_open| {
        let start = Instant::now();
        // A stroke that is being drawn is the one thing that may be lost.
        let state = if is_open {
            all[all.len() - 1].clone()
        } else {
            looks(app)
        };
        all.push(state);
        hashing += start.elapsed();
    });
    let took = start.elapsed().saturating_sub(hashing);
    app.close_document();
    (all, took)
}

fn start(home: &Path, seed: u64) -> Child {
    std::process::Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "child_edits_until_killed",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(HOME, home)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

/// Kills a session `after` it is ready; returns the commands that it reported as done.
fn killed(home: &Path, seed: u64, after: Duration) -> usize {
    let mut child = start(home, seed);
    let mut output = BufReader::new(child.stdout.take().expect("its output")).lines();
    // "ready" may stand behind the harness's own words.
    let is_ready = output
        .by_ref()
        .any(|line| line.is_ok_and(|line| line.ends_with("ready")));
    assert!(is_ready, "the session ended early");
    std::thread::sleep(after);
    child.kill().expect("killed");
    let mut done = 0;
    for line in output.map_while(Result::ok) {
        if let Some(number) = line.strip_prefix("done ") {
            // A last line that was cut is a smaller number, which asks for less, or none.
            done = number.parse().unwrap_or(0).max(done);
        }
    }
    child.wait().expect("ends");
    done
}

/// Brings the session back in a new app; none when there was no step to bring back.
fn recovered(home: &Path) -> Option<inlay::app::App> {
    let mut app = app(home);
    app.look_for_crashes();
    wait(&mut app, |event| matches!(event, AppEvent::CrashesFound));
    match app.recoverable().len() {
        0 => return None,
        count => assert_eq!(count, 1, "one session, one document"),
    }
    app.dispatch(Command::Recover(0));
    wait(&mut app, |event| matches!(event, AppEvent::PhotoOpened));
    let document = app.document().expect("a document");
    assert!(
        document.verify().expect("renders"),
        "the picture is not what its fills say"
    );
    Some(app)
}

#[test]
fn fifty_kills_lose_nothing_but_the_stroke_being_drawn() {
    let mut random = Random::new(2027);
    let mut halfway = 0;
    for seed in 1..=SESSIONS {
        let (expected, took) = undisturbed(seed);
        for _ in 0..KILLS {
            let home = tempfile::tempdir().expect("a folder");
            write_photo(home.path());
            let share = random.below(1000) as f64 / 1000.0;
            let done = killed(home.path(), seed, took.mul_f64(share));
            halfway += usize::from(done > 0 && done + 1 < expected.len());
            let next = (done + 1).min(expected.len() - 1);
            let app = recovered(home.path());
            let found = app.as_ref().map_or_else(|| expected[0].clone(), looks);
            let fits = |k: usize| {
                let wanted = &expected[k];
                // With no step there is nothing to offer.
                found == *wanted || (app.is_none() && wanted.has_no_step())
            };
            assert!(
                fits(done) || fits(next),
                "session {seed} after {done} commands (brought back {}):\n{found:#?}\n{:#?}",
                app.is_some(),
                expected[done],
            );
            if let Some(app) = app {
                goes_on(home.path(), app);
            }
        }
    }
    // Kills before the first or after the last command would prove little.
    assert!(halfway > 30, "only {halfway} kills hit a session at work");
}

/// The journal goes on after a recovery: a second crash loses nothing either.
fn goes_on(home: &Path, mut app: inlay::app::App) {
    app.dispatch(Command::InvertMask);
    app.dispatch(Command::Undo);
    app.dispatch(Command::InvertMask);
    let expected = looks(&app);
    // Dropped, not closed: the journal stays, as in a crash.
    drop(app);
    let again = recovered(home).expect("there again");
    assert_eq!(looks(&again), expected);
}
