//! Owns remembering which sizes of which models a device has run before. The first run of a size measures and compiles kernels, up to
//! minutes on a slow device: a job says so while it lasts. Kept beside what was measured, so that both are forgotten together.
//! Used by `run`. Must never fail a job: what cannot be read or written counts as not remembered.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::device::OpenDevice;
use crate::diffusion::config::UNetConfig;
use crate::diffusion::weights::Numbers;
use crate::geometry::PixelSize;

/// The status line during such a run.
pub const PREPARING: &str = "preparing: this device measures its kernels, once";

const FILE: &str = "prepared.json";

/// What has run before.
#[derive(Debug, Default)]
pub struct Prepared {
    file: Option<PathBuf>,
    known: BTreeSet<String>,
}

impl Prepared {
    /// Reads what `cache_dir` remembers; without one, nothing outlives this process.
    pub fn open(cache_dir: Option<&Path>) -> Self {
        let file = cache_dir.map(|dir| dir.join(FILE));
        let text = file.as_ref().and_then(|file| std::fs::read(file).ok());
        let known = text.and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            file,
            known: known.unwrap_or_default(),
        }
    }

    /// True the first time, and until [`Self::note`] was called.
    pub fn is_new(&self, key: &str) -> bool {
        !self.known.contains(key)
    }

    /// Remembers a run that came to its end.
    pub fn note(&mut self, key: String) {
        self.known.insert(key);
        let Some(file) = &self.file else { return };
        if let Err(error) = self.write(file) {
            log::warn!("{}: can't remember what ran: {error}", file.display());
        }
    }

    fn write(&self, file: &Path) -> std::io::Result<()> {
        let dir = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir)?;
        let temporary = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer(&temporary, &self.known)?;
        temporary.persist(file)?;
        Ok(())
    }
}

/// What kernels depend on. Sides are rounded up to powers of two, as measurements hold for those; none for the CPU, which needs
/// no preparing.
pub fn key(
    device: &OpenDevice,
    numbers: Numbers,
    unet: &UNetConfig,
    size: PixelSize,
) -> Option<String> {
    let widths: Vec<usize> = unet.blocks.iter().map(|block| block.channels).collect();
    let (width, height) = (
        size.width.next_power_of_two(),
        size.height.next_power_of_two(),
    );
    (device.device != Device::flex()).then(|| {
        format!(
            "{} {}, {}, {widths:?} of {}, {width}x{height}",
            env!("CARGO_PKG_VERSION"),
            device.label,
            numbers.name(),
            unet.cross_attention_dim
        )
    })
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_remembered_where_there_is_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("new");
        let mut prepared = Prepared::open(Some(&cache));
        assert!(prepared.is_new("a"));
        prepared.note("a".to_owned());
        assert!(!prepared.is_new("a"));
        let again = Prepared::open(Some(&cache));
        assert!(!again.is_new("a") && again.is_new("b"));
        std::fs::write(cache.join(FILE), "{broken").unwrap();
        assert!(Prepared::open(Some(&cache)).is_new("a"));
        let mut nowhere = Prepared::open(None);
        nowhere.note("a".to_owned());
        assert!(!nowhere.is_new("a"));
    }
}
