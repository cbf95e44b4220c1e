//! Owns the plan of the reverse diffusion: how many levels, and for each level its rounds with their noise level sigma and
//! what goes with it. Pure arithmetic.
//!
//! Within a level sigma falls geometrically, σ_i = σ_start (σ_end / σ_start)^(i / (n − 1)), as in the prototype; each finer
//! level starts lower, since it inherits more. Noise is injected anew in every round (a stochastic sampler: the picture is
//! denoised to its posterior mean and noised again to the next, lower, sigma), at full resolution it is not.

use super::distance::Terms;
use super::peel;
use super::vote::Voting;

/// Sigma of the first round at the coarsest level, in colour units.
const SIGMA_START: f32 = 0.16;
const SIGMA_END: f32 = 0.012;
/// Location weight at the coarsest level. The prototype's 25–60, in its units of summed squares over a −1..1 range, are
/// about 2–5 here; with texture features and the onion peel a tenth of that holds horizons, and copies the neighbour
/// in the same rows less (measured on the photos: objects' similarity to the truth rose by a tenth).
const LOCATION: f32 = 0.5;
const LOCATION_FADE: f32 = 0.1;
const TEXTURE: f32 = 16.0;

/// The vote that carries a coarser level's matches over.
pub(super) const FIRST: Voting = Voting {
    temperature: 4e-5,
    bell: 2.0,
    fade: 0.8,
};
/// The last vote: each pixel from (nearly) the one patch around it.
pub(super) const SHARP: Voting = Voting {
    temperature: 1e-5,
    bell: 0.3,
    fade: 1.0,
};
/// What the sharp vote is mixed with along the edge.
pub(super) const SOFT: Voting = Voting {
    temperature: 4e-4,
    bell: 1.2,
    fade: 1.0,
};

pub(super) struct Round {
    pub sigma: f32,
    pub terms: Terms,
    pub voting: Voting,
    pub sweeps: usize,
    pub tries: usize,
}

/// Levels for a hole of this depth in pixels: halve until it is at most about a patch deep (two patches across, as in
/// Newson et al., IPOL 2017, section 3.5).
pub(super) fn levels(depth: u16) -> usize {
    let mut count = 1;
    while depth >> (count - 1) > 9 && count < 12 {
        count += 1;
    }
    count
}

/// Neighbours a query keeps at a level; `level` 0 is full resolution.
pub(super) fn neighbours(level: usize, levels: usize) -> usize {
    match (level, levels) {
        (0, 1) => 4,
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
    LOCATION * LOCATION_FADE.powi((levels - 1 - level) as i32)
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
    let start = (SIGMA_START * 0.5f32.powi(above as i32)).max(SIGMA_END);
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
                    texture: TEXTURE,
                    location: location(level, levels),
                },
                voting: Voting {
                    temperature: (sigma * sigma / 8.0).max(4e-5),
                    bell: if level == 0 { 1.2 } else { 2.0 },
                    fade: 0.8,
                },
                sweeps: if level == 0 { 1 } else { 2 },
                tries: if coarsest { 8 } else { 5 },
            }
        })
        .collect()
}

/// The same rounds at zero temperature.
pub(super) fn without_noise(rounds: &mut [Round]) {
    for round in rounds {
        round.sigma = 0.0;
        round.voting.temperature = 4e-5;
    }
}

/// Rough work of a region in distance evaluations: `count` pixels to fill, the deepest `depth` from the known, in a crop of
/// `area` pixels.
pub(super) fn cost(count: usize, depth: u16, area: usize, steps: usize) -> usize {
    let levels = levels(depth);
    (0..levels)
        .map(|level| {
            let shrink = (1u64 << (2 * level)) as f32;
            let holes = count as f32 / shrink;
            let reach = f32::from(depth.max(1)) / (1u64 << level) as f32;
            let queries = (holes * (1.0 + 2.0 / reach).powi(2)).min(area as f32 / shrink);
            let k = neighbours(level, levels) as f32;
            let votes = holes * (1.0 + 4.0 * k);
            let searched: f32 = rounds(level, levels, steps)
                .iter()
                .map(|r| r.sweeps as f32 * queries * (3.0 * k + r.tries as f32) + votes)
                .sum();
            let start = if level + 1 == levels {
                peel::estimate(holes, area as f32 / shrink)
            } else {
                votes
            };
            let end = if level == 0 { 4.0 * votes } else { 0.0 };
            (searched + start + end) as usize
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigma_falls_and_the_last_round_has_none() {
        for levels in 1..8 {
            for level in 0..levels {
                let rounds = rounds(level, levels, 8);
                assert!(rounds.windows(2).all(|r| r[1].sigma <= r[0].sigma));
                assert_eq!(rounds[rounds.len() - 1].sigma, 0.0);
            }
        }
    }

    #[test]
    fn location_fades_by_ten_a_level() {
        assert!((location(3, 4) / location(2, 4) - 10.0).abs() < 1e-3);
    }

    #[test]
    fn a_scratch_has_one_level_and_a_wide_hole_several() {
        assert_eq!(levels(2), 1);
        assert_eq!(levels(256), 6);
        assert!(cost(100, 2, 10_000, 8) < cost(60_000, 120, 500_000, 8));
    }
}
