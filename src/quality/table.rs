//! Owns the table of methods by kinds of holes, as text and as data. Called by `cli`. Must never measure anything.

use std::fmt::{self, Write as _};

use super::Scores;

/// Scores of several methods on several kinds of holes, in the order in which they came.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Table {
    pub rows: Vec<Row>,
}

/// One fill of one photo.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Row {
    pub photo: String,
    pub kind: String,
    pub method: String,
    pub scores: Scores,
    pub seconds: f64,
}

/// Medians of the rows of one kind and method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    pub cases: usize,
    pub psnr: f64,
    pub ssim: f64,
    pub gradient: f64,
    /// Median of the seam ratio.
    pub seam: f64,
    /// Median of |ln seam ratio|.
    pub seam_visibility: f64,
    /// The largest, not the median: it must be 0.
    pub far_drift: f64,
    pub seconds: f64,
}

impl Table {
    pub fn push(&mut self, photo: &str, kind: &str, method: &str, scores: Scores, seconds: f64) {
        self.rows.push(Row {
            photo: photo.to_owned(),
            kind: kind.to_owned(),
            method: method.to_owned(),
            scores,
            seconds,
        });
    }

    /// Medians over all photos; `kind` none means all kinds. None when there is no such row.
    pub fn summary(&self, kind: Option<&str>, method: &str) -> Option<Summary> {
        let rows: Vec<&Row> = self
            .rows
            .iter()
            .filter(|r| r.method == method && kind.is_none_or(|k| r.kind == k))
            .collect();
        if rows.is_empty() {
            return None;
        }
        let of = |pick: &dyn Fn(&Row) -> f64| median(rows.iter().map(|r| pick(r)).collect());
        Some(Summary {
            cases: rows.len(),
            psnr: of(&|r| r.scores.psnr),
            ssim: of(&|r| r.scores.ssim),
            gradient: of(&|r| r.scores.gradient),
            seam: of(&|r| r.scores.seam.ratio()),
            seam_visibility: of(&|r| r.scores.seam.visibility()),
            far_drift: rows.iter().map(|r| r.scores.far_drift).fold(0.0, f64::max),
            seconds: of(&|r| r.seconds),
        })
    }

    /// Share (0–1) of cases, same photo and kind, in which `method` is better than `rival` by `better(method, rival)`.
    /// None when they share no case.
    pub fn wins(
        &self,
        method: &str,
        rival: &str,
        better: impl Fn(&Scores, &Scores) -> bool,
    ) -> Option<f64> {
        let (mut won, mut played) = (0_u32, 0_u32);
        for row in self.rows.iter().filter(|r| r.method == method) {
            let same = |r: &&Row| r.method == rival && r.photo == row.photo && r.kind == row.kind;
            for other in self.rows.iter().filter(same) {
                played += 1;
                won += u32::from(better(&row.scores, &other.scores));
            }
        }
        (played > 0).then(|| f64::from(won) / f64::from(played))
    }

    /// One line a rival: in how many cases `method` is nearer in gradients and in |ln seam|, and its SSIM over the rival's
    /// (ratio of medians, by kind). Empty without rivals.
    pub fn wins_text(&self, method: &str, rivals: &[&str]) -> String {
        let mut lines = Vec::new();
        for rival in rivals {
            let gradient = self.wins(method, rival, |a, b| a.gradient < b.gradient);
            let seam = self.wins(method, rival, |a, b| {
                a.seam.visibility() < b.seam.visibility()
            });
            let (Some(gradient), Some(seam)) = (gradient, seam) else {
                continue;
            };
            let ratios: Vec<String> = self
                .names(|r| &r.kind)
                .into_iter()
                .filter_map(|kind| {
                    let own = self.summary(Some(kind), method)?.ssim;
                    let theirs = self.summary(Some(kind), rival)?.ssim;
                    Some(format!("{kind} {:.2}", own / theirs))
                })
                .collect();
            lines.push(format!(
                "{method} beats {rival}: gradient {:.0} %, |ln seam| {:.0} % of cases; SSIM ratio {}",
                gradient * 100.0,
                seam * 100.0,
                ratios.join(", ")
            ));
        }
        lines.join("\n")
    }

    fn names(&self, pick: impl Fn(&Row) -> &str) -> Vec<&str> {
        let mut names = Vec::new();
        for row in &self.rows {
            let name = pick(row);
            // The borrow is of the row, not of the closure's argument.
            if let Some(known) = self.rows.iter().map(&pick).find(|n| *n == name)
                && !names.contains(&known)
            {
                names.push(known);
            }
        }
        names
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = self.names(|r| &r.method);
        let kinds = self.names(|r| &r.kind);
        let wide = methods
            .iter()
            .map(|m| m.chars().count())
            .max()
            .unwrap_or(0)
            .max(6);
        let mut text = String::new();
        writeln!(
            text,
            "{:<10} {:<wide$} {:>5} {:>6} {:>6} {:>8} {:>6} {:>9} {:>6} {:>8}",
            "hole",
            "method",
            "cases",
            "PSNR",
            "SSIM",
            "gradient",
            "seam",
            "|ln seam|",
            "drift",
            "seconds"
        )?;
        let groups = kinds.iter().map(|k| Some(*k)).chain([None]);
        for kind in groups {
            for method in &methods {
                let Some(s) = self.summary(kind, method) else {
                    continue;
                };
                writeln!(
                    text,
                    "{:<10} {:<wide$} {:>5} {:>6.2} {:>6.3} {:>8.3} {:>6.3} {:>9.3} {:>6.3} {:>8.2}",
                    kind.unwrap_or("all"),
                    method,
                    s.cases,
                    s.psnr,
                    s.ssim,
                    s.gradient,
                    s.seam,
                    s.seam_visibility,
                    s.far_drift,
                    s.seconds
                )?;
            }
        }
        f.write_str(text.trim_end())
    }
}

/// The middle value, the mean of both when even; 0 for none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::SeamScore;
    use super::*;

    fn scores(ssim: f64) -> Scores {
        Scores {
            psnr: 20.0,
            ssim,
            gradient: 0.5,
            seam: SeamScore {
                colour: 1.0,
                gradient: 1.0,
                noise: 1.0,
            },
            far_drift: 0.0,
        }
    }

    #[test]
    fn medians_and_wins_are_per_method() {
        let mut table = Table::default();
        for (photo, ours, theirs) in [("a", 0.9, 0.8), ("b", 0.5, 0.6), ("c", 0.7, 0.1)] {
            table.push(photo, "object", "erase", scores(ours), 0.1);
            table.push(photo, "object", "telea", scores(theirs), 0.1);
        }
        assert!((table.summary(None, "erase").expect("rows").ssim - 0.7).abs() < 1e-12);
        let share = table
            .wins("erase", "telea", |a, b| a.ssim > b.ssim)
            .expect("shared cases");
        assert!((share - 2.0 / 3.0).abs() < 1e-12);
        assert!(table.wins("erase", "nobody", |_, _| true).is_none());
        let text = table.to_string();
        assert!(text.contains("object") && text.contains("telea") && text.lines().count() == 5);
    }
}
