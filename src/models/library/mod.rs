//! Owns where models lie: Inlay's own models folder, places that a user added, the folders of well-known programs and the Hugging
//! Face cache, all but the first opened in place and never written. Used by app, cli and engine. Must never load weights, and never
//! write outside the own folder.
//!
//! | place | found by |
//! |---|---|
//! | own models folder | `INLAY_MODELS`, else `models` below `INLAY_HOME`, else below the system's data folder for Inlay |
//! | added places | `inlay models add`, kept in the own folder's `places.json` |
//! | more folders | `INLAY_MODEL_PATHS`, separated as in `PATH` |
//! | Hugging Face cache | `HF_HUB_CACHE`, else `HF_HOME/hub`, else `XDG_CACHE_HOME/huggingface/hub`, else `~/.cache/huggingface/hub` |
//! | other programs | their usual folders below the home folder (see `programs`) |

mod add;
mod programs;
mod verify;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use add::{AddError, add};
pub use verify::{Verdict, verify};

use super::{ModelInfo, ModelKind, inspect};
use crate::diffusion::checkpoint::{Contents, contents};
use crate::diffusion::weights::read_header;

/// Deeper folders are not searched: programs sort models into a few levels at most.
const DEEPEST: usize = 4;
/// No folder of models holds more entries.
const MOST_ENTRIES: usize = 20_000;
/// The list of places that a user added.
const PLACES: &str = "places.json";

/// Whose folder it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Inlay's own.
    Own,
    /// Named by the user.
    Added,
    /// The Hugging Face cache.
    HuggingFace,
    /// Another program's.
    Program,
}

/// A folder that may hold models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The folder, or one model.
    pub path: PathBuf,
    /// Whose it is.
    pub origin: Origin,
    /// The program's name, for those of programs.
    pub program: Option<&'static str>,
}

/// What a file or folder in the library is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A model.
    Model,
    /// A LoRA.
    Lora,
    /// An autoencoder alone.
    Vae,
    /// A textual inversion.
    Embedding,
}

/// One thing in the library.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Its name: the file's without the ending, the folder's, or for the cache the repository's.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Whose folder it is in.
    pub origin: Origin,
    /// The program's name, for those of programs.
    pub program: Option<&'static str>,
    /// Its size on disk in bytes.
    pub bytes: u64,
    /// What is known of a model.
    pub model: Option<ModelInfo>,
}

/// What a library is made from; the process's own by [`Surroundings::of_process`].
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// The system's folder for Inlay's data.
    pub data_dir: Option<PathBuf>,
    /// Environment variables.
    pub variables: Vec<(String, OsString)>,
}

/// The variables that count.
const VARIABLES: [&str; 6] = [
    "INLAY_MODELS",
    "INLAY_HOME",
    "INLAY_MODEL_PATHS",
    "HF_HUB_CACHE",
    "HF_HOME",
    "XDG_CACHE_HOME",
];

impl Surroundings {
    /// The process's environment.
    pub fn of_process() -> Self {
        use etcetera::BaseStrategy as _;
        let base = etcetera::choose_base_strategy().ok();
        let read = |name: &&str| {
            let value = std::env::var_os(name).filter(|v| !v.is_empty())?;
            Some(((*name).to_owned(), value))
        };
        Self {
            home: etcetera::home_dir().ok(),
            data_dir: base.map(|b| b.data_dir().join("inlay")),
            variables: VARIABLES.iter().filter_map(read).collect(),
        }
    }

    fn variable(&self, name: &str) -> Option<PathBuf> {
        let found = self.variables.iter().find(|(n, _)| n == name)?;
        Some(PathBuf::from(&found.1))
    }

    /// Inlay's own models folder, whether it exists or not; `None` on a system without a home.
    pub fn own_folder(&self) -> Option<PathBuf> {
        self.variable("INLAY_MODELS")
            .or_else(|| self.variable("INLAY_HOME").map(|home| home.join("models")))
            .or_else(|| self.data_dir.as_ref().map(|dir| dir.join("models")))
    }

    fn hub_cache(&self) -> Option<PathBuf> {
        self.variable("HF_HUB_CACHE")
            .or_else(|| self.variable("HF_HOME").map(|p| p.join("hub")))
            .or_else(|| {
                let cache = self.variable("XDG_CACHE_HOME");
                let cache = cache.or_else(|| self.home.as_ref().map(|h| h.join(".cache")));
                cache.map(|c| c.join("huggingface/hub"))
            })
    }

    /// All places that exist, Inlay's own first.
    pub fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        let mut put = |path: PathBuf, origin, program| {
            let known = |p: &Place| p.path == path;
            if path.exists() && !places.iter().any(known) {
                places.push(Place {
                    path,
                    origin,
                    program,
                });
            }
        };
        if let Some(own) = self.own_folder() {
            let added = add::read_places(&own.join(PLACES));
            put(own, Origin::Own, None);
            for path in added {
                put(path, Origin::Added, None);
            }
        }
        if let Some(list) = self.variable("INLAY_MODEL_PATHS") {
            for path in std::env::split_paths(&list) {
                put(path, Origin::Added, None);
            }
        }
        if let Some(hub) = self.hub_cache() {
            put(hub, Origin::HuggingFace, None);
        }
        if let Some(home) = &self.home {
            for (program, path) in programs::folders(home) {
                put(path, Origin::Program, Some(program));
            }
        }
        places
    }

    /// Everything in all places, sorted by kind and name.
    pub fn list(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut seen = BTreeSet::new();
        for place in self.places() {
            for path in candidates(&place) {
                let real = path.canonicalize().unwrap_or_else(|_| path.clone());
                if seen.insert(real) {
                    entries.extend(entry(&path, &place));
                }
            }
        }
        entries.sort_by(|a, b| {
            (a.kind, a.name.to_lowercase(), &a.path).cmp(&(b.kind, b.name.to_lowercase(), &b.path))
        });
        entries
    }

    /// A LoRA by its file's name without the ending.
    pub fn find_lora(&self, name: &str) -> Option<PathBuf> {
        self.places()
            .iter()
            .flat_map(candidates)
            .filter(|path| path.is_file() && stem(path) == name)
            .find(|path| kind_of_file(path) == Some(EntryKind::Lora))
    }

    /// A model by its name in the list, or by its path in the own folder.
    pub fn find_model(&self, name: &str) -> Option<PathBuf> {
        let entries = self.list();
        let models = entries.iter().filter(|e| e.kind == EntryKind::Model);
        let mut named = models.filter(|e| e.name == name);
        named.next().map(|e| e.path.clone())
    }
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn is_weights(path: &Path) -> bool {
    let ending = path
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    matches!(ending.as_deref(), Some("safetensors" | "ckpt" | "pt"))
}

/// Files of weights and diffusers folders below a place. Inside a diffusers folder nothing is looked at.
fn candidates(place: &Place) -> Vec<PathBuf> {
    if place.path.is_file() {
        return vec![place.path.clone()];
    }
    let mut out = Vec::new();
    let mut open = vec![(place.path.clone(), 0)];
    let mut looked_at = 0;
    while let Some((folder, depth)) = open.pop() {
        if folder.join("model_index.json").is_file() {
            out.push(folder);
            continue;
        }
        let mut children: Vec<PathBuf> = std::fs::read_dir(&folder)
            .map(|entries| entries.flatten().map(|e| e.path()).collect())
            .unwrap_or_default();
        children.sort();
        looked_at += children.len();
        if looked_at > MOST_ENTRIES {
            break;
        }
        for child in children {
            let hidden = child
                .file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with('.'));
            // The cache keeps its blobs by hash; what they are is in the snapshots.
            let blobs = place.origin == Origin::HuggingFace
                && child
                    .file_name()
                    .is_some_and(|n| n == "blobs" || n == "refs");
            if hidden || blobs {
                continue;
            }
            if child.is_dir() && depth < DEEPEST {
                open.push((child, depth + 1));
            } else if is_weights(&child) && child.is_file() {
                out.push(child);
            }
        }
    }
    out.sort();
    out
}

/// What a file of weights is; `None` for what is no use here. PyTorch files are read only as far as names and shapes.
fn kind_of_file(path: &Path) -> Option<EntryKind> {
    let header = read_header(path).ok()?;
    match contents(&header) {
        Contents::Model(_) => Some(EntryKind::Model),
        Contents::Lora => Some(EntryKind::Lora),
        Contents::Vae => Some(EntryKind::Vae),
        Contents::Embedding => Some(EntryKind::Embedding),
        _ => None,
    }
}

fn entry(path: &Path, place: &Place) -> Option<Entry> {
    let make = |kind, name, bytes, model| Entry {
        kind,
        name,
        path: path.to_owned(),
        origin: place.origin,
        program: place.program,
        bytes,
        model,
    };
    if path.is_file() {
        let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
        return match kind_of_file(path) {
            Some(EntryKind::Model) => {
                let info = inspect(path).ok()?;
                Some(make(EntryKind::Model, stem(path), bytes, Some(info)))
            }
            Some(kind) => Some(make(kind, stem(path), bytes, None)),
            // A damaged checkpoint is worth a line; a stray file is not.
            None => {
                let info = inspect(path).ok()?;
                let broken = info.kind != ModelKind::NotAModel && info.why_not.is_some();
                broken.then(|| make(EntryKind::Model, stem(path), bytes, Some(info)))
            }
        };
    }
    let info = inspect(path).ok()?;
    let name = hub_name(path).unwrap_or_else(|| info.name.clone());
    Some(make(EntryKind::Model, name, info.bytes, Some(info)))
}

/// `org/name` of a snapshot in the Hugging Face cache: `models--org--name/snapshots/<revision>`.
fn hub_name(path: &Path) -> Option<String> {
    let snapshots = path.parent()?;
    if snapshots.file_name()? != "snapshots" {
        return None;
    }
    let repository = snapshots
        .parent()?
        .file_name()?
        .to_string_lossy()
        .into_owned();
    Some(repository.strip_prefix("models--")?.replacen("--", "/", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(home: &Path, variables: &[(&str, &Path)]) -> Surroundings {
        Surroundings {
            home: Some(home.to_owned()),
            data_dir: Some(home.join("data/inlay")),
            variables: variables
                .iter()
                .map(|(n, v)| ((*n).to_owned(), v.as_os_str().to_owned()))
                .collect(),
        }
    }

    fn lora(path: &Path) {
        let bytes = [0_u8; 8];
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1, 2], &bytes);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("made");
        let tensors = [("lora_unet_x.lora_down.weight", view.expect("view"))];
        safetensors::serialize_to_file(tensors, None, path).expect("written");
    }

    #[test]
    fn variables_decide_before_the_usual_folders() {
        let dir = tempfile::tempdir().expect("dir");
        let home = dir.path();
        for folder in [
            ".cache/huggingface/hub",
            "hub",
            "hf/hub",
            "mine",
            "more",
            "ComfyUI/models",
        ] {
            std::fs::create_dir_all(home.join(folder)).expect("made");
        }
        let places = |variables: &[(&str, &Path)]| -> Vec<(Origin, PathBuf)> {
            let found = surroundings(home, variables).places();
            found.into_iter().map(|p| (p.origin, p.path)).collect()
        };
        let usual = places(&[]);
        assert!(usual.contains(&(Origin::HuggingFace, home.join(".cache/huggingface/hub"))));
        assert!(usual.contains(&(Origin::Program, home.join("ComfyUI/models"))));
        let hub = home.join("hub");
        let hf = home.join("hf");
        assert!(
            places(&[("HF_HUB_CACHE", &hub), ("HF_HOME", &hf)])
                .contains(&(Origin::HuggingFace, hub.clone()))
        );
        assert!(places(&[("HF_HOME", &hf)]).contains(&(Origin::HuggingFace, hf.join("hub"))));
        let (mine, more) = (home.join("mine"), home.join("more"));
        let named = places(&[("INLAY_MODELS", &mine), ("INLAY_MODEL_PATHS", &more)]);
        assert_eq!(named[0], (Origin::Own, mine));
        assert_eq!(named[1], (Origin::Added, more));
    }

    #[test]
    fn loras_are_found_by_name_in_all_places() {
        let dir = tempfile::tempdir().expect("dir");
        let home = dir.path();
        lora(&home.join("stable-diffusion-webui/models/Lora/styles/soft light.safetensors"));
        std::fs::write(
            home.join("stable-diffusion-webui/models/Lora/broken.safetensors"),
            "x",
        )
        .expect("written");
        let library = surroundings(home, &[]);
        let found = library.find_lora("soft light").expect("found");
        assert!(found.ends_with("styles/soft light.safetensors"));
        assert_eq!(library.find_lora("broken"), None);
        assert_eq!(library.find_lora("other"), None);
        let list = library.list();
        let names: Vec<_> = list.iter().map(|e| (e.kind, e.name.as_str())).collect();
        assert_eq!(
            names,
            [
                (EntryKind::Model, "broken"),
                (EntryKind::Lora, "soft light")
            ]
        );
        assert_eq!(list[1].program, Some("Stable Diffusion web UI"));
    }

    #[test]
    fn cached_repositories_have_their_names() {
        let path = Path::new("hub/models--org--some--name/snapshots/0123abc");
        assert_eq!(hub_name(path).as_deref(), Some("org/some--name"));
        assert_eq!(hub_name(Path::new("a/b/c")), None);
    }
}
