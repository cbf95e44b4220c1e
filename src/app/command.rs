//! Owns the list of everything a person can do, with each command's label, tooltip and shortcut. Sent by the window, the
//! command line and tests; carried out by `App::dispatch` alone.

use std::path::PathBuf;

use super::handlers::{Anchor, Aspect, Shape};
use super::tool::Tool;
use crate::compose::StitchOptions;
use crate::document::FillId;
use crate::engine::{DeviceChoice, ModelChoice, Precision};
use crate::geometry::PixelRect;
use crate::mask::{Combine, Mask};
use crate::plan::{Extension, GenerateSettings};
use crate::select::WandOptions;
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
    /// The ending `inlay` makes it a project file.
    SaveAs(PathBuf),
    SaveProject(PathBuf),
    /// Brings back what a crashed run had open: the one with this place in `App::recoverable`.
    Recover(usize),
    ForgetCrash(usize),
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
        /// 0–1, scales the brush; 1 where the device has none.
        pressure: f32,
    },
    ContinueStroke {
        x: f32,
        y: f32,
        pressure: f32,
    },
    EndStroke,
    /// Takes the stroke back that is being drawn.
    CancelStroke,
    ClearMask,
    InvertMask,
    /// By this many px; negative shrinks.
    GrowMask(i32),
    LoadMask(PathBuf),
    SaveMask(PathBuf),
    SetMask(Box<Mask>),
    FeatherMask(f32),
    FillHoles,
    /// Moves the mask's edge onto the edges in the picture, by at most about this many px.
    RefineMask(f32),

    SetCombine(Combine),
    SetWand(WandOptions),
    SelectShape {
        shape: Shape,
        how: Combine,
    },
    SelectWand {
        x: f32,
        y: f32,
        how: Combine,
    },
    /// A stroke of the object tool, inside or outside of the object.
    BeginObjectStroke {
        x: f32,
        y: f32,
        inside: bool,
        how: Combine,
    },
    ContinueObjectStroke {
        x: f32,
        y: f32,
    },
    /// The object is searched in `visible` (canvas pixels).
    EndObjectStroke {
        visible: PixelRect,
    },
    /// The next stroke marks another object.
    EndObject,
    MaskFromTransparency,
    /// The stroke of the Erase tool is done: what it covers goes at once.
    EraseStroke,
    /// What is marked goes at once, without a result to choose.
    EraseMarked,
    /// Adds the shadow and the halo beside the mask to it.
    CoverShadows,

    /// While a handle is dragged; not a step of history. In canvas pixels; none takes the preview back.
    PreviewFrame(Option<PixelRect>),
    /// The handle was let go: crops where the frame is smaller, waits for a fill where it is larger.
    CommitFrame,
    SetFrame(PixelRect),
    SetExtension(Extension),
    FrameToAspect {
        aspect: Aspect,
        anchor: Anchor,
        /// Cut off instead of adding.
        crop: bool,
    },
    /// The whole picture, nothing beyond it.
    ResetFrame,
    /// How far an extension re-draws the photo beside it, in px.
    SetOverlap(u32),

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
    /// Three more from the seeds that follow the shown result's.
    MoreLikeThis,
    Cancel,
    ShowCandidate(usize),
    /// Writes the picture as it would be with this result accepted (with `raw`: the model's own picture).
    SaveCandidate {
        index: usize,
        path: PathBuf,
    },
    /// Writes a picture of what is changed: by this result, or by the edits.
    SaveHeatMap {
        candidate: Option<usize>,
        path: PathBuf,
    },
    Accept,
    /// Accepts the shown result where the mask is now, and leaves the rest open.
    AcceptPart,
    Discard,
    DiscardAll,
    /// So many results on (negative: back).
    Flip(isize),

    SetFillVisible {
        id: FillId,
        visible: bool,
    },
    /// 0–1; a drag ends with `EndDrag`.
    SetFillOpacity {
        id: FillId,
        opacity: f32,
    },
    EndDrag,
    /// How an edit's edge is stitched; shown while it moves, `EndStitch` makes it a step of history.
    SetFillStitch {
        id: FillId,
        stitch: StitchOptions,
    },
    EndStitch,
    RenameFill {
        id: FillId,
        name: String,
    },
    /// To this place, counted from the bottom.
    MoveFill {
        id: FillId,
        to: usize,
    },
    RemoveFill(FillId),
    /// Makes candidates that would replace this fill.
    RerunFill {
        id: FillId,
        count: u32,
    },
    /// From now on the mask tools change this fill's mask; none: the document's own.
    EditFillMask(Option<FillId>),

    Undo,
    Redo,
    /// To where so many steps of history are done.
    JumpTo(usize),
    SetTheme(Theme),
    /// Saved pictures tell how they were made.
    SetKeepRecipe(bool),
    SetStripMetadata(bool),
    /// Memory that undo may take, in MiB.
    SetHistoryMemory(u32),
    /// No moving lines.
    SetReducedMotion(bool),
    /// All preferences at once; `KeepSettings` writes them.
    SetPreferences(Box<Settings>),
    /// Writes preferences that change too often to be written each time (the brush).
    KeepSettings,
    DismissNotice(u64),
}
