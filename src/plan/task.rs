//! Owns what a fill is for, and what follows from it: what stands under the mask before the model starts, and how much of
//! the noise schedule runs. Chosen by a person or told from the settings. Checkpoints only: exemplar always continues the
//! surroundings.

use serde::{Deserialize, Serialize};

use super::{GenerateSettings, Prefill};

/// What is to happen under the mask. Extending is no choice: new canvas is always continued from the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// What is there goes; the surroundings close over it.
    Remove,
    /// Something that belongs to the surroundings.
    Fill,
    /// Something new that owes the surroundings nothing.
    Add,
    /// What is there stays and is changed.
    Modify,
}

impl Task {
    pub const ALL: [Self; 4] = [Self::Remove, Self::Fill, Self::Add, Self::Modify];

    /// As flags and files spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Fill => "fill",
            Self::Add => "add",
            Self::Modify => "modify",
        }
    }

    pub const fn prefill(self) -> Prefill {
        match self {
            Self::Remove => Prefill::Exemplar,
            Self::Fill => Prefill::Blur,
            Self::Add => Prefill::Neutral,
            Self::Modify => Prefill::Original,
        }
    }

    /// Share of the noise schedule that suits it. Removing refines the exemplar fill instead of starting from nothing but
    /// noise; modifying keeps the large shapes.
    pub const fn strength(self) -> f64 {
        match self {
            Self::Remove => 0.9,
            Self::Fill | Self::Add => 1.0,
            Self::Modify => 0.6,
        }
    }

    /// The chosen one, or the one that the settings speak of: without words something is to go, at less than full
    /// strength something is to be changed.
    pub fn of(settings: &GenerateSettings) -> Self {
        if let Some(task) = settings.task {
            return task;
        }
        if settings.prompt.trim().is_empty() {
            Self::Remove
        } else if settings.strength.is_some_and(|s| s < 1.0) {
            Self::Modify
        } else {
            Self::Fill
        }
    }

    /// Gives `settings` the strength that suits their task, unless they have one.
    pub fn settle(settings: &mut GenerateSettings) {
        if settings.strength.is_none() {
            let strength = Self::of(settings).strength();
            let steps = settings.num_inference_steps.map_or(f64::MAX, f64::from);
            // A single step is all or nothing.
            settings.strength = (strength < 1.0 && steps * strength >= 1.0).then_some(strength);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_is_told_from_words_and_strength_unless_chosen() {
        let mut settings = GenerateSettings::default();
        assert_eq!(Task::of(&settings), Task::Remove);
        settings.prompt = "a red boat".to_owned();
        assert_eq!(Task::of(&settings), Task::Fill);
        settings.strength = Some(0.5);
        assert_eq!(Task::of(&settings), Task::Modify);
        settings.task = Some(Task::Add);
        assert_eq!(Task::of(&settings), Task::Add);
    }

    #[test]
    fn a_task_leaves_at_least_one_step_to_run() {
        let settled = |steps| {
            let mut settings = GenerateSettings {
                num_inference_steps: steps,
                ..GenerateSettings::default()
            };
            Task::settle(&mut settings);
            settings.strength
        };
        assert_eq!(settled(None), Some(0.9));
        assert_eq!(settled(Some(2)), Some(0.9));
        assert_eq!(settled(Some(1)), None);
    }
}
