//! Owns the words about edits, history, results, proportions, selections and recovery. Part of `text`, which passes them
//! on; must never decide anything.

// --- edits, history, results ---------------------------------------------------------------------------------------------
pub const TAB_FILL: &str = "Fill";
pub const TAB_EDITS: &str = "Edits";
pub const TAB_HISTORY: &str = "History";
pub const EDITS_EMPTY_TITLE: &str = "No edits yet";
pub const EDITS_EMPTY: &str = "Every fill you accept is kept here: it can be hidden, faded, masked anew, made again and removed at any time.";
pub const HISTORY_START: &str = "As it was opened";
pub const SHOW_EDIT: &str = "Show or hide this edit";
pub const OPACITY: &str = "Opacity";
pub const EDIT_UP: &str = "Move up";
pub const EDIT_DOWN: &str = "Move down";
pub const EDIT_NAME: &str = "Name of the edit";
pub const RENAME_TIP: &str = "Double-click to give it another name";
pub const TARGET_DONE: &str = "Done";
pub const FILMSTRIP: &str = "Results";
pub const WHY_NO_FRAME: &str = "Nothing is cropped or extended";
pub const WHY_NO_OBJECT: &str = "No object is being marked";
pub const QUEUE_ANOTHER: &str = "Queue another";

pub fn editing_mask(name: &str) -> String {
    format!("The mask tools change the edit “{name}”")
}

pub fn history_memory(used: usize, budget: usize) -> String {
    format!("{} of {} MiB", used.div_ceil(1 << 20), budget >> 20)
}

pub fn edit_line(model: &str, seed: u64) -> String {
    format!("{model} · seed {seed}")
}

pub fn candidate_tip(seed: u64, seconds: f64, device: &str, steps: Option<u32>) -> String {
    let steps = steps.map_or_else(String::new, |steps| format!(" · {steps} steps"));
    format!("seed {seed}{steps} · {seconds:.1} s on {device}")
}

pub fn waiting(count: usize) -> String {
    format!("{count} more waiting")
}

// --- proportions -----------------------------------------------------------------------------------------------------------
pub const ANCHOR: &str = "Where the picture stays";
pub const BY_EXTENDING: &str = "Extend";
pub const BY_CROPPING: &str = "Crop";
pub const OVERLAP: &str = "Overlap";

pub fn anchor(column: u8, row: u8) -> String {
    let across = ["left", "middle", "right"][usize::from(column.min(2))];
    let down = ["Top", "Middle", "Bottom"][usize::from(row.min(2))];
    format!("{down} {across}")
}

// --- after a crash -----------------------------------------------------------------------------------------------------------
pub const CRASH_TITLE: &str = "Inlay did not close properly";
pub const CRASH_BODY: &str =
    "These pictures were open. Everything is there, but for the stroke that was being drawn.";
pub const CRASH_LATER: &str = "Later";

pub fn crash_line(steps: usize, when: Option<std::time::SystemTime>) -> String {
    let ago = when.and_then(|when| when.elapsed().ok());
    let ago = ago.map_or_else(String::new, |ago| match ago.as_secs() / 60 {
        0 => " · a moment ago".to_owned(),
        minutes @ 1..=119 => format!(" · {minutes} min ago"),
        minutes @ 120..=2879 => format!(" · {} hours ago", minutes / 60),
        minutes => format!(" · {} days ago", minutes / 1440),
    });
    let steps = if steps == 1 {
        "1 step".to_owned()
    } else {
        format!("{steps} steps")
    };
    format!("{steps}{ago}")
}

// --- selecting --------------------------------------------------------------------------------------------------------------
pub const TOLERANCE: &str = "Tolerance";
pub const CONTIGUOUS: &str = "Connected only";
pub const SMOOTH: &str = "Smooth edge";
pub const OBJECT_HELP: &str = "Stroke inside; right button or Alt outside";
pub const SEARCHING: &str = "Looking…";
