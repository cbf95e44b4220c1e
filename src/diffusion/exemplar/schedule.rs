//! Owns the plan of the reverse diffusion: how many levels, and for each level its rounds with their noise level sigma and
//! what goes with it. Pure arithmetic.
//!
//! Within a level sigma falls geometrically, σ_i = σ_start (σ_end / σ_start)^(i / (n − 1)), as in the prototype; each finer
//! level starts lower, since it inherits more. Noise is injected anew in every round (a stochastic sampler: the picture is
//! denoised to its posterior mean and noised again to the next, lower, sigma), at full resolution it is not.

use super::distance::Terms;
use super::vote::Voting;

/// Sigma of the first round at the coarsest level, in colour units.
const SIGMA_START: f32 = 0.16;
const SIGMA_END: f32 = 0.012;
/// Location weight at the coarsest level. The prototype's 25–60, in its units of summed squares over a −1..1 range,
/// are about 2–5 here.
const LOCATION: f32 = 1.0;
const LOCATION_FADE: f32 = 0.1;
const TEXTURE: f32 = 16.0;

/// The last vote: each pixel from (nearly) the one patch around it.
pub(super) const SHARP: Voting = Voting {
    temperature: 2e-5,
    bell: 0.4,
    fade: 1.0,
};
/// What the sharp vote is mixed with along the edge.
pub(super) const SOFT: Voting = Voting {
    temperature: 2e-4,
    bell: 1.2,
    fade: 1.0,
};

pub(super) fn tune(name: &str, default: f32) -> f32 {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(default)
}

pub(super) struct Round {
    pub sigma: f32,
    pub terms: Terms,
    pub voting: Voting,
    pub sweeps: usize,
    pub tries: usize,
}

/// Levels for a hole of this depth: halve until it is at most half a patch and a pixel deep.
pub(super) fn levels(depth: u16) -> usize {
    let mut count = 1;
    while depth >> (count - 1) > tune("DEEP", 6.0) as u16 && count < 12 {
        count += 1;
    }
    count
}

/// Neighbours a query keeps at a level; `level` 0 is full resolution.
pub(super) fn neighbours(level: usize, levels: usize) -> usize {
    match (level, levels) {
        (0, 1) => tune("KT", 4.0) as usize,
        (0, _) => 1,
        (l, n) if l + 1 == n => 4,
        _ => 2,
    }
}

fn geometric(from: f32, to: f32, i: usize, n: usize) -> f32 {
    if n < 2 {
        to
    } else {
        from * (to / from).powf(i as f32 / (n - 1) as f32)
    }
}

pub(super) fn location(level: usize, levels: usize) -> f32 {
    tune("LOC", LOCATION) * LOCATION_FADE.powi((levels - 1 - level) as i32)
}

/// Rounds of one level, `steps` being the caller's quality setting.
pub(super) fn rounds(level: usize, levels: usize, steps: usize) -> Vec<Round> {
    let above = levels - 1 - level;
    let coarsest = above == 0;
    let count = if coarsest && levels > 1 {
        2 * steps
    } else if level == 0 {
        (steps / 2).max(2)
    } else {
        steps.saturating_sub(above).max(steps / 2).max(2)
    };
    let start = (tune("SIG", SIGMA_START) * 0.5f32.powi(above as i32)).max(SIGMA_END);
    (0..count)
        .map(|i| {
            let sigma = geometric(start, SIGMA_END, i, count);
            let last = i + 1 == count;
            Round {
                sigma: if last || level == 0 { 0.0 } else { sigma },
                terms: Terms {
                    known: if sigma > 0.1 {
                        6
                    } else if sigma > 0.04 {
                        4
                    } else {
                        3
                    },
                    texture: tune("TEX", TEXTURE),
                    location: location(level, levels),
                },
                voting: Voting {
                    temperature: (sigma * sigma / 8.0).max(tune("TEMP", 4e-5)),
                    bell: if level == 0 { 1.2 } else { 2.0 },
                    fade: tune("FADE", 0.9),
                },
                sweeps: if level == 0 { 1 } else { 2 },
                tries: if coarsest { 8 } else { 5 },
            }
        })
        .collect()
}
