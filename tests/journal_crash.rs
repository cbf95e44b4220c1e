//! The journal under a real crash: a child process appends without a pause and is killed; every record that it had
//! reported as written is there, and its folder is found.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use inlay::document::journal::{JournalFolder, LogWriter};

const ROOT: &str = "INLAY_TEST_JOURNAL";

/// The child's part; does nothing in an ordinary run of the tests.
#[test]
fn child_appends_until_killed() {
    let Some(root) = std::env::var_os(ROOT) else {
        return;
    };
    let folder = JournalFolder::create(root.as_ref()).expect("creates");
    let blob = folder
        .blobs()
        .expect("blobs")
        .put(&[5; 9000])
        .expect("puts");
    let mut log = LogWriter::<(u64, String)>::create(&folder.log_path()).expect("creates");
    for number in 0.. {
        let record = (
            number,
            format!("{blob} {}", "x".repeat(number as usize % 700)),
        );
        log.append(&record).expect("appends");
        println!("written {number}");
    }
}

#[test]
fn a_killed_run_loses_nothing_that_was_appended() {
    let home = tempfile::tempdir().expect("a folder");
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .args(["--exact", "child_appends_until_killed", "--nocapture"])
        .env(ROOT, home.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let output = BufReader::new(child.stdout.take().expect("its output"));
    let mut seen = None;
    let mut alive = 0;
    for line in output.lines() {
        let line = line.expect("text");
        if let Some(number) = line.strip_prefix("written ") {
            seen = number.parse::<u64>().ok().or(seen);
        }
        if seen == Some(100) {
            // Its folder is its own as long as it lives.
            alive += JournalFolder::open_orphans(home.path())
                .expect("looks")
                .len();
        }
        if seen == Some(3000) {
            child.kill().expect("kills");
        }
    }
    child.wait().expect("ends");
    assert_eq!(alive, 0);
    let seen = seen.expect("it wrote") as usize;
    assert!(seen >= 3000);
    let orphans = JournalFolder::open_orphans(home.path()).expect("looks");
    assert_eq!(orphans.len(), 1);
    let (mut log, read) =
        LogWriter::<(u64, String)>::open_at_end(&orphans[0].log_path()).expect("opens");
    // The last line may have been cut in the pipe; the record before it was whole.
    assert!(
        read.records.len() >= seen,
        "{} of {seen}",
        read.records.len()
    );
    assert!((0..).zip(&read.records).all(|(n, record)| record.0 == n));
    log.append(&(0, "goes on".into())).expect("appends");
}
