//! Owns telling a saved picture how it was made: fills' recipes as the one that other tools read, and as JSON for all of
//! them. Used when pictures are saved.

use crate::document::{Fill, FillRecipe};
use crate::geometry::PixelSize;
use crate::photo::Recipe;

/// Of a whole picture: the topmost visible fill speaks for it, the JSON holds every fill.
pub fn of_fills<'a>(fills: impl DoubleEndedIterator<Item = &'a Fill> + Clone) -> Option<Recipe> {
    let top = fills.clone().rev().find(|fill| fill.is_visible)?;
    let all: Vec<_> = fills
        .map(|fill| {
            serde_json::json!({
                "name": fill.name,
                "visible": fill.is_visible,
                "opacity": fill.opacity,
                "recipe": fill.recipe,
            })
        })
        .collect();
    Some(Recipe {
        details: Some(serde_json::json!({ "version": 1, "fills": all }).to_string()),
        ..of_fill(&top.recipe)
    })
}

/// Of one fill.
pub fn of_fill(recipe: &FillRecipe) -> Recipe {
    let settings = &recipe.settings;
    let reads_words = recipe.model_folder.is_some();
    let words = |text: &str| {
        if reads_words {
            text.to_owned()
        } else {
            String::new()
        }
    };
    Recipe {
        prompt: words(&settings.prompt),
        negative_prompt: words(&settings.negative_prompt),
        num_inference_steps: settings.num_inference_steps,
        sampler: settings.scheduler.clone().filter(|_| reads_words),
        guidance_scale: settings
            .guidance_scale
            .filter(|_| reads_words)
            .map(|v| v as f32),
        seed: Some(settings.seed),
        size: Some(PixelSize::new(recipe.width, recipe.height)),
        model_hash: recipe.model_hash.clone(),
        model: Some(recipe.model.clone()),
        strength: settings.strength.filter(|_| reads_words).map(|v| v as f32),
        ..Recipe::default()
    }
}
