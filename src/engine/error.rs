//! Owns `EngineError`: why a job failed, by who can fix it. Made in the engine, shown by every front end as one line.

use crate::compose::MadeError;
use crate::diffusion::DiffusionError;
use crate::diffusion::exemplar::ExemplarError;
use crate::models::ModelError;
use crate::photo::PhotoError;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("cancelled")]
    Cancelled,
    /// A setting is out of range or does not fit the model.
    #[error("{0}")]
    Settings(String),
    /// The model's files.
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("{0}")]
    Diffusion(DiffusionError),
    #[error("{0}")]
    Exemplar(ExemplarError),
    #[error(transparent)]
    Photo(#[from] PhotoError),
    #[error(transparent)]
    PutBack(#[from] MadeError),
    /// The asked device is not there or does not work.
    #[error("{0}")]
    Device(String),
    #[error(
        "even in the most frugal way the model needs about {needed_mib} MiB of memory, and it may take {free_mib} MiB: {ways}"
    )]
    Memory {
        needed_mib: u64,
        free_mib: u64,
        /// What would help.
        ways: String,
    },
    /// Memory ran out, and there was no more frugal way to go on.
    #[error(
        "memory ran out ({0}), and there is no more frugal way to run this model: close other programs or use a smaller model"
    )]
    OutOfMemory(String),
    #[error(
        "the job failed inside the model ({0}); the picture is unchanged. Try again, or with --device cpu"
    )]
    Panicked(String),
    #[error("the engine has stopped; restart Inlay")]
    Stopped,
    #[error("{0} jobs are waiting already; let some finish first")]
    QueueFull(usize),
}

impl From<DiffusionError> for EngineError {
    fn from(error: DiffusionError) -> Self {
        match error {
            DiffusionError::Cancelled(_) => Self::Cancelled,
            other => Self::Diffusion(other),
        }
    }
}

impl From<ExemplarError> for EngineError {
    fn from(error: ExemplarError) -> Self {
        match error {
            ExemplarError::Cancelled => Self::Cancelled,
            other => Self::Exemplar(other),
        }
    }
}

impl From<crate::progress::Cancelled> for EngineError {
    fn from(_: crate::progress::Cancelled) -> Self {
        Self::Cancelled
    }
}

impl EngineError {
    /// True when the caller asked for something that can't be, rather than something going wrong.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Settings(_) | Self::Diffusion(DiffusionError::Settings(_))
        )
    }
}
