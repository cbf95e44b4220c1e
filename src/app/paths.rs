//! Owns where Inlay keeps things on this platform. Read once at start; tests and checks pass their own folder.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// Folders of this user. Created when first written to.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Preferences.
    pub config_dir: PathBuf,
    /// Journals, the kept mask, remembered devices.
    pub state_dir: PathBuf,
    /// What can be made again: compiled kernels, tuning.
    pub cache_dir: PathBuf,
}

/// Overrides all three folders; for tests and for keeping Inlay on a stick.
const HOME_VARIABLE: &str = "INLAY_HOME";

impl Paths {
    /// The platform's folders, or those below `INLAY_HOME`. None when there is no home.
    pub fn find() -> Option<Self> {
        if let Some(home) = std::env::var_os(HOME_VARIABLE).filter(|home| !home.is_empty()) {
            return Some(Self::below(Path::new(&home)));
        }
        let base = etcetera::choose_base_strategy().ok()?;
        let state = base.state_dir().unwrap_or_else(|| base.data_dir());
        Some(Self {
            config_dir: base.config_dir().join("inlay"),
            state_dir: state.join("inlay"),
            cache_dir: base.cache_dir().join("inlay"),
        })
    }

    /// All folders below one.
    pub fn below(home: &Path) -> Self {
        Self {
            config_dir: home.join("config"),
            state_dir: home.join("state"),
            cache_dir: home.join("cache"),
        }
    }

    /// Journals of documents, one folder a run.
    pub fn journals_dir(&self) -> PathBuf {
        self.state_dir.join("journals")
    }

    pub fn settings_file(&self) -> PathBuf {
        self.config_dir.join("settings.json")
    }
}
