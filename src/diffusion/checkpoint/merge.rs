//! Owns what a file's own description says that matters to a run: distilled models that need few steps. Used by `folder` and by
//! the `models` room. Must never look at tensors.

use crate::diffusion::weights::Header;

/// The description's title, architecture and tags as one lower-case text.
pub fn merged_metadata(header: &Header) -> String {
    let keys = [
        "modelspec.title",
        "modelspec.architecture",
        "modelspec.description",
        "modelspec.tags",
        "modelspec.merged_from",
        "ss_base_model_version",
    ];
    let words: Vec<String> = keys
        .iter()
        .filter_map(|key| header.metadata.get(*key))
        .map(|text| text.to_lowercase())
        .collect();
    words.join(" ")
}
