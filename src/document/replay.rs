//! Owns bringing a document back from its journal: the records are carried out again, in order, on what was opened. Used
//! by app after a crash. A step that can't be brought back ends the recovery there, with a warning; nothing before it is
//! lost.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::content::Content;
use super::fill::{Fill, FillMask, FillPart, Source};
use super::history::{Change, PackedMask, Step, Target};
use super::journal::{BlobId, BlobStore, JournalError, JournalFolder, LogWriter, read_log};
use super::recording::{
    Journal, Record, StoredChange, StoredFill, StoredMask, StoredPart, StoredSource, samples_of,
};
use super::tiles::put_stored;
use super::{Document, MaskTiles};
use crate::compose::Made;
use crate::mask::Mask;
use crate::photo::{Layout, Photo, Samples};
use crate::raster::Plane;

/// A journal that a crash left behind, locked.
pub struct Orphan {
    folder: JournalFolder,
    pub name: String,
    pub source: Option<PathBuf>,
    /// Steps that were recorded.
    pub steps: usize,
    pub modified: Option<SystemTime>,
}

/// Looks for journals of crashed runs under `root`; empty ones are removed on the way.
pub fn find_orphans(root: &std::path::Path) -> Result<Vec<Orphan>, JournalError> {
    let mut found = Vec::new();
    for folder in JournalFolder::open_orphans(root)? {
        let records = match read_log::<Record>(&folder.log_path()) {
            Ok(log) => log.records,
            Err(error) => {
                log::warn!("{error}");
                continue;
            }
        };
        let steps = records
            .iter()
            .filter(|record| matches!(record, Record::Step { .. }))
            .count();
        match records.into_iter().next() {
            Some(Record::Opened { source, name, .. }) if steps > 0 => found.push(Orphan {
                name,
                source,
                steps,
                modified: folder.modified(),
                folder,
            }),
            _ => {
                if let Err(error) = folder.discard() {
                    log::warn!("{error}");
                }
            }
        }
    }
    Ok(found)
}

/// What could be brought back.
pub struct Recovered {
    pub document: Box<Document>,
    pub warnings: Vec<String>,
}

impl Orphan {
    /// The person does not want it back.
    pub fn discard(self) -> Result<(), JournalError> {
        self.folder.discard()
    }

    /// The document as it was, its journal going on in the same place. `open` makes the document from the bytes of what
    /// had been opened.
    pub fn recover(
        self,
        open: impl FnOnce(&[u8], Option<PathBuf>) -> Result<Document, String>,
    ) -> Result<Recovered, String> {
        let text = |error: JournalError| error.to_string();
        let blobs = self.folder.blobs().map_err(text)?;
        let (writer, log) =
            LogWriter::<Record>::open_at_end(&self.folder.log_path()).map_err(text)?;
        let mut warnings: Vec<String> = log.warning.iter().map(ToString::to_string).collect();
        let mut records = log.records.into_iter();
        let Some(Record::Opened { source, file, .. }) = records.next() else {
            return Err("the recovery journal does not say what was opened".to_owned());
        };
        let bytes = blobs.get(file).map_err(text)?;
        let mut document = open(&bytes, source)?;
        // Whatever the run forgot, nothing may be forgotten while its steps are gone along.
        document.set_history_budget(usize::MAX);
        let mut replay = Replay {
            blobs: &blobs,
            contents: HashMap::new(),
            fills: Vec::new(),
        };
        for (number, record) in records.enumerate() {
            if let Err(error) = replay.carry_out(&mut document, record) {
                warnings.push(format!(
                    "{error}; the {number} steps before it were brought back"
                ));
                break;
            }
        }
        document.journal = Some(Journal::new(writer, blobs, self.folder));
        Ok(Recovered {
            document: Box::new(document),
            warnings,
        })
    }
}

struct Replay<'a> {
    blobs: &'a BlobStore,
    /// Pixels that several records name are kept once.
    contents: HashMap<BlobId, Arc<Photo>>,
    fills: Vec<(StoredFill, Arc<Fill>)>,
}

impl Replay<'_> {
    fn carry_out(&mut self, document: &mut Document, record: Record) -> Result<(), String> {
        match record {
            Record::Opened { .. } => Err("the recovery journal opens a second picture".to_owned()),
            Record::Step {
                label,
                changes,
                merges,
            } => self.step(document, label, changes, merges),
            Record::EndDrag => {
                document.end_drag();
                Ok(())
            }
            Record::Travel(by) => {
                let here = document.history_position() as i64;
                let to = usize::try_from(here.saturating_add(by));
                match to {
                    Ok(to) if document.jump(to) => Ok(()),
                    _ => Err("a step of the recovery journal leads nowhere".to_owned()),
                }
            }
            Record::Saved { path, number } => {
                document.mark_saved(path, number);
                Ok(())
            }
        }
    }

    fn step(
        &mut self,
        document: &mut Document,
        label: String,
        stored: Vec<StoredChange>,
        merges: Option<super::FillId>,
    ) -> Result<(), String> {
        let mut changes = Vec::new();
        for change in stored {
            changes.push(match change {
                StoredChange::Mask(tiles) => {
                    let before = Mask::clone(&document.mask);
                    let mask = Arc::make_mut(&mut document.mask);
                    if !put_stored(mask, &tiles) {
                        return Err("a mask in the recovery journal is damaged".to_owned());
                    }
                    document.changes.note_mask(None);
                    match MaskTiles::between(&before, mask) {
                        Some(tiles) => Change::Mask(tiles),
                        None => continue,
                    }
                }
                StoredChange::Target(after) => {
                    let before = document.target.clone();
                    let after = match after {
                        Some((fill, mask)) => Some(Target {
                            fill,
                            own_mask: PackedMask::new(&unpack(&mask)?),
                        }),
                        None => None,
                    };
                    document.target.clone_from(&after);
                    Change::Target { before, after }
                }
                StoredChange::Content {
                    number,
                    frame,
                    fills,
                    mask,
                } => {
                    let fills = fills
                        .into_iter()
                        .map(|fill| self.fill(fill, &document.base))
                        .collect::<Result<Vec<_>, String>>()?;
                    for fill in &fills {
                        document.next_number = document.next_number.max(fill.id.0);
                    }
                    document.next_number = document.next_number.max(number);
                    let after = Content {
                        number,
                        fills,
                        frame,
                    };
                    Self::content(document, after, mask.as_ref())?
                }
            });
        }
        if changes.is_empty() {
            return Ok(());
        }
        document.history.push(Step {
            merges_with: merges.map(|id| (label.clone().into(), id)),
            label: label.into(),
            changes,
        });
        Ok(())
    }

    fn content(
        document: &mut Document,
        after: Content,
        mask: Option<&StoredMask>,
    ) -> Result<Change, String> {
        let Some(mask) = mask else {
            let before = document.content.clone();
            document.show(&after);
            return Ok(Change::Content {
                before,
                after,
                masks: None,
            });
        };
        let new = unpack(mask)?;
        let canvas = after.canvas(document.base.size.rect());
        if new.size() != canvas.size() {
            return Err("a mask in the recovery journal does not fit its picture".to_owned());
        }
        let old = PackedMask::new(&document.mask);
        let before = document.content.clone();
        document.show(&after);
        let packed = PackedMask::new(&new);
        document.mask = Arc::new(new);
        document.changes.note_mask(None);
        Ok(Change::Content {
            before,
            after,
            masks: Some(Box::new((old, packed))),
        })
    }

    fn fill(&mut self, stored: StoredFill, base: &Photo) -> Result<Arc<Fill>, String> {
        if let Some((_, fill)) = self.fills.iter().find(|(known, _)| *known == stored) {
            return Ok(Arc::clone(fill));
        }
        let parts = stored
            .parts
            .iter()
            .map(|part| self.part(part, base))
            .collect::<Result<Vec<_>, String>>()?;
        let plane = self.plane(stored.mask, stored.mask_rect)?;
        let fill = Arc::new(Fill {
            id: stored.id,
            name: stored.name.clone(),
            is_visible: stored.is_visible,
            opacity: stored.opacity.clamp(0.0, 1.0),
            growth: stored.growth,
            parts,
            mask: FillMask::new(stored.mask_rect, &plane),
            recipe: stored.recipe.clone(),
            stitch: stored.stitch,
        });
        self.fills.push((stored, Arc::clone(&fill)));
        Ok(fill)
    }

    fn part(&mut self, stored: &StoredPart, base: &Photo) -> Result<FillPart, String> {
        let content = if let Some(content) = self.contents.get(&stored.content) {
            Arc::clone(content)
        } else {
            let content = Arc::new(self.content_photo(stored, base)?);
            self.contents.insert(stored.content, Arc::clone(&content));
            content
        };
        if content.size != stored.rect.size() {
            return Err("a fill in the recovery journal does not fit its place".to_owned());
        }
        Ok(FillPart {
            rect: stored.rect,
            content,
            coverage: Arc::new(self.plane(stored.coverage, stored.rect)?),
            blend_px: stored.blend_px,
            source: match &stored.source {
                None => None,
                Some(source) => Some(self.source(source)?),
            },
        })
    }

    fn source(&mut self, stored: &StoredSource) -> Result<Source, String> {
        let picture = if let Some(picture) = self.contents.get(&stored.picture) {
            Arc::clone(picture)
        } else {
            let bytes = self.blobs.get(stored.picture).map_err(|e| e.to_string())?;
            let photo = match samples_of(bytes, 2) {
                Some(Samples::U16(words)) => Photo::from_rgb16(stored.size, words),
                _ => return Err("a model's picture in the recovery journal is damaged".to_owned()),
            };
            photo.validate().map_err(|error| error.to_string())?;
            let photo = Arc::new(photo);
            self.contents.insert(stored.picture, Arc::clone(&photo));
            photo
        };
        Ok(Source {
            made: Arc::new(Made {
                rect: stored.rect,
                picture,
                denoise: Arc::new(self.plane(stored.denoise, stored.rect)?),
                seed: stored.seed,
            }),
            composite: Arc::new(self.plane(stored.composite, stored.rect)?),
        })
    }

    fn content_photo(&self, stored: &StoredPart, base: &Photo) -> Result<Photo, String> {
        let bytes = self.blobs.get(stored.content).map_err(|e| e.to_string())?;
        let layout = match stored.channels {
            1 => Layout::Gray,
            2 => Layout::GrayAlpha,
            3 => Layout::Rgb,
            4 => Layout::Rgba,
            _ => return Err("a fill in the recovery journal has an unknown layout".to_owned()),
        };
        let samples = samples_of(bytes, stored.bytes)
            .ok_or_else(|| "a fill in the recovery journal has an unknown depth".to_owned())?;
        // Profile and kind are the base photo's, as a fill made for it has them.
        let kind = base
            .cropped(crate::geometry::PixelRect::new(0, 0, 1, 1))
            .and_then(|mut kind| {
                if base.layout.is_gray() && !layout.is_gray() {
                    kind.promote_to_rgb()?;
                }
                Ok(kind)
            })
            .map_err(|error| error.to_string())?;
        let photo = Photo {
            size: stored.rect.size(),
            layout,
            samples,
            ..kind
        };
        photo.validate().map_err(|error| error.to_string())?;
        Ok(photo)
    }

    fn plane(&self, id: BlobId, rect: crate::geometry::PixelRect) -> Result<Plane, String> {
        let data = self.blobs.get(id).map_err(|error| error.to_string())?;
        if data.len() as u64 != rect.area() {
            return Err("a mask in the recovery journal does not fit its place".to_owned());
        }
        Ok(Plane {
            size: rect.size(),
            data,
        })
    }
}

fn unpack(stored: &StoredMask) -> Result<Mask, String> {
    crate::plan::check_canvas(stored.size).map_err(|error| error.to_string())?;
    let mut mask = Mask::new(stored.size);
    if put_stored(&mut mask, &stored.tiles) {
        Ok(mask)
    } else {
        Err("a mask in the recovery journal is damaged".to_owned())
    }
}
