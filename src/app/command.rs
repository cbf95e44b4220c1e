//! Owns the list of everything a person can do, with each command's label, tooltip and shortcut. Sent by the window, the
//! command line and tests; carried out by `App::dispatch` alone.

use std::path::PathBuf;

use super::state::Tool;
use crate::engine::{DeviceChoice, ModelChoice, Precision};
use crate::mask::Mask;
use crate::plan::{Extension, GenerateSettings};
use crate::settings::{Settings, Theme};

/// A key with modifiers. `command` is Ctrl, on macOS Cmd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortcut {
    pub command: bool,
    pub shift: bool,
    /// The key's name: a letter, `Enter`, `Escape`, `[`.
    pub key: &'static str,
}

#[derive(Debug, Clone)]
pub enum Command {
    Open(PathBuf),
    OpenSample,
    Save,
    SaveAs(PathBuf),
    /// Puts the picture, with the result on show, into the clipboard.
    CopyPicture,
    /// Opens the picture in the clipboard.
    PastePicture,

    ChooseTool(Tool),
    SetBrushDiameter(f32),
    SetBrushHardness(f32),
    BrushSmaller,
    BrushLarger,

    /// Canvas coordinates in px.
    BeginStroke {
        x: f32,
        y: f32,
        erase: bool,
    },
    ContinueStroke {
        x: f32,
        y: f32,
    },
    EndStroke,
    ClearMask,
    InvertMask,
    /// By this many px; negative shrinks.
    GrowMask(i32),
    LoadMask(PathBuf),
    SetMask(Box<Mask>),
    MaskFromTransparency,

    /// While a handle is dragged; not a step of history.
    PreviewExtension(Extension),
    /// The handle was let go; `before` is what it was when the drag began.
    CommitExtension {
        before: Extension,
    },
    SetExtension(Extension),

    EditSettings(Box<GenerateSettings>),
    NewSeed,
    ChooseModel(ModelChoice),
    ChooseDevice(DeviceChoice),
    ChoosePrecision(Precision),

    /// Makes this many candidates with consecutive seeds.
    Generate {
        count: u32,
    },
    /// Fills with a new seed.
    Again,
    Cancel,
    ShowCandidate(usize),
    /// Writes the picture as it would be with this result accepted (with `raw`: the model's own picture).
    SaveCandidate {
        index: usize,
        path: PathBuf,
    },
    Accept,
    Discard,

    Undo,
    Redo,
    SetTheme(Theme),
    /// No moving lines.
    SetReducedMotion(bool),
    /// All preferences at once; `KeepSettings` writes them.
    SetPreferences(Box<Settings>),
    /// Writes preferences that change too often to be written each time (the brush).
    KeepSettings,
    DismissNotice(u64),
}

const fn plain(key: &'static str) -> Shortcut {
    Shortcut {
        command: false,
        shift: false,
        key,
    }
}

const fn ctrl(key: &'static str) -> Shortcut {
    Shortcut {
        command: true,
        shift: false,
        key,
    }
}

const fn ctrl_shift(key: &'static str) -> Shortcut {
    Shortcut {
        command: true,
        shift: true,
        key,
    }
}

impl Command {
    /// What a menu or button calls it.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Open(_) => "Open…",
            Self::OpenSample => "Open the sample photo",
            Self::Save => "Save",
            Self::SaveAs(_) => "Save as…",
            Self::CopyPicture => "Copy picture",
            Self::PastePicture => "Paste as new picture",
            Self::ChooseTool(tool) => tool.label(),
            Self::SetBrushDiameter(_) => "Brush size",
            Self::SetBrushHardness(_) => "Brush hardness",
            Self::BrushSmaller => "Smaller brush",
            Self::BrushLarger => "Larger brush",
            Self::BeginStroke { .. } | Self::ContinueStroke { .. } | Self::EndStroke => "Paint",
            Self::ClearMask => "Clear mask",
            Self::InvertMask => "Invert mask",
            Self::GrowMask(px) if *px < 0 => "Shrink mask",
            Self::GrowMask(_) => "Grow mask",
            Self::LoadMask(_) => "Load mask…",
            Self::SetMask(_) => "Set mask",
            Self::MaskFromTransparency => "Mask from transparency",
            Self::PreviewExtension(_) | Self::CommitExtension { .. } | Self::SetExtension(_) => {
                "Extend"
            }
            Self::EditSettings(_) => "Settings",
            Self::NewSeed => "New seed",
            Self::ChooseModel(_) => "Model",
            Self::ChooseDevice(_) => "Device",
            Self::ChoosePrecision(_) => "Precision",
            Self::Generate { .. } => "Generate",
            Self::Again => "Again",
            Self::Cancel => "Cancel",
            Self::ShowCandidate(_) => "Show result",
            Self::SaveCandidate { .. } => "Save result as…",
            Self::Accept => "Accept",
            Self::Discard => "Discard",
            Self::Undo => "Undo",
            Self::Redo => "Redo",
            Self::SetTheme(Theme::System) => "Theme like the system",
            Self::SetTheme(Theme::Light) => "Light theme",
            Self::SetTheme(Theme::Dark) => "Dark theme",
            Self::SetReducedMotion(_) => "Less motion",
            Self::SetPreferences(_) => "Preferences",
            Self::KeepSettings => "Keep settings",
            Self::DismissNotice(_) => "Dismiss",
        }
    }

    /// One sentence for a tooltip.
    pub fn tooltip(&self) -> &'static str {
        match self {
            Self::Open(_) => "Open a photo: JPEG, PNG, WebP, TIFF, BMP, QOI or GIF",
            Self::OpenSample => "Try Inlay on a picture that comes with it",
            Self::Save => "Write the picture back to its file",
            Self::SaveAs(_) => "Write the picture to another file; the ending decides the format",
            Self::CopyPicture => "Put the picture as it is seen now into the clipboard",
            Self::PastePicture => "Open the picture that is in the clipboard",
            Self::ChooseTool(tool) => tool.tooltip(),
            Self::SetBrushDiameter(_) => "Diameter in pixels of the photo ([ and ] change it)",
            Self::SetBrushHardness(_) => "0 is soft to the middle, 1 has a hard edge",
            Self::BrushSmaller => "Make the brush smaller",
            Self::BrushLarger => "Make the brush larger",
            Self::ClearMask => "Unpaint everything",
            Self::InvertMask => "Repaint what was kept and keep what was to be repainted",
            Self::GrowMask(_) => "Move the mask's edge outward or inward",
            Self::LoadMask(_) => "Take the white of a picture of the same size as mask",
            Self::MaskFromTransparency => "Repaint the photo's transparent pixels",
            Self::SetTheme(_) => "How the window looks",
            Self::SetReducedMotion(_) => "No moving lines",
            Self::NewSeed => "Another seed gives another fill",
            Self::ChooseModel(_) => {
                "Exemplar fills from the photo itself; a Stable Diffusion folder also follows your words"
            }
            Self::ChooseDevice(_) => {
                "Where the model computes; auto takes a GPU if a working one is there"
            }
            Self::ChoosePrecision(_) => {
                "f16 is faster on GPUs; f32 gives the same picture everywhere"
            }
            Self::Generate { .. } => "Fill the painted area and any extension",
            Self::Again => "Throw this result away and make another",
            Self::Cancel => "Stop; the picture stays as it is",
            Self::Accept => "Put this result into the picture",
            Self::Discard => "Throw this result away",
            Self::Undo => "Take the last step back",
            Self::Redo => "Do the undone step again",
            _ => "",
        }
    }

    pub fn shortcut(&self) -> Option<Shortcut> {
        match self {
            Self::Open(_) => Some(ctrl("O")),
            Self::Save => Some(ctrl("S")),
            Self::SaveAs(_) => Some(ctrl_shift("S")),
            Self::CopyPicture => Some(ctrl("C")),
            Self::PastePicture => Some(ctrl("V")),
            Self::ChooseTool(Tool::Brush) => Some(plain("B")),
            Self::ChooseTool(Tool::Eraser) => Some(plain("E")),
            Self::ChooseTool(Tool::Pan) => Some(plain("H")),
            Self::BrushSmaller => Some(plain("[")),
            Self::BrushLarger => Some(plain("]")),
            Self::ClearMask => Some(ctrl("D")),
            Self::InvertMask => Some(ctrl_shift("I")),
            Self::Generate { .. } => Some(ctrl("Enter")),
            Self::Again => Some(ctrl("R")),
            Self::Cancel => Some(plain("Escape")),
            Self::Accept => Some(plain("Enter")),
            Self::Discard => Some(plain("Delete")),
            Self::Undo => Some(ctrl("Z")),
            Self::Redo => Some(ctrl_shift("Z")),
            _ => None,
        }
    }
}
