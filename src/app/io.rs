//! Owns reading and writing files away from the caller's thread. Used by handlers; answers arrive through `App::poll`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::clipboard;
use super::open::{self, Opened};
use crate::compose::StitchOptions;
use crate::document::project::StoredProject;
use crate::document::{FillPart, Orphan};
use crate::engine::{self, JobResult, ModelChoice, ModelSummary};
use crate::geometry::{PixelRect, PixelSize};
use crate::mask::Mask;
use crate::models;
use crate::photo::{self, EncodeOptions, Photo, PhotoError};
use crate::select::Selected;

pub enum IoEvent {
    /// A photo or project was read; `path` is none for what has no file yet.
    Opened {
        path: Option<PathBuf>,
        result: Result<Box<Opened>, String>,
    },
    /// Crashed runs left these.
    Orphans(Vec<Orphan>),
    /// A search in the picture ended; only the request with this number may use it.
    Selected {
        request: u64,
        result: Result<Selected, String>,
    },
    /// An edit's edge with these sliders; only the thread with this number may be listened to.
    Stitched {
        number: u64,
        options: StitchOptions,
        result: StitchOutcome,
    },
    /// The weights of this model have this hash.
    Hashed {
        folder: PathBuf,
        hash: String,
    },
    /// The size of what is in the clipboard now.
    Copied {
        result: Result<PixelSize, String>,
    },
    MaskLoaded {
        result: Result<Mask, String>,
    },
    ModelRead {
        choice: ModelChoice,
        result: Result<ModelSummary, String>,
    },
    Saved {
        path: PathBuf,
        /// The document's content that was written; none for a result that is not in it.
        content: Option<u64>,
        result: Result<Vec<String>, String>,
    },
}

/// Rectangles in document space with their RGBA for the screen.
pub type StitchPictures = Vec<(PixelRect, Arc<Vec<u8>>)>;
/// The pictures, and the parts that make them; none yet for a look at a slider that still moves.
pub type StitchOutcome = Result<(Option<Vec<FillPart>>, StitchPictures), String>;

pub struct Io {
    sender: Sender<IoEvent>,
    receiver: Receiver<IoEvent>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Io {
    pub fn new(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (sender, receiver) = channel();
        Self {
            sender,
            receiver,
            wake,
        }
    }

    pub fn next(&self) -> Option<IoEvent> {
        self.receiver.try_recv().ok()
    }

    pub fn open(&self, path: PathBuf, journals: Option<PathBuf>) {
        self.run(move || IoEvent::Opened {
            result: open::open_file(&path, journals.as_deref()).map(Box::new),
            path: Some(path),
        });
    }

    pub fn open_bytes(&self, bytes: std::borrow::Cow<'static, [u8]>, journals: Option<PathBuf>) {
        self.run(move || IoEvent::Opened {
            path: None,
            result: open::open_bytes(&bytes, journals.as_deref()).map(Box::new),
        });
    }

    pub fn find_orphans(&self, journals: PathBuf) {
        self.run(move || IoEvent::Orphans(open::orphans(&journals)));
    }

    pub fn recover(&self, orphan: Orphan) {
        let path = orphan.source.clone();
        self.run(move || IoEvent::Opened {
            path,
            result: open::recover(orphan).map(Box::new),
        });
    }

    /// Runs a search in the picture.
    pub fn select(
        &self,
        request: u64,
        work: impl FnOnce() -> Result<Selected, String> + Send + 'static,
    ) {
        self.run(move || IoEvent::Selected {
            request,
            result: work(),
        });
    }

    /// Runs `work` on a thread; it tells its results through what it is given.
    pub fn stitch(
        &self,
        number: u64,
        work: impl FnOnce(&dyn Fn(StitchOptions, StitchOutcome)) + Send + 'static,
    ) {
        let sender = self.sender.clone();
        let wake = Arc::clone(&self.wake);
        std::thread::spawn(move || {
            work(&|options, result| {
                let _ = sender.send(IoEvent::Stitched {
                    number,
                    options,
                    result,
                });
                wake();
            });
        });
    }

    pub fn hash_model(&self, folder: PathBuf) {
        self.run(move || {
            let hash = models::weights_hash(&folder).unwrap_or_else(|error| {
                log::warn!("{}: {error}", folder.display());
                String::new()
            });
            IoEvent::Hashed { folder, hash }
        });
    }

    pub fn save_mask(&self, mask: Arc<Mask>, path: PathBuf) {
        self.run(move || IoEvent::Saved {
            result: mask
                .to_png_file(&path)
                .map(|()| Vec::new())
                .map_err(|error| error.to_string()),
            path,
            content: None,
        });
    }

    pub fn save_project(&self, project: StoredProject, path: PathBuf, content: u64) {
        self.run(move || IoEvent::Saved {
            result: open::save_project(&project, &path),
            path,
            content: Some(content),
        });
    }

    pub fn copy(&self, photo: Arc<Photo>, result: Option<(Arc<JobResult>, PixelRect)>) {
        self.run(move || {
            let result = match result {
                Some((result, frame)) => with_result(&photo, &result, frame)
                    .map_err(|error| error.to_string())
                    .and_then(|picture| clipboard::copy(&picture)),
                None => clipboard::copy(&photo),
            };
            IoEvent::Copied { result }
        });
    }

    pub fn paste(&self, journals: Option<PathBuf>) {
        self.run(move || IoEvent::Opened {
            path: None,
            result: clipboard::paste()
                .and_then(|bytes| open::open_bytes(&bytes, journals.as_deref()))
                .map(Box::new),
        });
    }

    pub fn load_mask(&self, path: PathBuf, canvas: PixelSize) {
        self.run(move || IoEvent::MaskLoaded {
            result: Mask::from_file(&path, canvas).map_err(|error| error.to_string()),
        });
    }

    pub fn read_model(&self, folder: PathBuf) {
        self.run(move || {
            let result = engine::summarize(&folder).map_err(|error| error.to_string());
            IoEvent::ModelRead {
                choice: ModelChoice::Folder(folder),
                result,
            }
        });
    }

    pub fn save(&self, photo: Arc<Photo>, path: PathBuf, content: u64, options: EncodeOptions) {
        self.run(move || {
            let result =
                photo::encode_file(&photo, &path, &options).map_err(|error| error.to_string());
            IoEvent::Saved {
                path,
                content: Some(content),
                result,
            }
        });
    }

    /// Writes the photo with a result put in, or the model's own picture where the result has one.
    pub fn save_result(
        &self,
        photo: Arc<Photo>,
        result: Arc<JobResult>,
        frame: PixelRect,
        path: PathBuf,
        options: EncodeOptions,
    ) {
        self.run(move || {
            let written = with_result(&photo, &result, frame)
                .and_then(|picture| photo::encode_file(&picture, &path, &options));
            IoEvent::Saved {
                path,
                content: None,
                result: written.map_err(|error| error.to_string()),
            }
        });
    }

    /// Writes what differs between the two pictures that `pair` gives.
    pub fn save_heat_map(
        &self,
        path: PathBuf,
        pair: impl FnOnce() -> Result<(Photo, Photo), PhotoError> + Send + 'static,
    ) {
        self.run(move || {
            let written = pair().and_then(|(before, after)| {
                let picture = photo::heat_map(&before, &after)?;
                photo::encode_file(&picture, &path, &EncodeOptions::default())
            });
            IoEvent::Saved {
                path,
                content: None,
                result: written.map_err(|error| error.to_string()),
            }
        });
    }

    /// One short-lived thread a file: the disk is the limit, not threads.
    fn run(&self, work: impl FnOnce() -> IoEvent + Send + 'static) {
        let sender = self.sender.clone();
        let wake = Arc::clone(&self.wake);
        std::thread::spawn(move || {
            let _ = sender.send(work());
            wake();
        });
    }
}

/// The photo as it would be with a result accepted; `frame` is the job's canvas, seen from the photo.
pub fn with_result(
    photo: &Photo,
    result: &JobResult,
    frame: PixelRect,
) -> Result<Photo, PhotoError> {
    if let Some(raw) = &result.raw {
        return Ok(Photo::from_rgb8(raw.size, raw.to_rgb8()));
    }
    let mut picture = photo.reframed(frame)?;
    for patch in &result.patches {
        picture.paste(patch.rect, &patch.photo)?;
    }
    Ok(picture)
}
