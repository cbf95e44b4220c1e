//! Owns every word the window says that does not belong to a command (those are in `app::Command`), in one place, so that
//! it can be translated. Used by the rest of the window; must never decide anything.

mod edges;
mod editing;
mod models;

use std::time::Duration;

use super::commands::ViewCommand;
use crate::app::Command;
use crate::geometry::PixelSize;

pub use edges::*;
pub use editing::*;
pub use models::*;

pub const APP_NAME: &str = "Inlay";

// --- menus ---------------------------------------------------------------------------------------------------------------
pub const MENU_ALL: &str = "Menu";
pub const MENU_FILE: &str = "File";
pub const MENU_EDIT: &str = "Edit";
pub const MENU_MASK: &str = "Mask";
pub const MENU_VIEW: &str = "View";
pub const MENU_TOOLS: &str = "Tools";
pub const MENU_HELP: &str = "Help";
pub const MENU_RECENT: &str = "Open recent";
pub const MENU_RECENT_EMPTY: &str = "Nothing opened yet";
pub const SHOW_MASK: &str = "Show mask";
pub const FIT: &str = "Fit in window";
pub const ACTUAL_SIZE: &str = "Actual size";
pub const ZOOM_IN: &str = "Zoom in";
pub const ZOOM_OUT: &str = "Zoom out";
pub const GROW_BY: [(i32, &str); 2] = [(4, "Grow by 4 px"), (16, "Grow by 16 px")];
pub const SHRINK_BY: [(i32, &str); 2] = [(-4, "Shrink by 4 px"), (-16, "Shrink by 16 px")];
pub const FEATHER_BY: [(f32, &str); 3] = [
    (2.0, "Feather by 2 px"),
    (8.0, "Feather by 8 px"),
    (24.0, "Feather by 24 px"),
];
pub const TO_LIGHT: &str = "Switch to the light theme";
pub const TO_DARK: &str = "Switch to the dark theme";

pub fn undo(what: Option<&str>) -> String {
    what.map_or_else(|| "Undo".to_owned(), |what| format!("Undo {what}"))
}

pub fn redo(what: Option<&str>) -> String {
    what.map_or_else(|| "Redo".to_owned(), |what| format!("Redo {what}"))
}

pub fn view_label(view: ViewCommand) -> &'static str {
    match view {
        ViewCommand::Fit => FIT,
        ViewCommand::ActualSize => ACTUAL_SIZE,
        ViewCommand::ZoomIn => ZOOM_IN,
        ViewCommand::ZoomOut => ZOOM_OUT,
        ViewCommand::ShowMask => SHOW_MASK,
        ViewCommand::Split => "Split before and after",
        ViewCommand::ModelView => "What the model sees",
        ViewCommand::ModelMasks => "Both masks of the model",
        ViewCommand::HeatMap => "Heat map of changes",
        ViewCommand::CommandPalette => "Find a command…",
        ViewCommand::CheatSheet => "Keyboard shortcuts",
        ViewCommand::Models => "Models…",
        ViewCommand::Preferences => "Preferences…",
        ViewCommand::Quit => "Quit",
    }
}

pub fn view_tip(view: ViewCommand) -> &'static str {
    match view {
        ViewCommand::Fit => "See the whole picture",
        ViewCommand::ActualSize => "One pixel of the photo on one of the screen",
        ViewCommand::ZoomIn | ViewCommand::ZoomOut | ViewCommand::Quit => "",
        ViewCommand::ShowMask => "Show or hide what is painted",
        ViewCommand::Split => {
            "A line to drag: the photo as it was on its left, the result on its right"
        }
        ViewCommand::ModelView => {
            "Outline the parts of the photo that the model is shown, and at which size"
        }
        ViewCommand::ModelMasks => {
            "Colour what the model repaints, and what of it goes into the photo"
        }
        ViewCommand::HeatMap => {
            "Colour every changed pixel: blue is one step, red is all of the range"
        }
        ViewCommand::CommandPalette => "Find anything Inlay can do by its name",
        ViewCommand::CheatSheet => "All keys on one page",
        ViewCommand::Models => "Every model on this machine, and what can be added to one",
        ViewCommand::Preferences => "Look, mask colour, memory",
    }
}

// --- finding commands, all keys ----------------------------------------------------------------------------------------------
pub const FINDER_NAME: &str = "Find a command";
pub const FINDER_HINT: &str = "What do you want to do?";
pub const FINDER_NOTHING: &str = "Nothing by that name";
pub const CHEAT_TITLE: &str = "Keyboard shortcuts";
pub const CHEAT_POINTER: &str = "Pointer and held keys";
pub const CLOSE: &str = "Close";
/// What hands do that no command does.
pub const POINTER_KEYS: [(&str, &str); 9] = [
    ("Take from the mask", "Right button, Alt+drag"),
    ("Straight stroke from the last one", "Shift+click"),
    ("Move the view", "Space+drag, middle button"),
    ("Zoom", "Wheel, Ctrl+scroll, pinch"),
    ("Move the view with two fingers", "Scroll"),
    ("Move the view sideways", "Shift+wheel"),
    ("See the photo as it was", "Hold \\"),
    ("Move the split line", "Arrow keys when it has the focus"),
    ("Next control, previous control", "Tab, Shift+Tab"),
];

// --- title and status ----------------------------------------------------------------------------------------------------
pub const SAMPLE_NAME: &str = "Sample photo";
pub const UNSAVED: &str = "Not saved yet";
pub const SAVING: &str = "Saving…";
pub const NO_PHOTO: &str = "No photo open";
pub const POSITION: &str = "Position";
pub const ZOOM: &str = "Zoom";

pub fn window_title(name: &str, is_modified: bool) -> String {
    let mark = if is_modified { "• " } else { "" };
    format!("{mark}{name} — {APP_NAME}")
}

pub fn size(size: PixelSize) -> String {
    format!("{size} px")
}

pub fn extended_size(from: PixelSize, to: PixelSize) -> String {
    format!("{from} becomes {to} px")
}

pub fn depth(bits: u8, is_gray: bool, has_alpha: bool, has_profile: bool) -> String {
    let color = match (is_gray, has_alpha) {
        (true, false) => "grey",
        (true, true) => "grey with transparency",
        (false, false) => "RGB",
        (false, true) => "RGB with transparency",
    };
    let profile = if has_profile {
        "own colour profile"
    } else {
        "sRGB"
    };
    format!("{bits}-bit {color} · {profile}")
}

pub fn position(x: i32, y: i32) -> String {
    format!("{x}, {y}")
}

pub fn percent(scale: f32) -> String {
    let value = scale * 100.0;
    if value < 9.95 {
        format!("{value:.1} %")
    } else {
        format!("{value:.0} %")
    }
}

// --- tools ---------------------------------------------------------------------------------------------------------------
pub const BRUSH_SIZE: &str = "Size";
pub const BRUSH_HARDNESS: &str = "Hardness";
pub const BRUSH_SIZE_VALUE: &str = "Brush size in pixels";
pub const BRUSH_HARDNESS_VALUE: &str = "Brush hardness in percent";
pub const MASK: &str = "Mask";
pub const CANVAS: &str = "Canvas";

// --- the panel at the right -----------------------------------------------------------------------------------------------
pub const SECTION_MODEL: &str = "Model";
pub const SECTION_PROMPT: &str = "Prompt";
pub const SECTION_EXTEND: &str = "Extend";
pub const SECTION_SETTINGS: &str = "Settings";
pub const EXEMPLAR: &str = "Exemplar";
pub const EXEMPLAR_LINE: &str = "Built in · no download";
pub const CHOOSE_MODEL: &str = "Choose a model…";
pub const RECENT_MODELS: &str = "Recent";
pub const MODEL_READING: &str = "Reading the model…";
pub const PROMPT_HINT: &str = "What should be there? Leave empty to remove what is under the mask.";
pub const PROMPT_NAME: &str = "Prompt";
pub const NEGATIVE_PROMPT: &str = "Negative prompt";
pub const NEGATIVE_HINT: &str = "What should not appear";
pub const NO_WORDS_TITLE: &str = "Fills from the photo’s own surroundings";
pub const NO_WORDS: &str =
    "Exemplar reads no words. To say what should appear, choose a Stable Diffusion model.";
pub const SEED: &str = "Seed";
pub const STEPS: &str = "Steps";
pub const GUIDANCE: &str = "Guidance";
pub const STRENGTH: &str = "Strength";
pub const SAMPLER: &str = "Sampler";
pub const SAMPLER_OWN: &str = "The model’s own";
pub const VARIATIONS: &str = "Variations";
pub const DEVICE: &str = "Device";
pub const PRECISION: &str = "Precision";
pub const AUTO: &str = "auto";
pub const BACK_TO_AUTO: &str = "Back to automatic";
pub const SEED_TIP: &str = "The same seed with the same settings gives the same picture";
pub const STEPS_TIP: &str = "More steps take longer and refine more";
pub const GUIDANCE_TIP: &str = "How closely the prompt is followed";
pub const STRENGTH_TIP: &str = "How much of what is there now is replaced; 1 replaces all of it";
pub const SAMPLER_TIP: &str = "How noise becomes a picture";
pub const VARIATIONS_TIP: &str = "So many results from neighbouring seeds, to choose from";
pub const NOT_FOR_EXEMPLAR: &str = "Exemplar does not use this; Stable Diffusion models do";
pub const EXEMPLAR_ON_CPU: &str =
    "Exemplar always computes on the CPU; Stable Diffusion models use this";
pub const LEFT: &str = "Left";
pub const RIGHT: &str = "Right";
pub const TOP: &str = "Top";
pub const BOTTOM: &str = "Bottom";
pub const WIDTH: &str = "Width";
pub const HEIGHT: &str = "Height";
pub const RESET_EXTENSION: &str = "Reset";
pub const EXTEND_HELP: &str = "Drag the handles at the photo’s edges, or type pixels here.";

pub const EXTEND_BUSY: &str = "The canvas can change again when the fill is done.";
pub const EXTEND_WAIT: &str = "Accept or discard the result first; then the canvas can change.";

pub fn extend_value(side: &str) -> String {
    format!("Extend {} in pixels", side.to_lowercase())
}

pub fn frame_value(side: &str) -> String {
    format!("{side} of the canvas in pixels")
}

pub const EDGE_LEFT: &str = "Left edge";
pub const EDGE_RIGHT: &str = "Right edge";
pub const EDGE_TOP: &str = "Top edge";
pub const EDGE_BOTTOM: &str = "Bottom edge";
pub const CORNER_TOP_LEFT: &str = "Top left corner";
pub const CORNER_TOP_RIGHT: &str = "Top right corner";
pub const CORNER_BOTTOM_LEFT: &str = "Bottom left corner";
pub const CORNER_BOTTOM_RIGHT: &str = "Bottom right corner";
pub const HANDLE_TIP: &str =
    "Drag outward to extend, inward to crop (Shift keeps the proportions at corners)";

pub fn added(px: u32) -> String {
    format!("+{px} px")
}

pub fn model_name(name: &str) -> String {
    format!("Model: {name}")
}

pub fn native(size: PixelSize) -> String {
    format!("Stable Diffusion · {size} px")
}

pub fn device(name: &str) -> &'static str {
    match name {
        "auto" => "Automatic",
        "cpu" => "CPU",
        "gpu" => "GPU",
        "vulkan" => "Vulkan",
        "metal" => "Metal",
        "dx12" => "DirectX 12",
        _ => "Unknown",
    }
}

pub const PRECISION_AUTO: &str = "Automatic";
pub const PRECISION_F32: &str = "f32 · same everywhere";
pub const PRECISION_F16: &str = "f16 · faster on GPUs";

// --- generating -----------------------------------------------------------------------------------------------------------
pub const WHY_NO_PHOTO: &str = "Open a photo first";
pub const WHY_NOTHING: &str = "Paint over something, or drag an edge";
pub const WHY_OPENING: &str = "The photo is being opened";
pub const WHY_SAVING: &str = "The picture is being saved";
pub const WHY_SAVED: &str = "Everything is saved";
pub const WHY_NO_MASK: &str = "Nothing is painted";
pub const WHY_OPAQUE: &str = "The photo has no transparency";
pub const WHY_BUSY: &str = "Eight fills are in the queue; let one finish first";
pub const WHY_IDLE: &str = "No fill is being made";
pub const WHY_NO_RESULT: &str = "There is no result yet";
pub const WHY_NO_UNDO: &str = "Nothing to undo";
pub const WHY_NO_REDO: &str = "Nothing to redo";
pub const READY_MASK: &str = "Fills the painted area";
pub const READY_EXTEND: &str = "Fills the new edges";
pub const READY_BOTH: &str = "Fills the painted area and the new edges";
pub const CANCELLING: &str = "Stopping…";
pub const PROGRESS: &str = "Progress";

pub fn stage(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

pub fn share(fraction: f32) -> String {
    format!("{:.0} %", fraction * 100.0)
}

pub fn step(done: usize, total: usize) -> String {
    format!("step {done} of {total}")
}

pub fn crop(crop: usize, crops: usize) -> String {
    format!("part {crop} of {crops}")
}

pub fn remaining(time: Duration) -> String {
    let seconds = time.as_secs_f32().ceil() as u64;
    match seconds {
        0..=1 => "about a second left".to_owned(),
        2..=90 => format!("about {seconds} s left"),
        _ => format!("about {} min left", seconds.div_ceil(60)),
    }
}

// --- candidates -----------------------------------------------------------------------------------------------------------
pub const COMPARE: &str = "Compare";
pub const COMPARE_TIP: &str = "Hold to see the photo as it was (also: hold \\)";
pub const PREVIOUS: &str = "Previous result";
pub const NEXT: &str = "Next result";
pub const RESULT_BAR: &str = "Result";
pub const BEFORE: &str = "Before";
pub const AFTER: &str = "After";
pub const SPLIT_LINE: &str = "Split line";
pub const OFFER_UNDO: &str = "Undo";
pub const ACCEPTED: &str = "The result is in the picture";
pub const MASK_CLEARED: &str = "The mask is cleared";
pub const MASK_INVERTED: &str = "The mask is inverted";

/// What to say, with an offer to undo, after a command that changed much at once.
pub fn done(command: &Command) -> Option<&'static str> {
    match command {
        Command::Accept => Some(ACCEPTED),
        Command::ClearMask => Some(MASK_CLEARED),
        Command::InvertMask => Some(MASK_INVERTED),
        _ => None,
    }
}

pub fn result_of(index: usize, count: usize) -> String {
    format!("{} / {count}", index + 1)
}

pub fn seed(seed: u64) -> String {
    format!("seed {seed}")
}

// --- hints and empty states ------------------------------------------------------------------------------------------------
pub const HINT_NAME: &str = "First steps";
pub const HINT_TITLE: &str = "Paint over the ball, then press Generate";
pub const HINT_BODY: &str = "Inlay fills the painted spot from what surrounds it.";
pub const HINT_MARK: &str = "Mark it for me";
pub const EMPTY_TITLE: &str = "Open a photo to begin";
pub const EMPTY_BODY: &str =
    "Drop a file here, or choose one. JPEG, PNG, WebP, TIFF, BMP, QOI and GIF.";
pub const EMPTY_OPEN: &str = "Open a photo…";
pub const EMPTY_SAMPLE: &str = "Try the sample photo";
pub const OPENING: &str = "Opening…";
pub const DROP_TITLE: &str = "Drop to open";
pub const DROP_BODY: &str = "The photo stays where it is; Inlay never writes to it until you save.";

// --- what the model sees -------------------------------------------------------------------------------------------------------
/// Time and memory, as far as they are known.
pub fn estimate(estimate: &crate::app::Estimate) -> String {
    let bytes = estimate.memory_bytes as f64;
    let memory = if bytes < 1e9 {
        format!("about {:.0} MB of memory", (bytes / 1e6).max(1.0))
    } else {
        format!("about {:.1} GB of memory", bytes / 1e9)
    };
    match estimate.seconds {
        Some(seconds) if seconds < 90.0 => format!("about {:.0} s · {memory}", seconds.max(1.0)),
        Some(seconds) => format!("about {:.0} min · {memory}", seconds / 60.0),
        None => format!("time known after a first fill · {memory}"),
    }
}

pub fn model_view(working: PixelSize, scale: f64) -> String {
    format!(
        "{} × {} at {:.0} %",
        working.width,
        working.height,
        scale * 100.0
    )
}

pub fn model_masks(blend_px: u32, grow_px: u32) -> String {
    format!("blends over {blend_px} px, repaints {grow_px} px more")
}

// --- preferences ---------------------------------------------------------------------------------------------------------------
pub const PREFERENCES: &str = "Preferences";
pub const PREF_THEME: &str = "Theme";
pub const THEME_SYSTEM: &str = "System";
pub const THEME_LIGHT: &str = "Light";
pub const THEME_DARK: &str = "Dark";
pub const PREF_SCALE: &str = "Interface size";
pub const PREF_SCALE_TIP: &str = "Of text and controls; the photo keeps its pixels";
pub const PREF_MOTION: &str = "Less motion";
pub const PREF_MOTION_TIP: &str = "The mask’s edge stands still";
pub const PREF_MASK_COLOR: &str = "Mask colour";
pub const PREF_MASK_OPACITY: &str = "Mask opacity";
pub const PREF_MEMORY: &str = "Undo memory";
pub const PREF_MEMORY_TIP: &str = "Older steps are forgotten when undo needs more";

pub fn memory_held(bytes: usize) -> String {
    format!("holds {} MiB now", bytes.div_ceil(1 << 20))
}

pub const PREF_RECIPE: &str = "Recipe in files";
pub const PREF_RECIPE_TIP: &str = "Saved PNG, JPEG and WebP tell prompt, seed, model and settings where other tools look for them";
pub const PREF_STRIP: &str = "No metadata";
pub const PREF_STRIP_TIP: &str =
    "Saved pictures lose camera data, place, comments and recipe; the colour profile stays";
pub const PREF_RESET: &str = "Reset";
pub const PREF_DONE: &str = "Done";

// --- asking ----------------------------------------------------------------------------------------------------------------
pub const ASK_SAVE: &str = "Save";
pub const ASK_DONT_SAVE: &str = "Don’t save";
pub const ASK_CANCEL: &str = "Cancel";
pub const ASK_BODY: &str = "If you don’t save, the changes since you last saved are lost.";

pub fn ask_title(name: &str) -> String {
    format!("Save changes to {name}?")
}

// --- file dialogs ------------------------------------------------------------------------------------------------------------
pub const DIALOG_OPEN: &str = "Open a photo";
pub const DIALOG_SAVE: &str = "Save the picture as";
pub const DIALOG_PROJECT: &str = "Save the project as";
pub const DIALOG_SAVE_MASK: &str = "Save the mask as";
pub const DIALOG_HEAT_MAP: &str = "Save the heat map as";
pub const DIALOG_MASK: &str = "Load a mask";
pub const DIALOG_MODEL_FILE: &str = "Choose a Stable Diffusion file";
pub const DIALOG_MODEL: &str = "Choose a Stable Diffusion folder (it holds model_index.json)";
pub const TYPED_WHY: &str =
    "No file dialog could be opened on this system, so type the whole path.";
pub const TYPED_PATH: &str = "Path";
pub const TYPED_OPEN: &str = "Open";
pub const TYPED_REPLACE: &str = "Replace";
pub const FILTER_PICTURES: &str = "Pictures";
pub const FILTER_PROJECT: &str = "Inlay projects";
pub const FILTER_MASK: &str = "PNG";
pub const FILTER_MODELS: &str = "Models";
pub const FILTER_ALL: &str = "All files";

// --- problems -----------------------------------------------------------------------------------------------------------------
pub const NO_WINDOW: &str = "no window could be opened, is there a display? \
    Without one, use the command line: inlay fill photo.jpg --mask mask.png";
pub const NO_GRAPHICS: &str = "the window needs a graphics driver with Vulkan, Metal, DirectX 12 or OpenGL; \
    the command line needs none: inlay fill photo.jpg --mask mask.png";
pub const DISMISS: &str = "Dismiss";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_percents_read_well() {
        assert_eq!(remaining(Duration::from_millis(400)), "about a second left");
        assert_eq!(remaining(Duration::from_secs(42)), "about 42 s left");
        assert_eq!(remaining(Duration::from_secs(200)), "about 4 min left");
        assert_eq!(percent(0.333), "33 %");
        assert_eq!(percent(0.02), "2.0 %");
        assert_eq!(stage("loading the model"), "Loading the model");
    }
}
