//! Owns the shape of the command line. A contract: scripts and checks use it.

use std::path::PathBuf;

use clap::{ArgAction, Args as ClapArgs, Parser, ValueEnum};

use crate::compose::StitchOptions;
use crate::engine::{DeviceChoice, ModelChoice, Precision};
use crate::plan::{LoraChoice, MAX_OVERLAP_PX, Task};
use crate::quality::{KINDS, Kind};

/// Fill, extend and restore photographs with a diffusion model on your own machine.
#[derive(Debug, Parser)]
#[command(name = "inlay", version, args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Photo to open in the window; without one the sample opens
    pub photo: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Option<Subcommand>,
}

#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Repaint the masked part of a photo
    Fill(FillArgs),
    /// Remove the masked part of a photo at once; needs no model
    Erase(EraseArgs),
    /// Grow the canvas of a photo and paint what is new
    Extend(ExtendArgs),
    /// List the devices a model can run on, and why one is chosen
    Devices(DevicesArgs),
    /// Say what a model folder or file is
    Inspect(InspectArgs),
    /// List, add and check the models on this computer
    Models(ModelsArgs),
    /// Measure how fast this machine is
    Bench(BenchArgs),
    /// Look for devices in this process (used by Inlay itself)
    #[command(hide = true)]
    ProbeDevices,
}

#[derive(Debug, ClapArgs)]
pub struct FillArgs {
    /// A photo, or an .inlay project (its picture as it is, with all visible fills)
    pub photo: PathBuf,
    /// Picture of the photo's size; its white is repainted. Left out: the mask of the project, else the transparent
    /// pixels
    #[arg(long)]
    pub mask: Option<PathBuf>,
    #[command(flatten)]
    pub options: Options,
}

#[derive(Debug, ClapArgs)]
pub struct ExtendArgs {
    /// A photo, or an .inlay project (its picture as it is, with all visible fills)
    pub photo: PathBuf,
    /// Pixels to add on the left
    #[arg(long, default_value_t = 0)]
    pub left: u32,
    /// Pixels to add at the top
    #[arg(long, default_value_t = 0)]
    pub top: u32,
    /// Pixels to add on the right
    #[arg(long, default_value_t = 0)]
    pub right: u32,
    /// Pixels to add at the bottom
    #[arg(long, default_value_t = 0)]
    pub bottom: u32,
    /// Re-draw this many px of the photo beside the new canvas too, so that both join, 0 to 256
    #[arg(long, value_name = "PX", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_OVERLAP_PX)))]
    pub overlap: u32,
    #[command(flatten)]
    pub options: Options,
}

#[derive(Debug, ClapArgs)]
pub struct EraseArgs {
    /// A photo, or an .inlay project (its picture as it is, with all visible fills)
    pub photo: PathBuf,
    /// Picture of the photo's size; what is white goes. Left out: the mask of the project, else the transparent pixels
    #[arg(long)]
    pub mask: Option<PathBuf>,
    /// Take the shadow and the halo beside the mask too
    #[arg(long)]
    pub shadows: bool,
    #[command(flatten)]
    pub files: FileOptions,
    #[command(flatten)]
    pub stitch: StitchArgs,
}

/// What is written, and how.
#[derive(Debug, Default, ClapArgs)]
pub struct FileOptions {
    /// File to write; its ending decides the format. Left out: NAME-filled, -erased or -extended beside the photo
    #[arg(short, long)]
    pub output: Option<PathBuf>,
    /// JPEG quality, 1 to 100
    #[arg(long, default_value_t = 95, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: u8,
    /// Leave the recipe (prompt, seed, model, settings) out of the files; PNG, JPEG and WebP carry it otherwise
    #[arg(long)]
    pub no_recipe: bool,
    /// Write no metadata at all but the colour profile: no camera, date, place or recipe
    #[arg(long)]
    pub strip_metadata: bool,
    /// Write plan, seed, device, times and hashes of the untouched pixels before and after as JSON
    #[arg(long)]
    pub report: Option<PathBuf>,
    /// Write a picture that shows every changed pixel in colour, from blue (one step) to red
    #[arg(long, value_name = "FILE")]
    pub heat_map: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(long, action = ArgAction::SetTrue)]
    pub quiet: bool,
}

/// How a result is put back. What is left out is matched to the photo.
#[derive(Debug, Default, Clone, Copy, ClapArgs)]
pub struct StitchArgs {
    /// Soften the result's edge inward over this many px, 0 to 64
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    pub feather: Option<f32>,
    /// Strength of the local colour match, 0 to 1
    #[arg(long, allow_negative_numbers = true)]
    pub color_match: Option<f32>,
    /// Strength of the correction along the seam, 0 to 1
    #[arg(long, allow_negative_numbers = true)]
    pub seam: Option<f32>,
    /// Share of the missing grain to add, 0 to 2
    #[arg(long, allow_negative_numbers = true)]
    pub grain: Option<f32>,
    /// Share of the missing sharpness to restore, 0 to 2
    #[arg(long, allow_negative_numbers = true)]
    pub sharpness: Option<f32>,
}

impl StitchArgs {
    /// Or what is wrong with them.
    pub fn options(self) -> Result<StitchOptions, String> {
        let normal = StitchOptions::default();
        let within = |name: &str, value: Option<f32>, most: f32, normal: f32| match value {
            None => Ok(normal),
            Some(value) if (0.0..=most).contains(&value) => Ok(value),
            Some(value) => Err(format!(
                "--{name} must be between 0 and {most}, not {value}"
            )),
        };
        Ok(StitchOptions {
            blend_px: None,
            feather: within("feather", self.feather, 64.0, normal.feather)?,
            color_match: within("color-match", self.color_match, 1.0, normal.color_match)?,
            seam: within("seam", self.seam, 1.0, normal.seam)?,
            grain: within("grain", self.grain, 2.0, normal.grain)?,
            sharpness: within("sharpness", self.sharpness, 2.0, normal.sharpness)?,
        })
    }
}

/// Options of fill and extend.
#[derive(Debug, ClapArgs)]
pub struct Options {
    #[command(flatten)]
    pub files: FileOptions,
    #[command(flatten)]
    pub stitch: StitchArgs,
    /// What should be there, in words (needs a checkpoint)
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    pub prompt: String,
    /// What should not be there
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    pub negative: String,
    /// Same seed, same picture. Left out: a new one each time
    #[arg(long)]
    pub seed: Option<u64>,
    /// Denoising steps: 1 to the model's number of training timesteps
    #[arg(long)]
    pub steps: Option<u32>,
    /// Classifier-free guidance weight; 1 and less switch it off
    #[arg(long, allow_negative_numbers = true)]
    pub guidance: Option<f64>,
    /// Share of the noise schedule that runs, above 0 and at most 1
    #[arg(long, allow_negative_numbers = true)]
    pub strength: Option<f64>,
    /// ddim, ddim-trailing, pndm, euler, euler-trailing, euler-a, euler-karras, heun, dpm++2m, dpm++2m-karras, dpm++2m-sde,
    /// dpm++2m-sde-karras, unipc, lcm or tcd. Left out: the checkpoint's own
    #[arg(long)]
    pub scheduler: Option<String>,
    /// What is to happen under the mask. Left out: remove without a prompt, fill with one, modify with a strength below 1
    #[arg(long, value_enum)]
    pub task: Option<TaskArg>,
    /// `exemplar` (fills from the photo itself), a Stable Diffusion file (.safetensors, .ckpt) or a folder in diffusers layout
    #[arg(long, default_value = "exemplar", value_parser = model_choice)]
    pub model: ModelChoice,
    /// A LoRA's file, with its weight behind a colon (FILE:0.7); may be given several times. A prompt names those in the models
    /// folders, as <lora:name:0.7>
    #[arg(long = "lora", value_name = "FILE[:WEIGHT]", value_parser = lora_choice)]
    pub loras: Vec<LoraChoice>,
    /// A textual inversion's file; the prompt calls it by the file's name without the ending. May be given several times
    #[arg(long = "embedding", value_name = "FILE")]
    pub embeddings: Vec<PathBuf>,
    /// An autoencoder to use instead of the checkpoint's own: a file or a folder
    #[arg(long)]
    pub vae: Option<PathBuf>,
    /// Take a grey mask as how soon each pixel is repainted (white from the first step on, black never), not as white or black
    #[arg(long)]
    pub soft_mask: bool,
    #[arg(long, value_enum, default_value_t = DeviceArg::Auto)]
    pub device: DeviceArg,
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto)]
    pub precision: PrecisionArg,
    /// MiB that the checkpoint may take at most, weights and what it computes with; Inlay and the photo come on top. Left out: what is
    /// free
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub memory_limit: Option<u64>,
    /// Results to make, with consecutive seeds; the output's name gets -1, -2, …
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub count: u32,
    /// Seam width outside the mask in px, 0 to 48. Left out: from the mask's size
    #[arg(long)]
    pub blend: Option<u32>,
    /// Leave large fills as drafted at the model's native size, instead of repainting them in tiles at higher resolution
    #[arg(long)]
    pub no_refine: bool,
    /// Show the model the whole photo at its own size
    #[arg(long)]
    pub whole: bool,
    /// Write the model's own picture of the crop, not stitched into the photo
    #[arg(long)]
    pub raw: bool,
}

impl Options {
    /// What `erase` runs with.
    pub fn erase(files: FileOptions, stitch: StitchArgs) -> Self {
        Self {
            files,
            stitch,
            prompt: String::new(),
            negative: String::new(),
            seed: Some(0),
            steps: None,
            guidance: None,
            strength: None,
            scheduler: None,
            task: None,
            model: ModelChoice::Erase,
            loras: Vec::new(),
            embeddings: Vec::new(),
            vae: None,
            soft_mask: false,
            device: DeviceArg::Auto,
            precision: PrecisionArg::Auto,
            memory_limit: None,
            count: 1,
            blend: None,
            no_refine: false,
            whole: false,
            raw: false,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub struct DevicesArgs {
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
pub struct InspectArgs {
    /// A model folder or checkpoint file
    pub model: PathBuf,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
pub struct ModelsArgs {
    #[command(subcommand)]
    pub what: ModelsCommand,
}

#[derive(Debug, clap::Subcommand)]
pub enum ModelsCommand {
    /// List what lies in the models folder, in other programs' folders and in the Hugging Face cache
    List(ModelsListArgs),
    /// Add a model, a LoRA or a folder of them, in place or as a copy
    Add(ModelsAddArgs),
    /// Read every byte of a model and say whether its files are whole
    Verify(ModelsVerifyArgs),
}

#[derive(Debug, ClapArgs)]
pub struct ModelsListArgs {
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
pub struct ModelsAddArgs {
    /// A file, a model's folder or a folder that holds several
    pub path: PathBuf,
    /// Copy it into the models folder instead of opening it where it is
    #[arg(long)]
    pub copy: bool,
}

#[derive(Debug, ClapArgs)]
pub struct ModelsVerifyArgs {
    /// A model's file or folder, or its name in the list
    pub model: PathBuf,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub kind: BenchKind,
}

#[derive(Debug, clap::Subcommand)]
pub enum BenchKind {
    /// Time a checkpoint's text encoder, UNet and VAE
    Engine(EngineBenchArgs),
    /// Time opening, panning, painting and undo on photos of 24 and 100 megapixels, and what they cost in memory
    Canvas(CanvasBenchArgs),
    /// Cut known holes into photos, fill them back, and score every method's fill against the truth
    Quality(QualityBenchArgs),
}

#[derive(Debug, ClapArgs)]
pub struct QualityBenchArgs {
    /// Photos to cut holes into
    #[arg(required = true)]
    pub photos: Vec<PathBuf>,
    /// A model to score beside Erase and exemplar: a Stable Diffusion folder
    #[arg(long, value_parser = model_choice)]
    pub model: Option<ModelChoice>,
    /// Denoising steps of that model
    #[arg(long)]
    pub steps: Option<u32>,
    /// A Python 3 that has OpenCV, to score Telea's and the Navier-Stokes method too
    #[arg(long, value_name = "FILE")]
    pub python: Option<PathBuf>,
    /// Holes of each kind a photo
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub each: u32,
    /// Other seeds are other holes and other fills
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Only these kinds of holes: object, band, scratches, border, text
    #[arg(long, value_delimiter = ',', value_parser = hole_kind)]
    pub kinds: Vec<Kind>,
    #[command(flatten)]
    pub stitch: StitchArgs,
    /// Write truth, hole and fills side by side into this folder, a JPEG a hole
    #[arg(long, value_name = "DIR")]
    pub sheets: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = DeviceArg::Auto)]
    pub device: DeviceArg,
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto)]
    pub precision: PrecisionArg,
    /// Print every score as JSON instead of the table of medians
    #[arg(long)]
    pub json: bool,
    /// Say nothing while it runs
    #[arg(long, action = ArgAction::SetTrue)]
    pub quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub struct CanvasBenchArgs {
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
pub struct EngineBenchArgs {
    /// A Stable Diffusion file or a folder in diffusers layout
    #[arg(long)]
    pub model: PathBuf,
    #[arg(long, value_enum, default_value_t = DeviceArg::Auto)]
    pub device: DeviceArg,
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto)]
    pub precision: PrecisionArg,
    /// WIDTHxHEIGHT in px. Left out: the model's native size
    #[arg(long)]
    pub size: Option<String>,
    /// Timed runs of each network after one that is not counted; the median is printed
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub runs: u32,
    #[arg(long)]
    pub json: bool,
}

fn hole_kind(text: &str) -> Result<Kind, String> {
    let found = KINDS.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
        format!("there are holes of the kinds {}", names.join(", "))
    })
}

/// `FILE` or `FILE:0.7`. What is behind the last colon counts only if it is a number, so that names with colons stay whole.
fn lora_choice(text: &str) -> Result<LoraChoice, String> {
    let split = text.rsplit_once(':').and_then(|(file, weight)| {
        let weight = weight.parse::<f32>().ok().filter(|w| w.is_finite())?;
        Some((file, weight))
    });
    let (file, weight) = split.unwrap_or((text, 1.0));
    if file.is_empty() {
        return Err("name a LoRA's file, such as detail.safetensors:0.7".to_owned());
    }
    Ok(LoraChoice {
        file: PathBuf::from(file),
        weight,
    })
}

fn model_choice(text: &str) -> Result<ModelChoice, String> {
    match text {
        "" => Err("name a model folder, or exemplar".to_owned()),
        "exemplar" => Ok(ModelChoice::Exemplar),
        "erase" => Ok(ModelChoice::Erase),
        folder => Ok(ModelChoice::Folder(PathBuf::from(folder))),
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DeviceArg {
    Auto,
    Cpu,
    Gpu,
    Vulkan,
    Metal,
    Dx12,
}

impl From<DeviceArg> for DeviceChoice {
    fn from(arg: DeviceArg) -> Self {
        match arg {
            DeviceArg::Auto => Self::Auto,
            DeviceArg::Cpu => Self::Cpu,
            DeviceArg::Gpu => Self::Gpu,
            DeviceArg::Vulkan => Self::Vulkan,
            DeviceArg::Metal => Self::Metal,
            DeviceArg::Dx12 => Self::Dx12,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum TaskArg {
    /// What is there goes; the surroundings close over it
    Remove,
    /// Something that belongs to the surroundings
    Fill,
    /// Something new, from nothing
    Add,
    /// What is there is changed, not replaced
    Modify,
}

impl From<TaskArg> for Task {
    fn from(arg: TaskArg) -> Self {
        match arg {
            TaskArg::Remove => Self::Remove,
            TaskArg::Fill => Self::Fill,
            TaskArg::Add => Self::Add,
            TaskArg::Modify => Self::Modify,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PrecisionArg {
    Auto,
    F32,
    F16,
}

impl From<PrecisionArg> for Precision {
    fn from(arg: PrecisionArg) -> Self {
        match arg {
            PrecisionArg::Auto => Self::Auto,
            PrecisionArg::F32 => Self::F32,
            PrecisionArg::F16 => Self::F16,
        }
    }
}
