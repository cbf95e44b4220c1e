//! Owns finding the weight files of one component: plain, fp16 variant, or sharded with an index. Used by the weight view
//! and by `ModelFolder`. Must never open a path outside the component's own folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diffusion::config::read_json;
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::weights::piece::{Piece, Stored};

/// No Stable Diffusion part is split into more files.
const MOST_SHARDS: usize = 256;

/// The weight files of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightFiles {
    /// The component's folder.
    pub folder: PathBuf,
    /// The files, in the index's order when there are several.
    pub files: Vec<PathBuf>,
    /// For files that hold other components too or use other names: what each of the component's tensors is made of.
    pub pieces: Option<Arc<BTreeMap<String, Piece>>>,
}

impl WeightFiles {
    /// The shapes of the component's tensors, and how many bytes a number of each takes in its file.
    pub fn shapes(&self) -> Result<Vec<(Vec<usize>, u64)>> {
        let stored = Stored::of_all(self)?;
        let each = |s: &Stored| {
            let count = s.entry.count().max(1);
            (s.shape(), s.entry.bytes() / count)
        };
        Ok(stored.values().map(each).collect())
    }

    /// The component's tensors by their names in diffusers' layout, and how many numbers each holds.
    pub fn names(&self) -> Result<Vec<(String, usize)>> {
        let stored = Stored::of_all(self)?;
        let count = |s: &Stored| s.shape().iter().product();
        Ok(stored
            .iter()
            .map(|(name, s)| (name.clone(), count(s)))
            .collect())
    }
}

/// Finds the files in `folder` whose names start with `stem` (`diffusion_pytorch_model` or `model`).
/// Full precision comes first where a folder holds both.
pub fn find_weights(folder: &Path, stem: &str) -> Result<WeightFiles> {
    if !folder.is_dir() {
        return Err(DiffusionError::folder(
            folder,
            "is missing; download the whole model folder",
        ));
    }
    let found = |files: Vec<PathBuf>| WeightFiles {
        folder: folder.into(),
        files,
        pieces: None,
    };
    let single = |variant: &str| folder.join(format!("{stem}{variant}.safetensors"));
    for variant in ["", ".fp16"] {
        if single(variant).is_file() {
            return Ok(found(vec![single(variant)]));
        }
        let index = [
            folder.join(format!("{stem}{variant}.safetensors.index.json")),
            folder.join(format!("{stem}.safetensors.index{variant}.json")),
        ];
        if let Some(index) = index.iter().find(|p| p.is_file()) {
            return shards(folder, index).map(found);
        }
    }
    let problem = if folder.join(format!("{stem}.bin")).is_file() {
        format!(
            "has only \"{stem}.bin\", which is not read because it can run code; get the safetensors version"
        )
    } else {
        format!("has no \"{stem}.safetensors\"; download the model's weights")
    };
    Err(DiffusionError::folder(folder, problem))
}

/// The files an index names, each once. Names with a path in them are refused.
fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>> {
    let json = read_json(index)?;
    let map = json
        .get("weight_map")
        .and_then(|m| m.as_object())
        .ok_or_else(|| {
            DiffusionError::config(index, "has no \"weight_map\"; download the file again")
        })?;
    let mut names: Vec<&str> = Vec::new();
    for value in map.values() {
        let name = value.as_str().unwrap_or_default();
        let plain =
            !name.is_empty() && !name.contains(['/', '\\', ':']) && name.ends_with(".safetensors");
        if !plain {
            return Err(DiffusionError::config(
                index,
                "names something other than a safetensors file beside it",
            ));
        }
        if !names.contains(&name) {
            names.push(name);
        }
        if names.len() > MOST_SHARDS {
            return Err(DiffusionError::config(
                index,
                format!("names more than {MOST_SHARDS} files"),
            ));
        }
    }
    if names.is_empty() {
        return Err(DiffusionError::config(
            index,
            "names no files; download the file again",
        ));
    }
    let files: Vec<PathBuf> = names.iter().map(|n| folder.join(n)).collect();
    match files.iter().find(|f| !f.is_file()) {
        Some(missing) => Err(DiffusionError::folder(
            missing,
            "is missing; download the rest of the model",
        )),
        None => Ok(files),
    }
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;

    fn touch(folder: &Path, name: &str, text: &str) {
        std::fs::write(folder.join(name), text).unwrap();
    }

    #[test]
    fn full_precision_comes_before_fp16_and_shards_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert!(
            find_weights(path, "m")
                .unwrap_err()
                .to_string()
                .contains("m.safetensors")
        );
        touch(path, "m.bin", "");
        assert!(
            find_weights(path, "m")
                .unwrap_err()
                .to_string()
                .contains("run code")
        );
        touch(path, "m.fp16.safetensors", "");
        assert!(find_weights(path, "m").unwrap().files[0].ends_with("m.fp16.safetensors"));
        touch(
            path,
            "m.safetensors.index.json",
            r#"{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors", "c": "m-1.safetensors"}}"#,
        );
        touch(path, "m-1.safetensors", "");
        assert!(
            find_weights(path, "m")
                .unwrap_err()
                .to_string()
                .contains("m-2.safetensors")
        );
        touch(path, "m-2.safetensors", "");
        assert_eq!(find_weights(path, "m").unwrap().files.len(), 2);
        touch(path, "m.safetensors", "");
        assert!(find_weights(path, "m").unwrap().files[0].ends_with("m.safetensors"));
    }

    #[test]
    fn an_index_cannot_leave_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "../secret.safetensors",
            "/etc/x.safetensors",
            "..\\x.safetensors",
            "x.txt",
            "",
        ] {
            let json = serde_json::json!({"weight_map": {"a": name}}).to_string();
            touch(folder.path(), "m.safetensors.index.json", &json);
            let text = find_weights(folder.path(), "m").unwrap_err().to_string();
            assert!(text.contains("index.json"), "{text}");
        }
    }
}
