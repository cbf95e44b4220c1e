//! Owns UniPC (Zhao et al., "UniPC: a unified predictor-corrector framework", algorithms 5 to 8): a multistep predictor, and a
//! corrector that uses the next evaluation. Built by `SchedulerConfig::start`. Must never draw random numbers.

use super::config::SchedulerConfig;
use super::kinds::UniPcConfig;
use super::levels::{Level, LevelSchedule};
use super::run::{Run, Visits};
use super::tables::impossible_schedule;
use super::{Scheduler, zip_map};
use crate::diffusion::error::Result;
use crate::diffusion::noise::TorchRng;

/// One way from level `i` to the next as weights.
#[derive(Debug, Clone)]
struct Move {
    /// Of the latents.
    sample: f32,
    /// Of the newest model output.
    output: f32,
    /// Of each older output's difference to the newest one, the latest first, divided by its distance.
    differences: Vec<(f32, f32)>,
    /// Of the difference between the output at the move's end and the newest one; 0 for the predictor.
    end: f32,
}

impl Move {
    fn is_finite(&self) -> bool {
        let all = [self.sample, self.output, self.end];
        all.iter().all(|w| w.is_finite())
            && self
                .differences
                .iter()
                .all(|(w, r)| w.is_finite() && r.is_finite() && *r != 0.0)
    }
}

/// A UniPC schedule and the model outputs it remembers.
pub struct UniPc {
    run: Run<LevelSchedule>,
    config: UniPcConfig,
    /// The predictor of each visited entry.
    predictors: Vec<Move>,
    /// The corrector of each visited entry's arrival; none at the first one and where it is switched off.
    correctors: Vec<Option<Move>>,
    /// Converted model outputs, newest last; at most three.
    outputs: Vec<Vec<f32>>,
    last_sample: Vec<f32>,
}

impl UniPc {
    pub fn new(config: &SchedulerConfig, steps: usize, begin: usize) -> Result<Self> {
        let schedule = LevelSchedule::new(config, steps)?;
        let levels = &schedule.levels;
        let settings = config.unipc.clone();
        let count = schedule.timesteps.len();
        let order = |i: usize| {
            let end = if settings.lower_order_final {
                count - i
            } else {
                settings.solver_order
            };
            settings.solver_order.min(end).min(i - begin + 1)
        };
        let make = |i: usize, corrects| make_move(&settings, order(i), levels, i, corrects);
        let predictors: Vec<Move> = (begin..count).map(|i| make(i, false)).collect();
        let corrector = |i: usize| {
            let is_on = i > begin && !settings.disable_corrector.contains(&(i - 1));
            is_on.then(|| make(i - 1, true))
        };
        let correctors: Vec<Option<Move>> = (begin..count).map(corrector).collect();
        let mut moves = predictors.iter().chain(correctors.iter().flatten());
        if predictors.is_empty() || moves.any(|m| !m.is_finite()) {
            let why = "two steps have one and the same noise level";
            return Err(impossible_schedule(config.class.class_name(), steps, why));
        }
        Ok(Self {
            run: Run {
                levels: schedule,
                begin,
                prediction: config.prediction_type,
                clip: None,
            },
            config: settings,
            predictors,
            correctors,
            outputs: Vec::new(),
            last_sample: Vec::new(),
        })
    }

    fn apply(&self, weights: &Move, sample: &[f32], at_end: Option<&[f32]>) -> Vec<f32> {
        let [older @ .., newest] = self.outputs.as_slice() else {
            return sample.to_vec();
        };
        let mut next = zip_map(newest, sample, |m, x| {
            weights.sample * x + weights.output * m
        });
        for ((weight, ratio), output) in weights.differences.iter().zip(older.iter().rev()) {
            let difference = zip_map(output, newest, |o, n| (o - n) / ratio);
            next = zip_map(&difference, &next, |d, n| n + weight * d);
        }
        if let Some(end) = at_end {
            let difference = zip_map(end, newest, |e, n| e - n);
            next = zip_map(&difference, &next, |d, n| n + weights.end * d);
        }
        next
    }
}

/// The weights from level `i` to the one behind it, by `order` outputs up to that of level `i` and, for the corrector, that of
/// the end.
fn make_move(
    config: &UniPcConfig,
    order: usize,
    levels: &[Level],
    i: usize,
    corrects: bool,
) -> Move {
    let (next, now) = (levels[i + 1], levels[i]);
    let h = next.lambda - now.lambda;
    let mut ratios: Vec<f32> = (1..order)
        .map(|back| (levels[i - back].lambda - now.lambda) / h)
        .collect();
    let distances = ratios.clone();
    ratios.push(1.0);
    let hh = if config.predict_x0 { -h } else { h };
    let growth = hh.exp_m1();
    let scale = if config.bh1 { hh } else { growth };
    let mut phi = growth / hh - 1.0;
    let mut factorial = 1.0_f32;
    let mut right = Vec::with_capacity(order);
    for k in 1..=order {
        right.push(phi * factorial / scale);
        factorial *= (k + 1) as f32;
        phi = phi / hh - 1.0 / factorial;
    }
    let rhos = match (corrects, order) {
        (false, 1) => Vec::new(),
        (false, 2) | (true, 1) => vec![0.5],
        (false, _) => solve(&ratios[..order - 1], &right[..order - 1]),
        (true, _) => solve(&ratios, &right),
    };
    let (keep, outer) = if config.predict_x0 {
        (next.sigma / now.sigma, next.alpha)
    } else {
        (next.alpha / now.alpha, next.sigma)
    };
    let end = if corrects {
        rhos.last().copied().unwrap_or(0.0)
    } else {
        0.0
    };
    Move {
        sample: keep,
        output: -(outer * growth),
        differences: rhos
            .iter()
            .zip(distances)
            .map(|(rho, r)| (-(outer * scale * rho), r))
            .collect(),
        end: -(outer * scale * end),
    }
}

/// Solves the Vandermonde system whose row k holds the k-th powers of `ratios`, by elimination with pivoting in f64.
fn solve(ratios: &[f32], right: &[f32]) -> Vec<f32> {
    let n = ratios.len();
    let mut rows: Vec<Vec<f64>> = (0..n)
        .map(|k| {
            let powers = ratios.iter().map(|r| f64::from(*r).powi(k as i32));
            powers.chain([f64::from(right[k])]).collect()
        })
        .collect();
    for column in 0..n {
        let best = (column..n)
            .max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))
            .unwrap_or(column);
        rows.swap(column, best);
        let pivot = rows[column].clone();
        for (k, row) in rows.iter_mut().enumerate() {
            if k != column {
                let factor = row[column] / pivot[column];
                row.iter_mut()
                    .zip(&pivot)
                    .for_each(|(value, p)| *value -= factor * p);
            }
        }
    }
    (0..n).map(|k| (rows[k][n] / rows[k][k]) as f32).collect()
}

impl Scheduler for UniPc {
    fn run(&self) -> &dyn Visits {
        &self.run
    }

    fn step(
        &mut self,
        model_output: &[f32],
        i: usize,
        sample: &[f32],
        _rng: &mut TorchRng,
    ) -> Vec<f32> {
        let level = self.run.levels.levels[i];
        let converted = if self.config.predict_x0 {
            level.denoised(self.run.prediction, model_output, sample)
        } else {
            level.noise(self.run.prediction, model_output, sample)
        };
        let sample = match &self.correctors[i - self.run.begin] {
            Some(corrector) => self.apply(corrector, &self.last_sample, Some(&converted)),
            None => sample.to_vec(),
        };
        self.outputs.push(converted);
        let surplus = self.outputs.len().saturating_sub(self.config.solver_order);
        self.outputs.drain(..surplus);
        let next = self.apply(&self.predictors[i - self.run.begin], &sample, None);
        self.last_sample = sample;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vandermonde_systems_are_solved() {
        // rows: 1 1 1 / 2 3 1 / 4 9 1 with solution (1, -2, 3)
        let got = solve(&[2.0, 3.0, 1.0], &[2.0, -1.0, -11.0]);
        for (g, w) in got.iter().zip([1.0, -2.0, 3.0]) {
            assert!((g - w).abs() < 1e-5, "{got:?}");
        }
    }
}
