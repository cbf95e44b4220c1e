//! Puts a tiny sound diffusers folder together from the committed parts, for tests that run the program on it.

use std::fs;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/sampling")
        .join(name)
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// The whole description of the golden pictures.
pub fn pictures() -> serde_json::Value {
    let text = fs::read_to_string(golden("pictures.json")).expect("golden pictures");
    serde_json::from_str(&text).expect("json")
}

/// Writes the model called `name` in the golden pictures to `folder`.
pub fn assemble(name: &str, folder: &Path) {
    let pictures = pictures();
    let model = &pictures["models"][name];
    let part = |kind: &str| golden("parts").join(model[kind].as_str().expect("a part"));
    copy_folder(&part("text").join("tokenizer"), &folder.join("tokenizer"));
    copy_folder(
        &part("text").join("text_encoder"),
        &folder.join("text_encoder"),
    );
    copy_folder(&part("unet"), &folder.join("unet"));
    copy_folder(&part("vae"), &folder.join("vae"));
    fs::create_dir_all(folder.join("scheduler")).expect("created");
    fs::write(
        folder.join("scheduler/scheduler_config.json"),
        serde_json::to_string_pretty(&model["scheduler"]).expect("json"),
    )
    .expect("written");
    let index = serde_json::json!({
        "_class_name": "StableDiffusionInpaintPipeline",
        "scheduler": ["diffusers", model["scheduler"]["_class_name"]],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    });
    fs::write(folder.join("model_index.json"), index.to_string()).expect("written");
}
