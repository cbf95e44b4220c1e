//! Tests of the log: torn ends, flipped bits, going on after a crash.

use serde::Deserialize;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Step {
    Opened {
        name: String,
        size: (u32, u32),
    },
    Stroke {
        #[serde(with = "serde_bytes")]
        tiles: Vec<u8>,
    },
    Undo,
}

fn steps() -> Vec<Step> {
    vec![
        Step::Opened {
            name: "cat.jpg".into(),
            size: (40, 30),
        },
        Step::Stroke {
            tiles: (0..200).collect(),
        },
        Step::Undo,
        Step::Stroke { tiles: vec![0; 40] },
    ]
}

/// A log of [`steps`] and where each record ends.
fn written(path: &Path) -> Vec<u64> {
    let mut log = LogWriter::create(path).expect("creates");
    steps()
        .iter()
        .map(|step| {
            log.append(step).expect("appends");
            log.bytes()
        })
        .collect()
}

#[test]
fn records_come_back_and_bytes_stay_bytes() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("log");
    let ends = written(&path);
    let log = read_log::<Step>(&path).expect("reads");
    assert_eq!(log.records, steps());
    assert_eq!(log.warning, None);
    assert_eq!(log.sound_bytes, ends[3]);
    // 200 bytes as a CBOR byte string take 202, as an array of numbers 376.
    assert!(ends[1] - ends[0] < 200 + 40);
    LogWriter::<Step>::create(&path)
        .err()
        .expect("never over a log");
}

#[test]
fn a_log_torn_anywhere_keeps_its_whole_records_and_goes_on() {
    let folder = tempfile::tempdir().expect("folder");
    let whole = folder.path().join("log");
    let ends = written(&whole);
    let bytes = std::fs::read(&whole).expect("reads");
    let torn = folder.path().join("torn");
    for cut in 0..bytes.len() {
        // Writing over a file makes some file systems wait for the disk; a new one is quick.
        let _ = std::fs::remove_file(&torn);
        std::fs::write(&torn, &bytes[..cut]).expect("writes");
        let expected = ends.iter().filter(|end| **end <= cut as u64).count();
        let sound = match expected {
            0 if cut < HEADER => 0,
            0 => HEADER as u64,
            n => ends[n - 1],
        };
        let log = read_log::<Step>(&torn).expect("reads");
        assert_eq!(log.records[..], steps()[..expected], "cut at {cut}");
        let dropped = log.warning.map_or(0, |w| w.dropped_bytes);
        assert_eq!(dropped, cut as u64 - sound, "cut at {cut}");
        let (mut writer, _) = LogWriter::open_at_end(&torn).expect("goes on");
        writer.append(&Step::Undo).expect("appends");
        drop(writer);
        let again = read_log::<Step>(&torn).expect("reads");
        assert_eq!(again.warning, None, "cut at {cut}");
        assert_eq!(again.records.len(), expected + 1, "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_ends_the_log_at_that_record() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("log");
    let ends = written(&path);
    let bytes = std::fs::read(&path).expect("reads");
    for at in HEADER..bytes.len() {
        for bit in 0..8 {
            let mut broken = bytes.clone();
            broken[at] ^= 1 << bit;
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, &broken).expect("writes");
            let sound = ends.iter().filter(|end| **end <= at as u64).count();
            let log = read_log::<Step>(&path).expect("reads");
            assert_eq!(log.records[..], steps()[..sound], "byte {at} bit {bit}");
            assert!(log.warning.is_some(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn zeros_after_a_power_cut_are_no_records() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("log");
    written(&path);
    let mut bytes = std::fs::read(&path).expect("reads");
    bytes.extend([0; 4096]);
    std::fs::write(&path, &bytes).expect("writes");
    let log = read_log::<Step>(&path).expect("reads");
    assert_eq!(log.records, steps());
    assert_eq!(log.warning.expect("warns").dropped_bytes, 4096);
}

#[test]
fn other_files_and_newer_logs_are_errors() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("log");
    std::fs::write(&path, b"something else altogether").expect("writes");
    assert!(matches!(
        read_log::<Step>(&path),
        Err(JournalError::Damaged(_))
    ));
    let mut newer = MAGIC.to_vec();
    newer.extend(2u32.to_le_bytes());
    std::fs::write(&path, &newer).expect("writes");
    let error = read_log::<Step>(&path).expect_err("newer");
    assert!(error.to_string().contains("newer Inlay"), "{error}");
    read_log::<Step>(&folder.path().join("missing")).expect_err("missing");
}

#[test]
fn a_record_that_is_too_large_leaves_the_log_as_it_was() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("log");
    written(&path);
    let (mut log, _) = LogWriter::open_at_end(&path).expect("opens");
    let before = log.bytes();
    let huge = Step::Stroke {
        tiles: vec![1; MAX_RECORD_BYTES + 1],
    };
    assert!(matches!(log.append(&huge), Err(JournalError::TooLarge(_))));
    log.append(&Step::Undo).expect("appends");
    assert!(log.bytes() > before);
    drop(log);
    assert_eq!(read_log::<Step>(&path).expect("reads").records.len(), 5);
}
