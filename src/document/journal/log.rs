//! Owns the append-only file of records: its frames, their checksums and what is done about a torn end. Used through
//! `journal`. Must never hold back a record in memory, or let a damaged one through.
//!
//! A file is a header (8 bytes `INLAYLOG`, version as u32) and frames: payload length (u32), CRC-32 of length and
//! payload (u32), payload (one record in CBOR). All numbers are little-endian. The length is part of the checksum, so
//! that a tail of zeros, which file systems leave after a power cut, is no record.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::JournalError;
use super::flush::Flusher;

/// Largest record: 64 MiB. Pixels travel as blobs; a record names them.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

const MAGIC: &[u8; 8] = b"INLAYLOG";
const VERSION: u32 = 1;
const HEADER: usize = 12;
const FRAME: usize = 8;

/// Where a log stopped making sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogWarning {
    /// Whole records before that place.
    pub records: usize,
    /// Bytes from there to the end, which were not read.
    pub dropped_bytes: u64,
    pub reason: &'static str,
}

impl std::fmt::Display for LogWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the recovery journal {} after {} steps; its last {} bytes were left out",
            self.reason, self.records, self.dropped_bytes
        )
    }
}

/// What a log holds, up to its end or its first fault.
#[derive(Debug)]
pub struct ReadLog<R> {
    pub records: Vec<R>,
    pub warning: Option<LogWarning>,
    /// Bytes up to the end of the last whole record, header included.
    pub sound_bytes: u64,
}

/// Reads the records of the log at `path`. A torn or damaged record ends the list with a warning; only a file that
/// can't be read at all, or is no log of a known version, is an error.
pub fn read_log<R: DeserializeOwned>(path: &Path) -> Result<ReadLog<R>, JournalError> {
    let file = File::open(path).map_err(|e| JournalError::reading(path, e))?;
    let length = file
        .metadata()
        .map_err(|e| JournalError::reading(path, e))?
        .len();
    let mut input = BufReader::with_capacity(1 << 18, file);
    let mut header = [0; HEADER];
    if length < HEADER as u64 {
        // A crash within the first write.
        return Ok(ReadLog {
            records: Vec::new(),
            warning: (length > 0).then_some(LogWarning {
                records: 0,
                dropped_bytes: length,
                reason: "breaks off",
            }),
            sound_bytes: 0,
        });
    }
    input
        .read_exact(&mut header)
        .map_err(|e| JournalError::reading(path, e))?;
    check_header(path, &header)?;
    let mut log = ReadLog {
        records: Vec::new(),
        warning: None,
        sound_bytes: HEADER as u64,
    };
    let mut payload = Vec::new();
    while log.sound_bytes < length {
        match next_frame(&mut input, length - log.sound_bytes, &mut payload) {
            Ok(()) => {}
            Err(Fault::Here(reason)) => return Ok(log.stopped(reason, length)),
            Err(Fault::Io(error)) => return Err(JournalError::reading(path, error)),
        }
        let mut rest = &payload[..];
        match ciborium::from_reader(&mut rest) {
            Ok(record) if rest.is_empty() => log.records.push(record),
            _ => return Ok(log.stopped("has an unknown step", length)),
        }
        log.sound_bytes += (FRAME + payload.len()) as u64;
    }
    Ok(log)
}

impl<R> ReadLog<R> {
    fn stopped(mut self, reason: &'static str, length: u64) -> Self {
        self.warning = Some(LogWarning {
            records: self.records.len(),
            dropped_bytes: length - self.sound_bytes,
            reason,
        });
        self
    }
}

fn check_header(path: &Path, header: &[u8; HEADER]) -> Result<(), JournalError> {
    let version = number(&header[8..]);
    if &header[..8] != MAGIC || version == 0 {
        return Err(JournalError::Damaged(format!(
            "{} is not a recovery journal of Inlay; discard it",
            path.display()
        )));
    }
    if version > VERSION {
        return Err(JournalError::Newer {
            found: version,
            known: VERSION,
        });
    }
    Ok(())
}

enum Fault {
    Here(&'static str),
    Io(std::io::Error),
}

/// The next payload; `left` bytes of the file remain.
fn next_frame(input: &mut impl Read, left: u64, payload: &mut Vec<u8>) -> Result<(), Fault> {
    const TORN: Fault = Fault::Here("breaks off");
    const DAMAGED: Fault = Fault::Here("is damaged");
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => TORN,
        _ => Fault::Io(error),
    };
    if left < FRAME as u64 {
        return Err(TORN);
    }
    let mut head = [0; FRAME];
    input.read_exact(&mut head).map_err(io)?;
    let length = number(&head) as usize;
    if length > MAX_RECORD_BYTES {
        return Err(DAMAGED);
    }
    if length as u64 > left - FRAME as u64 {
        return Err(TORN);
    }
    payload.clear();
    payload.resize(length, 0);
    input.read_exact(payload).map_err(io)?;
    if checksum(&head[..4], payload) != number(&head[4..]) {
        return Err(DAMAGED);
    }
    Ok(())
}

fn number(raw: &[u8]) -> u32 {
    raw.iter()
        .take(4)
        .rev()
        .fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

fn checksum(length: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(length);
    hasher.update(payload);
    hasher.finalize()
}

/// Appends records. Each goes to the system in one write before [`LogWriter::append`] returns, so that a killed
/// process loses at most the one it was writing; the disk is told to keep them at most once a second, in the background.
pub struct LogWriter<R> {
    file: Arc<File>,
    path: PathBuf,
    /// Bytes up to the end of the last whole record.
    length: u64,
    /// An unfinished record is in the way and could not be cut off.
    broken: bool,
    buffer: Vec<u8>,
    flusher: Flusher,
    record: PhantomData<fn(&R)>,
}

impl<R: Serialize + DeserializeOwned> LogWriter<R> {
    /// A new log; an existing file is refused.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|e| JournalError::writing(path, e))?;
        Self::start(file, path, 0)
    }

    /// Goes on with a log that a crashed run left: what is sound is read, a torn or damaged end is cut off. So is a
    /// record of unknown kind and what follows it; a release with new kinds of records raises `VERSION`.
    pub fn open_at_end(path: &Path) -> Result<(Self, ReadLog<R>), JournalError> {
        let log = read_log(path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| JournalError::writing(path, e))?;
        file.set_len(log.sound_bytes)
            .map_err(|e| JournalError::writing(path, e))?;
        Ok((Self::start(file, path, log.sound_bytes)?, log))
    }

    fn start(mut file: File, path: &Path, length: u64) -> Result<Self, JournalError> {
        let failed = |e| JournalError::writing(path, e);
        file.seek(SeekFrom::Start(length)).map_err(failed)?;
        let mut length = length;
        if length == 0 {
            let mut header = MAGIC.to_vec();
            header.extend(VERSION.to_le_bytes());
            file.write_all(&header).map_err(failed)?;
            length = HEADER as u64;
        }
        let file = Arc::new(file);
        Ok(Self {
            flusher: Flusher::start(Arc::clone(&file), path).map_err(failed)?,
            file,
            path: path.to_owned(),
            length,
            broken: false,
            buffer: Vec::new(),
            record: PhantomData,
        })
    }

    /// Adds one record. After an error the log is as it was before the call.
    pub fn append(&mut self, record: &R) -> Result<(), JournalError> {
        if self.broken {
            self.cut_back()?;
        }
        self.buffer.clear();
        self.buffer.resize(FRAME, 0);
        ciborium::into_writer(record, &mut self.buffer).map_err(|error| {
            JournalError::Damaged(format!("a step can't be written to the journal: {error}"))
        })?;
        let length = self.buffer.len() - FRAME;
        if length > MAX_RECORD_BYTES {
            self.buffer = Vec::new();
            return Err(JournalError::TooLarge(format!(
                "a step needs {} MiB in the recovery journal, the limit is {} MiB; save the project now",
                length >> 20,
                MAX_RECORD_BYTES >> 20
            )));
        }
        let (head, payload) = self.buffer.split_at_mut(FRAME);
        head[..4].copy_from_slice(&(length as u32).to_le_bytes());
        let sum = checksum(&head[..4], payload);
        head[4..].copy_from_slice(&sum.to_le_bytes());
        if let Err(error) = (&*self.file).write_all(&self.buffer) {
            self.broken = true;
            // Leaves no half record for the next one to follow; tried again before that one if it fails.
            let _ = self.cut_back();
            return Err(JournalError::writing(&self.path, error));
        }
        self.length += self.buffer.len() as u64;
        if self.buffer.capacity() > 1 << 20 {
            self.buffer = Vec::new();
        }
        self.flusher.mark();
        Ok(())
    }

    fn cut_back(&mut self) -> Result<(), JournalError> {
        self.file
            .set_len(self.length)
            .and_then(|()| (&*self.file).seek(SeekFrom::Start(self.length)))
            .map_err(|e| JournalError::writing(&self.path, e))?;
        self.broken = false;
        Ok(())
    }

    /// Bytes of the log so far.
    pub fn bytes(&self) -> u64 {
        self.length
    }

    /// Waits until the disk has everything.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.file
            .sync_data()
            .map_err(|e| JournalError::writing(&self.path, e))
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
