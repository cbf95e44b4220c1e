//! Owns the words about erasing, an edit's edge, tasks, changed pixels and the masks of the model. Part of `text`, which
//! passes them on; must never decide anything.

use crate::plan::Task;

// --- erasing --------------------------------------------------------------------------------------------------------------
pub const ERASE: &str = "Erase";
pub const ERASE_HELP: &str = "Paint over it and let go";
pub const ERASED: &str = "It is erased";
pub const HINT_ERASE: &str = "Paint over the ball and let go";
pub const TOGGLE_VIEW: &str = "What the model sees";
pub const TOGGLE_MASKS: &str = "Both masks";
/// After something was marked: what is left of it otherwise.
pub const SHADOW_TOO: &str = "Its shadow too";

// --- an edit's edge -------------------------------------------------------------------------------------------------------
pub const EDGE: &str = "Edge";
pub const EDGE_TIP: &str =
    "How the edit meets the photo: change it at any time, the model does not run again";
pub const EDGE_WORKING: &str = "Stitching…";
pub const EDGE_OLD: &str = "This edit was made by an older version, which kept nothing to stitch anew. Make it again to change its edge.";
pub const EDGE_WIDTH: &str = "Seam width";
pub const EDGE_FEATHER: &str = "Feather";
pub const EDGE_COLOR: &str = "Colour match";
pub const EDGE_SEAM: &str = "Seam";
pub const EDGE_GRAIN: &str = "Grain";
pub const EDGE_SHARPNESS: &str = "Sharpness";
pub const EDGE_RESET: &str = "Reset edge";
pub const EDGE_RESET_TIP: &str = "All sliders as they were made";
pub const EDGE_WIDTH_TIP: &str = "How far the edit fades into the photo around the mask";
pub const EDGE_NO_WIDTH: &str =
    "This edit ends at its mask: it has no seam outside to make narrower";
pub const EDGE_FEATHER_TIP: &str = "Fades the edit from the mask’s edge inward";
pub const EDGE_COLOR_TIP: &str = "Brings colour and exposure of the edit to its surroundings’";
pub const EDGE_SEAM_TIP: &str = "Corrects what is left of a step along the edge";
pub const EDGE_GRAIN_TIP: &str =
    "Adds the photo’s grain where the edit has too little; 100 % is as much as around it";
pub const EDGE_SHARPNESS_TIP: &str =
    "Sharpens what is softer than its surroundings; 100 % is as sharp as around it";

/// What a screen reader calls the number beside a slider.
pub fn edge_number(name: &str, is_px: bool) -> String {
    let unit = if is_px { "pixels" } else { "percent" };
    format!("{name} in {unit}")
}

// --- tasks ----------------------------------------------------------------------------------------------------------------
pub const TASK: &str = "What to do";
pub const TASK_AUTO: &str = "Auto";
pub const TASK_AUTO_TIP: &str = "Told from your words and from Strength";
pub const TASK_EXTEND: &str = "Extend";
pub const TASK_EXTENDS: &str = "New canvas continues the photo from its edge.";

pub fn task(task: Task) -> &'static str {
    match task {
        Task::Remove => "Remove",
        Task::Fill => "Fill",
        Task::Add => "Add",
        Task::Modify => "Change",
    }
}

pub fn task_tip(task: Task) -> &'static str {
    match task {
        Task::Remove => "What is marked goes, and the surroundings close over it",
        Task::Fill => "Put something there that belongs to the surroundings",
        Task::Add => "Put something new there that owes the surroundings nothing",
        Task::Modify => "Keep the large shapes of what is marked, and change it",
    }
}

/// What is going to happen.
pub fn task_now(now: Task, is_auto: bool) -> String {
    if is_auto {
        format!("Auto means {} now: {}", task(now), lower(task_tip(now)))
    } else {
        format!("{}.", task_tip(now))
    }
}

fn lower(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_lowercase(), chars.as_str())
    })
}

// --- changed pixels, both masks ------------------------------------------------------------------------------------------
pub const WHY_UNCHANGED: &str = "Nothing is changed yet";
pub const HEAT_TITLE: &str = "Changed pixels";
pub const HEAT_LEAST: &str = "one step";
pub const HEAT_MOST: &str = "all of the range";
pub const HEAT_WAIT: &str = "Comparing…";
pub const MASKS_TITLE: &str = "Masks of the model";
pub const MASKS_NONE: &str = "Nothing is marked";

pub fn changed(changed: u64, pixels: u64) -> String {
    if changed == 0 {
        return "No pixel differs".to_owned();
    }
    let share = changed as f64 / pixels.max(1) as f64 * 100.0;
    match share {
        _ if changed == pixels => "Every pixel differs".to_owned(),
        0.0..0.01 => format!("{changed} pixels differ, the others are the same bit for bit"),
        0.01..10.0 => format!("{share:.2} % differ, the others are the same bit for bit"),
        _ => format!("{share:.0} % differ, the others are the same bit for bit"),
    }
}

pub fn mask_denoise(grow_px: u32) -> String {
    if grow_px == 0 {
        "The model repaints what is marked".to_owned()
    } else {
        format!("The model repaints this too: {grow_px} px more on each side")
    }
}

pub fn mask_composite(blend_px: u32) -> String {
    if blend_px == 0 {
        "Goes into the photo: what is marked, no further".to_owned()
    } else {
        format!("Goes into the photo: what is marked, fading over {blend_px} px")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_well() {
        assert_eq!(changed(0, 100), "No pixel differs");
        assert!(changed(3, 24_000_000).starts_with("3 pixels differ"));
        assert!(changed(240_000, 24_000_000).starts_with("1.00 % differ"));
        assert!(changed(12_000_000, 24_000_000).starts_with("50 % differ"));
        assert_eq!(
            task_now(Task::Remove, true),
            "Auto means Remove now: what is marked goes, and the surroundings close over it."
        );
    }
}
