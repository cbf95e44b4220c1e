//! Owns inspecting single files: what a `.safetensors` or PyTorch file holds. The loader's own detection decides
//! (`diffusion::checkpoint`), so that what is listed as usable loads. Used by `inspect`. Must never run a pickle.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use super::{ModelError, ModelFamily, ModelInfo, ModelKind, PartInfo};
use crate::diffusion::checkpoint::{Checkpoint, Contents, Family, Prediction, contents};
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::weights::{Header, TensorEntry, read_header};
use crate::geometry::PixelSize;

const UNET: &str = "model.diffusion_model.";
/// The prefixes of the networks in an original (not diffusers) checkpoint.
const PREFIXES: [(&str, &[&str]); 4] = [
    ("unet", &[UNET]),
    ("vae", &["first_stage_model."]),
    (
        "text_encoder",
        &["cond_stage_model.", "conditioner.embedders.0."],
    ),
    ("text_encoder_2", &["conditioner.embedders.1."]),
];

pub(super) fn inspect(path: &Path, bytes: u64) -> Result<ModelInfo, ModelError> {
    let mut start = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut start))
        .map_err(|e| ModelError::reading(path, e))?;
    let extension = path
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    let pickle = start.starts_with(&[0x80]) || start.starts_with(b"PK\x03\x04");
    let is_pytorch = pickle && matches!(extension.as_str(), "ckpt" | "pt" | "pth" | "bin");
    if !is_pytorch && extension != "safetensors" && start.get(8) != Some(&b'{') {
        let info = ModelInfo::unknown(path, ModelKind::NotAModel);
        return Ok(info.because(
            "this file is no model; choose a .safetensors or .ckpt file, or a diffusers folder",
        ));
    }
    let kind = if is_pytorch {
        ModelKind::PytorchCheckpoint
    } else {
        ModelKind::Safetensors
    };
    let mut info = ModelInfo::unknown(path, kind);
    info.bytes = bytes;
    match read_header(path) {
        Ok(header) => Ok(by_tensors(info, &header)),
        Err(problem) => Ok(info.because(problem.to_string())),
    }
}

fn by_tensors(mut info: ModelInfo, header: &Header) -> ModelInfo {
    let all = Tally::of(header.tensors.values());
    info.parameters = all.parameters;
    info.dtype = all.dtype();
    let family = match contents(header) {
        Contents::Model(family) => Some(family),
        Contents::UNetOnly => None,
        other => {
            info.kind = ModelKind::NotAModel;
            return info.because(format!("this file {}", other.complaint()));
        }
    };
    info.parts = parts(&info, header);
    let first = |name: &str, at: usize| {
        let shape = header.shape(&format!("{UNET}{name}"));
        shape.get(at).and_then(|v| u32::try_from(*v).ok())
    };
    info.in_channels = first("input_blocks.0.0.weight", 1);
    info.latent_channels = first("out.2.weight", 0);
    // Any cross-attention's keys are made from the text: rows of its weight are as wide as the text condition.
    info.text_width = header
        .tensors
        .iter()
        .find(|(name, _)| name.starts_with(UNET) && name.ends_with("attn2.to_k.weight"))
        .and_then(|(_, tensor)| u32::try_from(*tensor.shape.get(1)?).ok());
    info.family = match family {
        Some(Family::Sd1) => ModelFamily::Sd1,
        Some(Family::Sd2) => ModelFamily::Sd2,
        Some(Family::Sdxl) => ModelFamily::Sdxl,
        None => info
            .text_width
            .map_or(ModelFamily::Unknown, ModelFamily::of_width),
    };
    info.inpainting = info.in_channels == Some(2 * info.latent_channels.unwrap_or(4) + 1);
    if family.is_none() {
        return info.because(format!("this file {}", Contents::UNetOnly.complaint()));
    }
    match Checkpoint::read(header).and_then(|found| Ok((found, ModelFolder::open(&header.path)?))) {
        Ok((found, model)) => {
            describe(&mut info, &found, &model);
            info.usable = true;
            info
        }
        Err(problem) => info.because(problem.to_string()),
    }
}

/// What the loader found.
fn describe(info: &mut ModelInfo, found: &Checkpoint, model: &ModelFolder) {
    let (width, height) = model.native_size();
    info.class_name = Some(model.class_name.clone());
    info.inpainting = model.is_inpaint();
    info.native_size = Some(PixelSize::new(width as u32, height as u32));
    info.latent_channels = Some(model.vae.latent_channels() as u32);
    info.latent_downscale = Some(model.vae.downscale() as u32);
    info.text_width = Some(model.unet.cross_attention_dim as u32);
    // Without a word about it the network is asked when it is loaded.
    info.prediction_type = match found.prediction {
        Prediction::Epsilon => Some("epsilon".into()),
        Prediction::Velocity => Some("v_prediction".into()),
        Prediction::Untold => None,
    };
    let class = model.scheduler.get("_class_name").and_then(|v| v.as_str());
    info.scheduler = class.map(str::to_owned);
}

/// The networks in the file.
fn parts(info: &ModelInfo, header: &Header) -> Vec<PartInfo> {
    let file = info
        .path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let part = |(name, prefixes): &(&str, &[&str])| {
        let ours = header
            .tensors
            .iter()
            .filter(|(key, _)| prefixes.iter().any(|p| key.starts_with(p)));
        let tally = Tally::of(ours.map(|(_, tensor)| tensor));
        (tally.parameters > 0).then(|| PartInfo {
            name: (*name).into(),
            class_name: None,
            parameters: tally.parameters,
            bytes: tally.bytes,
            dtype: tally.dtype(),
            files: vec![file.clone()],
        })
    };
    PREFIXES.iter().filter_map(part).collect()
}

/// Numbers and bytes of some tensors.
#[derive(Default)]
struct Tally {
    parameters: u64,
    bytes: u64,
    by_type: BTreeMap<String, u64>,
}

impl Tally {
    fn of<'a>(tensors: impl Iterator<Item = &'a TensorEntry>) -> Self {
        let mut tally = Self::default();
        for tensor in tensors {
            let count = tensor.count();
            tally.parameters = tally.parameters.saturating_add(count);
            tally.bytes = tally.bytes.saturating_add(tensor.bytes());
            let sum = tally
                .by_type
                .entry(format!("{:?}", tensor.dtype))
                .or_default();
            *sum = sum.saturating_add(count);
        }
        tally
    }

    /// The type most numbers have.
    fn dtype(&self) -> Option<String> {
        let most = self.by_type.iter().max_by_key(|(_, count)| **count);
        most.map(|(name, _)| name.clone())
    }
}
