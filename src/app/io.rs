//! Owns reading and writing files away from the caller's thread. Used by handlers; answers arrive through `App::poll`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::clipboard;
use crate::engine::{self, JobResult, ModelChoice, ModelSummary};
use crate::geometry::PixelSize;
use crate::mask::Mask;
use crate::photo::{self, Decoded, EncodeOptions, Photo, PhotoError};
use crate::plan::Extension;

pub enum IoEvent {
    /// A photo was read; `path` is none for the sample.
    Opened {
        path: Option<PathBuf>,
        result: Result<Box<Decoded>, String>,
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
        /// Of the document that was written; none for a result that is not in it.
        revision: Option<u64>,
        result: Result<Vec<String>, String>,
    },
}

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

    pub fn open(&self, path: PathBuf) {
        self.run(move || {
            let result = photo::decode_file(&path)
                .map(Box::new)
                .map_err(|error| error.to_string());
            IoEvent::Opened {
                path: Some(path),
                result,
            }
        });
    }

    pub fn open_bytes(&self, bytes: &'static [u8]) {
        self.run(move || {
            let result = photo::decode_bytes(bytes)
                .map(Box::new)
                .map_err(|error| error.to_string());
            IoEvent::Opened { path: None, result }
        });
    }

    pub fn copy(&self, photo: Arc<Photo>, result: Option<(Arc<JobResult>, Extension)>) {
        self.run(move || {
            let result = match result {
                Some((result, extension)) => with_result(&photo, &result, extension)
                    .map_err(|error| error.to_string())
                    .and_then(|picture| clipboard::copy(&picture)),
                None => clipboard::copy(&photo),
            };
            IoEvent::Copied { result }
        });
    }

    pub fn paste(&self) {
        self.run(move || IoEvent::Opened {
            path: None,
            result: clipboard::paste().map(Box::new),
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

    pub fn save(&self, photo: Arc<Photo>, path: PathBuf, revision: u64, options: EncodeOptions) {
        self.run(move || {
            let result =
                photo::encode_file(&photo, &path, &options).map_err(|error| error.to_string());
            IoEvent::Saved {
                path,
                revision: Some(revision),
                result,
            }
        });
    }

    /// Writes the photo with a result put in, or the model's own picture where the result has one.
    pub fn save_result(
        &self,
        photo: Arc<Photo>,
        result: Arc<JobResult>,
        extension: Extension,
        path: PathBuf,
        options: EncodeOptions,
    ) {
        self.run(move || {
            let written = with_result(&photo, &result, extension)
                .and_then(|picture| photo::encode_file(&picture, &path, &options));
            IoEvent::Saved {
                path,
                revision: None,
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

/// The photo as it would be with a result accepted.
fn with_result(
    photo: &Photo,
    result: &JobResult,
    extension: Extension,
) -> Result<Photo, PhotoError> {
    if let Some(raw) = &result.raw {
        return Ok(Photo::from_rgb8(raw.size, raw.to_rgb8()));
    }
    let Extension {
        left,
        top,
        right,
        bottom,
    } = extension;
    let mut picture = photo.extended(left, top, right, bottom)?;
    for patch in &result.patches {
        picture.paste(patch.rect, &patch.photo)?;
    }
    Ok(picture)
}
