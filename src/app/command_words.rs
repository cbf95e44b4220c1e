//! Owns what menus, tooltips and keys say of each command. The one place that maps commands to shortcuts.

use super::command::{Command, Shortcut};
use super::tool::Tool;
use crate::mask::Combine;
use crate::settings::Theme;

const fn plain(key: &'static str) -> Shortcut {
    Shortcut {
        command: false,
        shift: false,
        key,
    }
}

const fn shift(key: &'static str) -> Shortcut {
    Shortcut {
        command: false,
        shift: true,
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
            Self::SaveProject(_) => "Save project…",
            Self::Recover(_) => "Restore",
            Self::ForgetCrash(_) => "Delete",
            Self::CopyPicture => "Copy picture",
            Self::PastePicture => "Paste as new picture",
            Self::ChooseTool(tool) => tool.label(),
            Self::SetBrushDiameter(_) => "Brush size",
            Self::SetBrushHardness(_) => "Brush hardness",
            Self::BrushSmaller => "Smaller brush",
            Self::BrushLarger => "Larger brush",
            Self::BeginStroke { .. }
            | Self::ContinueStroke { .. }
            | Self::EndStroke
            | Self::CancelStroke => "Paint",
            Self::ClearMask => "Clear mask",
            Self::InvertMask => "Invert mask",
            Self::GrowMask(px) if *px < 0 => "Shrink mask",
            Self::GrowMask(_) => "Grow mask",
            Self::LoadMask(_) => "Load mask…",
            Self::SaveMask(_) => "Save mask…",
            Self::FeatherMask(_) => "Feather mask",
            Self::FillHoles => "Fill holes",
            Self::RefineMask(_) => "Refine edge",
            Self::SetCombine(Combine::Add) => "Add to the mask",
            Self::SetCombine(Combine::Subtract) => "Take from the mask",
            Self::SetCombine(Combine::Intersect) => "Keep what is common",
            Self::SetCombine(Combine::Replace) => "Replace the mask",
            Self::SetWand(_) => "Magic wand settings",
            Self::SelectShape { .. } | Self::SelectWand { .. } => "Select",
            Self::BeginObjectStroke { .. }
            | Self::ContinueObjectStroke { .. }
            | Self::EndObjectStroke { .. } => "Object select",
            Self::EndObject => "Next object",
            Self::SetMask(_) => "Set mask",
            Self::MaskFromTransparency => "Mask from transparency",
            Self::EraseStroke => "Erase",
            Self::EraseMarked => "Erase what is marked",
            Self::CoverShadows => "Add shadow and halo",
            Self::SaveHeatMap { .. } => "Save heat map of changes…",
            Self::SetFillStitch { .. } | Self::EndStitch => "Edge",
            Self::PreviewFrame(_)
            | Self::CommitFrame
            | Self::SetFrame(_)
            | Self::SetExtension(_) => "Extend",
            Self::FrameToAspect { aspect, .. } => aspect.label(),
            Self::ResetFrame => "Reset crop and extension",
            Self::SetOverlap(_) => "Overlap",
            Self::EditSettings(_) => "Settings",
            Self::NewSeed => "New seed",
            Self::ChooseModel(_) => "Model",
            Self::ChooseDevice(_) => "Device",
            Self::ChoosePrecision(_) => "Precision",
            Self::Generate { .. } => "Generate",
            Self::Again => "Again",
            Self::MoreLikeThis => "More like this",
            Self::Cancel => "Cancel",
            Self::ShowCandidate(_) => "Show result",
            Self::SaveCandidate { .. } => "Save result as…",
            Self::Accept => "Accept",
            Self::AcceptPart => "Accept this part",
            Self::Discard => "Discard",
            Self::DiscardAll => "Discard all",
            Self::Flip(by) if *by < 0 => "Previous result",
            Self::Flip(_) => "Next result",
            Self::SetFillVisible { visible: true, .. } => "Show fill",
            Self::SetFillVisible { .. } => "Hide fill",
            Self::SetFillOpacity { .. } | Self::EndDrag => "Opacity",
            Self::RenameFill { .. } => "Rename",
            Self::MoveFill { .. } => "Move",
            Self::RemoveFill(_) => "Remove",
            Self::RerunFill { .. } => "Make again",
            Self::EditFillMask(Some(_)) => "Edit mask",
            Self::EditFillMask(None) => "Done editing the mask",
            Self::JumpTo(_) => "Go to this step",
            Self::Undo => "Undo",
            Self::Redo => "Redo",
            Self::SetKeepRecipe(_) => "Write the recipe into saved pictures",
            Self::SetStripMetadata(_) => "Remove all metadata when saving",
            Self::SetHistoryMemory(_) => "Memory for undo",
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
            Self::Open(_) => "Open a photo (JPEG, PNG, WebP, TIFF, BMP, QOI or GIF) or a project",
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
            Self::EraseStroke | Self::EraseMarked => {
                "Gone at once, filled from its surroundings; needs no model"
            }
            Self::CoverShadows => {
                "Marks the shadow and the glow beside what is marked, too: without them a thing that is gone still shows"
            }
            Self::SaveHeatMap { .. } => "Write a picture that shows every changed pixel in colour",
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
            Self::Again => "Make another with a new seed",
            Self::MoreLikeThis => "Make three more from the seeds beside this one's",
            Self::AcceptPart => {
                "Keep this result where the mask is now, and choose another for the rest"
            }
            Self::DiscardAll => "Throw all results away",
            Self::Flip(_) => "Look at the other results in place",
            Self::SaveCandidate { .. } => "Write this result to a file without accepting it",
            Self::SaveProject(_) => {
                "Keep the photo with all edits, so that they can be changed later (.inlay)"
            }
            Self::SaveMask(_) => "Write the mask as a grey PNG",
            Self::FeatherMask(_) => "Soften the mask's edge",
            Self::FillHoles => "Mark what the mask encloses",
            Self::RefineMask(_) => "Move a rough edge onto the edges in the photo",
            Self::SetCombine(Combine::Add) => "Selections add to the mask (Shift)",
            Self::SetCombine(Combine::Subtract) => "Selections take away from the mask (Alt)",
            Self::SetCombine(Combine::Intersect) => {
                "Selections keep what they and the mask have in common (Shift+Alt)"
            }
            Self::SetCombine(Combine::Replace) => "Selections replace the mask",
            Self::EndObject => "The next stroke marks another object",
            Self::ResetFrame => "The whole picture, without crop or new canvas",
            Self::SetOverlap(_) => {
                "How far the fill re-draws the photo beside new canvas; 0 leaves every pixel of it"
            }
            Self::RerunFill { .. } => {
                "Fill the same place again with the model, words and seed chosen now"
            }
            Self::EditFillMask(Some(_)) => "The mask tools change where this edit shows",
            Self::RemoveFill(_) => "Take this edit out of the picture",
            Self::SetFillStitch { .. } | Self::EndStitch => {
                "How the edit meets the photo; the model does not run again"
            }
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
            Self::ChooseTool(Tool::Rectangle) => Some(plain("R")),
            Self::ChooseTool(Tool::Ellipse) => Some(plain("O")),
            Self::ChooseTool(Tool::Lasso) => Some(plain("L")),
            Self::ChooseTool(Tool::Polygon) => Some(plain("P")),
            Self::ChooseTool(Tool::Wand) => Some(plain("W")),
            Self::ChooseTool(Tool::Object) => Some(plain("Q")),
            Self::ChooseTool(Tool::Pan) => Some(plain("H")),
            Self::ChooseTool(Tool::Erase) => Some(plain("J")),
            Self::EraseMarked => Some(ctrl("E")),
            Self::SaveProject(_) => Some(ctrl_shift("E")),
            Self::RefineMask(_) => Some(ctrl_shift("R")),
            Self::AcceptPart => Some(shift("Enter")),
            Self::DiscardAll => Some(shift("Delete")),
            Self::Flip(by) if *by < 0 => Some(plain("ArrowLeft")),
            Self::Flip(_) => Some(plain("ArrowRight")),
            Self::MoreLikeThis => Some(ctrl_shift("M")),
            Self::EndObject => Some(plain("N")),
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
