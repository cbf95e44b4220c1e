//! Owns inspecting single files: what a `.safetensors` or PyTorch file holds, told by the names and shapes of its
//! tensors. Used by `inspect`. Must never run a pickle.

use std::io::Read as _;
use std::path::Path;

use super::header::{self, Header, Tally};
use super::{ModelError, ModelFamily, ModelInfo, ModelKind, PartInfo};
use crate::geometry::PixelSize;

/// How much of a PyTorch file is searched for names.
const SEARCHED: u64 = 4 << 20;
const UNET: &str = "model.diffusion_model.";
const UNET_INPUT: &str = "model.diffusion_model.input_blocks.0.0.weight";
/// The prefixes of the three networks in an original (not diffusers) checkpoint.
const PREFIXES: [(&str, &[&str]); 3] = [
    ("unet", &[UNET]),
    ("vae", &["first_stage_model."]),
    ("text_encoder", &["cond_stage_model.", "conditioner."]),
];
const CONVERT: &str = "single-file models are not loaded; use the same model as a diffusers folder (one with model_index.json), or convert it with diffusers' from_single_file and save_pretrained";

pub(super) fn inspect(path: &Path, bytes: u64) -> Result<ModelInfo, ModelError> {
    let mut start = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut start))
        .map_err(|e| ModelError::reading(path, e))?;
    let extension = path
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    let pickle = start.starts_with(&[0x80, 2]) || start.starts_with(b"PK\x03\x04");
    if pickle && matches!(extension.as_str(), "ckpt" | "pt" | "pth" | "bin") {
        return pytorch(path, bytes);
    }
    if extension != "safetensors" && start.get(8) != Some(&b'{') {
        let info = ModelInfo::unknown(path, ModelKind::NotAModel);
        return Ok(info.because("this file is no model; choose a diffusers folder"));
    }
    let mut info = ModelInfo::unknown(path, ModelKind::Safetensors);
    info.bytes = bytes;
    match header::read(path) {
        Ok(header) => Ok(by_tensors(info, &header)),
        Err(problem) => Ok(info.because(problem)),
    }
}

fn by_tensors(mut info: ModelInfo, header: &Header) -> ModelInfo {
    let file = info
        .path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut all = Tally::default();
    header.tensors.values().for_each(|t| all.add(t));
    info.parameters = all.parameters;
    info.dtype = all.dtype();
    if let Some(reason) = something_else(header) {
        info.kind = ModelKind::NotAModel;
        return info.because(reason);
    }
    for (name, prefixes) in PREFIXES {
        let mut tally = Tally::default();
        header
            .tensors
            .iter()
            .filter(|(key, _)| prefixes.iter().any(|p| key.starts_with(p)))
            .for_each(|(_, tensor)| tally.add(tensor));
        if tally.parameters > 0 {
            info.parts.push(PartInfo {
                name: name.into(),
                class_name: None,
                parameters: tally.parameters,
                bytes: tally.bytes,
                dtype: tally.dtype(),
                files: vec![file.clone()],
            });
        }
    }
    info.in_channels = header
        .shape(UNET_INPUT)
        .and_then(|s| s.get(1))
        .map(|v| *v as u32);
    info.latent_channels = header
        .shape("model.diffusion_model.out.2.weight")
        .and_then(|s| s.first())
        .map(|v| *v as u32);
    // Any cross-attention's keys are made from the text: rows of its weight are as wide as the text condition.
    info.text_width = header
        .tensors
        .iter()
        .find(|(name, _)| name.starts_with(UNET) && name.ends_with("attn2.to_k.weight"))
        .and_then(|(_, tensor)| tensor.shape.get(1))
        .map(|v| *v as u32);
    let family = info
        .text_width
        .map_or(ModelFamily::Unknown, ModelFamily::of_width);
    describe(&mut info, family);
    info.because(CONVERT)
}

/// What follows from the family and the input channels.
fn describe(info: &mut ModelInfo, family: ModelFamily) {
    info.family = family;
    let latent = info.latent_channels.unwrap_or(4);
    info.inpainting = info.in_channels == Some(2 * latent + 1);
    let side = match family {
        ModelFamily::Sd1 => Some(512),
        // The plain models exist for 512 and for 768; the inpainting one is for 512.
        ModelFamily::Sd2 => info.inpainting.then_some(512),
        ModelFamily::Sdxl => Some(1024),
        ModelFamily::Unknown => None,
    };
    info.native_size = side.map(|side| PixelSize::new(side, side));
    if family != ModelFamily::Unknown {
        info.latent_channels = info.latent_channels.or(Some(4));
        info.latent_downscale = Some(8);
    }
}

/// Files of tensors that are no checkpoint of Stable Diffusion.
fn something_else(header: &Header) -> Option<String> {
    let any = |part: &str| header.tensors.keys().any(|name| name.contains(part));
    let what = if header.tensors.is_empty() {
        "an empty file"
    } else if any("lora_down") || any("lora_A") || any("lora_unet_") {
        "a LoRA, an addition to a model"
    } else if header.has_prefix("control_model.") || any("controlnet_cond_embedding") {
        "a ControlNet, an addition to a model"
    } else if any("double_blocks.")
        || any("joint_blocks.")
        || any("transformer_blocks.0.ff_context")
    {
        "a transformer model (such as Flux or SD 3), which is not supported"
    } else if header.has_prefix(UNET) {
        return None;
    } else if header.has_prefix("down_blocks.") && header.has_prefix("conv_in.") {
        "only the UNet of a diffusers model; choose the folder above it that holds model_index.json"
    } else if header.has_prefix("encoder.") && header.has_prefix("decoder.") {
        "only the autoencoder of a model; choose the folder that holds model_index.json"
    } else if any("text_model.encoder.layers.") || header.has_prefix("encoder.layers.") {
        "only the text encoder of a model; choose the folder that holds model_index.json"
    } else {
        "a file of tensors, but no Stable Diffusion model"
    };
    Some(format!("this is {what}"))
}

/// A PyTorch file: names and one shape are searched in its first bytes, nothing is executed.
fn pytorch(path: &Path, bytes: u64) -> Result<ModelInfo, ModelError> {
    let mut info = ModelInfo::unknown(path, ModelKind::PytorchCheckpoint);
    info.bytes = bytes;
    let mut start = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(SEARCHED).read_to_end(&mut start))
        .map_err(|e| ModelError::reading(path, e))?;
    let Some(at) = find(&start, UNET_INPUT.as_bytes()) else {
        info.kind = ModelKind::NotAModel;
        return Ok(info
            .because("this PyTorch file is no Stable Diffusion model; choose a diffusers folder"));
    };
    info.in_channels = channels_after(&start[at + UNET_INPUT.len()..]);
    let family = if find(&start, b"conditioner.embedders.1.").is_some() {
        ModelFamily::Sdxl
    } else if find(&start, b"cond_stage_model.model.").is_some() {
        ModelFamily::Sd2
    } else if find(&start, b"cond_stage_model.transformer.").is_some() {
        ModelFamily::Sd1
    } else {
        ModelFamily::Unknown
    };
    info.text_width = match family {
        ModelFamily::Sd1 => Some(768),
        ModelFamily::Sd2 => Some(1024),
        ModelFamily::Sdxl => Some(2048),
        ModelFamily::Unknown => None,
    };
    describe(&mut info, family);
    Ok(info.because(
        "PyTorch files (.ckpt) can carry code and are not loaded; use the same model as a diffusers folder of safetensors files",
    ))
}

/// The second side of the pickled shape `(320, C, 3, 3)` that follows a tensor's name: an opening mark, a two-byte
/// number, then one-byte numbers (opcodes `(`, `M`, `K`).
fn channels_after(bytes: &[u8]) -> Option<u32> {
    bytes[..bytes.len().min(400)]
        .windows(11)
        .find(|w| {
            w[0] == b'('
                && w[1] == b'M'
                && w[4] == b'K'
                && w[6..10] == [b'K', 3, b'K', 3]
                && w[10] == b't'
        })
        .map(|w| u32::from(w[5]))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}
