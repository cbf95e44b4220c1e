//! Owns what the journal's records say, and writes one for every step of a document. Held by `Document`; read back by
//! `replay`. A record is small: pixels lie in blobs that it names, which are written once.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::fill::{Fill, FillId, FillPart, FillRecipe, Growth, Source};
use super::history::{Change, PackedMask, Step, Target};
use super::journal::{BlobId, BlobStore, JournalError, JournalFolder, LogWriter};
use super::tiles::StoredTile;
use crate::compose::StitchOptions;
use crate::geometry::{PixelRect, PixelSize};
use crate::photo::{Photo, Samples};

/// One entry of the log.
#[derive(Debug, Serialize, Deserialize)]
pub enum Record {
    /// The first: what was opened.
    Opened {
        source: Option<PathBuf>,
        /// For people.
        name: String,
        /// The file's own bytes.
        file: BlobId,
    },
    Step {
        label: String,
        changes: Vec<StoredChange>,
        /// One drag of a slider: becomes one with the step before if that was of the same drag.
        merges: Option<FillId>,
    },
    /// A drag is over.
    EndDrag,
    /// So many steps back (negative) or forth.
    Travel(i64),
    /// The file at this path shows content `number`.
    Saved { path: PathBuf, number: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
pub enum StoredChange {
    Mask(Vec<StoredTile>),
    Content {
        number: u64,
        frame: PixelRect,
        fills: Vec<StoredFill>,
        /// The mask afterwards, when the canvas changed.
        mask: Option<StoredMask>,
    },
    Target(Option<(FillId, StoredMask)>),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct StoredMask {
    pub size: PixelSize,
    pub tiles: Vec<StoredTile>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredFill {
    pub id: FillId,
    pub name: String,
    pub is_visible: bool,
    pub opacity: f32,
    pub growth: Option<Growth>,
    pub parts: Vec<StoredPart>,
    pub mask_rect: PixelRect,
    pub mask: BlobId,
    pub recipe: FillRecipe,
    #[serde(default)]
    pub stitch: StitchOptions,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredPart {
    pub rect: PixelRect,
    pub content: BlobId,
    /// Channels of a pixel, and bytes of a sample.
    pub channels: u8,
    pub bytes: u8,
    pub coverage: BlobId,
    pub blend_px: u32,
    #[serde(default)]
    pub source: Option<StoredSource>,
}

/// What a part was stitched from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredSource {
    pub rect: PixelRect,
    /// Of the model's picture: 16-bit RGB.
    pub size: PixelSize,
    pub picture: BlobId,
    pub denoise: BlobId,
    pub composite: BlobId,
    pub seed: u64,
}

/// Pieces that have a blob already, found by where they are in memory.
type Known = Arc<Mutex<Vec<(Weak<Photo>, BlobId)>>>;

/// A document's journal, open for writing.
pub struct Journal {
    // Before the folder: some systems don't remove open files.
    log: LogWriter<Record>,
    blobs: BlobStore,
    folder: JournalFolder,
    known: Known,
    /// Fills as they were recorded last, so that one that did not change is not described anew.
    fills: Vec<(Weak<Fill>, StoredFill)>,
    steps: usize,
    failure: Option<String>,
}

impl Journal {
    /// A new journal under `root` for what was opened from `file` (its bytes).
    pub fn create(
        root: &std::path::Path,
        source: Option<PathBuf>,
        file: &[u8],
    ) -> Result<Self, JournalError> {
        let folder = JournalFolder::create(root)?;
        let blobs = folder.blobs()?;
        let file = blobs.put(file)?;
        let mut log = LogWriter::create(&folder.log_path())?;
        let name = source
            .as_deref()
            .and_then(|path| path.file_name())
            .map_or_else(
                || "sample photo".to_owned(),
                |n| n.to_string_lossy().into_owned(),
            );
        log.append(&Record::Opened { source, name, file })?;
        Ok(Self::new(log, blobs, folder))
    }

    pub(super) fn new(log: LogWriter<Record>, blobs: BlobStore, folder: JournalFolder) -> Self {
        Self {
            log,
            blobs,
            folder,
            known: Known::default(),
            fills: Vec::new(),
            steps: 0,
            failure: None,
        }
    }

    /// Removes the journal: its document was closed in peace.
    pub fn discard(self) {
        let Self { log, folder, .. } = self;
        drop(log);
        if let Err(error) = folder.discard() {
            log::warn!("{error}");
        }
    }

    /// Bytes of the log, without blobs.
    pub fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// What went wrong, once. From then on nothing is recorded.
    pub fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    /// Writes the pixels of a result to disk ahead of time, on a thread, so that accepting it does not wait.
    pub fn prepare(&self, contents: Vec<Arc<Photo>>) {
        let (blobs, known) = (self.blobs.clone(), Arc::clone(&self.known));
        std::thread::spawn(move || {
            for content in contents {
                match blobs.put(&sample_bytes(&content)) {
                    Ok(id) => remember(&known, &content, id),
                    Err(error) => log::warn!("{error}"),
                }
            }
        });
    }

    pub(super) fn step(&mut self, step: &Step) {
        let record = self.describe(step);
        self.write(record);
        self.steps += 1;
    }

    pub(super) fn note(&mut self, record: Record) {
        self.write(Ok(record));
    }

    fn write(&mut self, record: Result<Record, JournalError>) {
        if let Err(error) = record.and_then(|record| self.log.append(&record)) {
            log::error!("{error}");
            self.failure = Some(error.to_string());
        }
    }

    fn describe(&mut self, step: &Step) -> Result<Record, JournalError> {
        let mut changes = Vec::new();
        for change in &step.changes {
            changes.push(match change {
                Change::Mask(tiles) => StoredChange::Mask(tiles.stored()),
                Change::Target { after, .. } => {
                    let store = |t: &Target| (t.fill, stored_mask(&t.own_mask));
                    StoredChange::Target(after.as_ref().map(store))
                }
                Change::Content { after, masks, .. } => StoredChange::Content {
                    number: after.number,
                    frame: after.frame,
                    fills: self.describe_fills(after)?,
                    mask: masks.as_ref().map(|masks| stored_mask(&masks.1)),
                },
            });
        }
        Ok(Record::Step {
            label: step.label.to_string(),
            changes,
            merges: step.merges_with.as_ref().map(|merges| merges.1),
        })
    }

    fn describe_fills(&mut self, content: &Content) -> Result<Vec<StoredFill>, JournalError> {
        self.fills.retain(|(fill, _)| fill.strong_count() > 0);
        let mut stored = Vec::new();
        for fill in &content.fills {
            let known = self
                .fills
                .iter()
                .find(|(weak, _)| std::ptr::eq(weak.as_ptr(), Arc::as_ptr(fill)));
            if let Some((_, fill)) = known {
                stored.push(fill.clone());
                continue;
            }
            let described = self.describe_fill(fill)?;
            self.fills.push((Arc::downgrade(fill), described.clone()));
            stored.push(described);
        }
        Ok(stored)
    }

    fn describe_fill(&self, fill: &Fill) -> Result<StoredFill, JournalError> {
        let part = |part: &FillPart| {
            Ok(StoredPart {
                rect: part.rect,
                content: self.content_blob(&part.content)?,
                channels: part.content.layout.channels() as u8,
                bytes: part.content.samples.bytes_per_sample() as u8,
                coverage: self.blobs.put(&part.coverage.data)?,
                blend_px: part.blend_px,
                source: match &part.source {
                    None => None,
                    Some(source) => Some(self.describe_source(source)?),
                },
            })
        };
        Ok(StoredFill {
            id: fill.id,
            name: fill.name.clone(),
            is_visible: fill.is_visible,
            opacity: fill.opacity,
            growth: fill.growth,
            parts: fill
                .parts
                .iter()
                .map(part)
                .collect::<Result<_, JournalError>>()?,
            mask_rect: fill.mask.rect,
            mask: self.blobs.put(&fill.mask.plane().data)?,
            recipe: fill.recipe.clone(),
            stitch: fill.stitch,
        })
    }

    fn describe_source(&self, source: &Source) -> Result<StoredSource, JournalError> {
        let made = &source.made;
        Ok(StoredSource {
            rect: made.rect,
            size: made.picture.size,
            picture: self.content_blob(&made.picture)?,
            denoise: self.blobs.put(&made.denoise.data)?,
            composite: self.blobs.put(&source.composite.data)?,
            seed: made.seed,
        })
    }

    fn content_blob(&self, content: &Arc<Photo>) -> Result<BlobId, JournalError> {
        let known = {
            let list = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            list.iter()
                .find(|(weak, _)| std::ptr::eq(weak.as_ptr(), Arc::as_ptr(content)))
                .map(|(_, id)| *id)
        };
        if let Some(id) = known {
            return Ok(id);
        }
        let id = self.blobs.put(&sample_bytes(content))?;
        remember(&self.known, content, id);
        Ok(id)
    }
}

fn remember(known: &Known, content: &Arc<Photo>, id: BlobId) {
    let mut list = known.lock().unwrap_or_else(PoisonError::into_inner);
    // A weak pointer keeps the address from being used again, so that it stays unique.
    list.retain(|(weak, _)| weak.strong_count() > 0);
    list.push((Arc::downgrade(content), id));
}

fn stored_mask(mask: &PackedMask) -> StoredMask {
    StoredMask {
        size: mask.size(),
        tiles: mask.stored(),
    }
}

/// Samples as bytes, 16-bit ones with the low byte first.
fn sample_bytes(photo: &Photo) -> Vec<u8> {
    match &photo.samples {
        Samples::U8(data) => data.clone(),
        Samples::U16(data) => data.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}

/// Takes [`sample_bytes`] apart again.
pub fn samples_of(bytes: Vec<u8>, bytes_per_sample: u8) -> Option<Samples> {
    match bytes_per_sample {
        1 => Some(Samples::U8(bytes)),
        2 if bytes.len().is_multiple_of(2) => Some(Samples::U16(
            bytes
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect(),
        )),
        _ => None,
    }
}
