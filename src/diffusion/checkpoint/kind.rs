//! Owns telling what a file of tensors is, by names and shapes. One place for the loader, for `inspect` and for error texts.
//! Must never look at a file's name.

use crate::diffusion::weights::Header;

/// Where single files keep the UNet.
pub const UNET: &str = "model.diffusion_model.";
/// Where single files keep the autoencoder.
pub const VAE: &str = "first_stage_model.";
/// Where SD 1 files keep CLIP, in its Hugging Face naming.
pub const TEXT_SD1: &str = "cond_stage_model.transformer.";
/// Where SD 2 files keep CLIP, in its OpenCLIP naming.
pub const TEXT_SD2: &str = "cond_stage_model.model.";
/// Where SDXL files keep both text encoders.
pub const TEXT_XL: [&str; 2] = [
    "conditioner.embedders.0.transformer.",
    "conditioner.embedders.1.model.",
];
/// Where the refiner keeps its only one.
const TEXT_REFINER: &str = "conditioner.embedders.0.model.";

/// Which Stable Diffusion generation, by its text encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// OpenAI's CLIP, 768 wide in the published models.
    Sd1,
    /// OpenCLIP, 1024 wide.
    Sd2,
    /// Both a CLIP and a large OpenCLIP.
    Sdxl,
}

impl Family {
    /// The family's usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sd1 => "SD 1",
            Self::Sd2 => "SD 2",
            Self::Sdxl => "SDXL",
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a file of tensors is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// A whole model.
    Model(Family),
    /// A UNet in the original naming without text encoders.
    UNetOnly,
    /// SDXL's second stage.
    Refiner,
    /// Small matrices to be added to a model.
    Lora,
    /// A network beside the UNet.
    ControlNet,
    /// Flux, SD 3 and the like.
    Transformer,
    /// One part of a diffusers folder.
    Part(&'static str),
    /// An autoencoder alone.
    Vae,
    /// Embeddings for words.
    Embedding,
    /// Nothing at all.
    Empty,
    /// Tensors of something else.
    Unknown,
}

/// Tells what the file of `header` is.
pub fn contents(header: &Header) -> Contents {
    let prefix = |p: &str| header.has_prefix(p);
    let any = |part: &str| header.tensors.keys().any(|name| name.contains(part));
    if header.tensors.is_empty() {
        return Contents::Empty;
    }
    if any("lora_down")
        || any("lora_A.")
        || any("lora.down.")
        || any("lora_unet_")
        || any("_lora.down.")
    {
        return Contents::Lora;
    }
    if prefix("control_model.") || any("controlnet_cond_embedding") {
        return Contents::ControlNet;
    }
    if any("double_blocks.") || any("joint_blocks.") || any("transformer_blocks.0.ff_context") {
        return Contents::Transformer;
    }
    if prefix("model.diffusion_model.input_blocks.") {
        return if prefix(TEXT_XL[0]) && prefix(TEXT_XL[1]) {
            Contents::Model(Family::Sdxl)
        } else if prefix(TEXT_REFINER) {
            Contents::Refiner
        } else if prefix(TEXT_SD2) {
            Contents::Model(Family::Sd2)
        } else if prefix(TEXT_SD1) {
            Contents::Model(Family::Sd1)
        } else {
            Contents::UNetOnly
        };
    }
    if prefix("down_blocks.") && prefix("conv_in.") {
        Contents::Part("UNet")
    } else if (prefix("encoder.") || prefix("first_stage_model.encoder."))
        && any("decoder.conv_in.")
    {
        Contents::Vae
    } else if any("text_model.encoder.layers.") || prefix("encoder.layers.") {
        Contents::Part("text encoder")
    } else if is_embedding(header) {
        Contents::Embedding
    } else {
        Contents::Unknown
    }
}

/// One or two small tables as wide as a text encoder.
fn is_embedding(header: &Header) -> bool {
    let few = header.tensors.len() <= 4;
    let flat = |t: &crate::diffusion::weights::TensorEntry| {
        matches!(t.shape.as_slice(), [_] | [1..=128, _]) && t.count() <= 1 << 20
    };
    let named = ["emb_params", "clip_l", "clip_g"];
    let known = header
        .tensors
        .keys()
        .any(|n| named.contains(&n.as_str()) || n.starts_with("string_to_param."));
    few && header.tensors.values().all(flat) && (known || header.tensors.len() == 1)
}

impl Contents {
    /// Why it can't be used as a model, and what to do, for an error that begins with the file's name.
    pub fn complaint(self) -> String {
        match self {
            Self::Model(family) => format!("is a {family} model"),
            Self::UNetOnly => {
                "is a UNet without text encoders; get the whole checkpoint".to_owned()
            }
            Self::Refiner => {
                "is SDXL's refiner, which is not supported; use the base or an inpainting model".to_owned()
            }
            Self::Lora => {
                "is a LoRA, an addition to a model; name it with --lora beside a --model".to_owned()
            }
            Self::ControlNet => "is a ControlNet, an addition to a model, which is not supported".to_owned(),
            Self::Transformer => {
                "is a transformer model (such as Flux or SD 3), which is not supported; use a Stable Diffusion 1, 2 or XL model"
                    .to_owned()
            }
            Self::Part(part) => format!(
                "is only the {part} of a diffusers model; choose the folder above it that holds model_index.json"
            ),
            Self::Vae => {
                "is only the autoencoder of a model; name it with --vae beside a --model".to_owned()
            }
            Self::Embedding => {
                "is a textual inversion, an addition to a model; name it with --embedding beside a --model".to_owned()
            }
            Self::Empty => "is an empty file of tensors; download it again".to_owned(),
            Self::Unknown => "is a file of tensors, but no Stable Diffusion model".to_owned(),
        }
    }
}
