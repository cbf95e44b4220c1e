//! Owns the drawings of selecting tools, of how selections combine, and of the window's own doings. Called by `icons`.

use std::f32::consts::{PI, TAU};

use eframe::egui::Rect;

use super::{Icon, Pen};

/// Tools that choose an area.
pub(super) fn selector(pen: &Pen<'_>, icon: Icon) {
    match icon {
        Icon::Rectangle => {
            dashes(pen, &[(4.0, 5.0), (20.0, 5.0)], 3);
            dashes(pen, &[(20.0, 5.0), (20.0, 19.0)], 3);
            dashes(pen, &[(20.0, 19.0), (4.0, 19.0)], 3);
            dashes(pen, &[(4.0, 19.0), (4.0, 5.0)], 3);
        }
        Icon::Ellipse => {
            for i in 0..10 {
                let from = i as f32 / 10.0;
                pen.arc(12.0, 12.0, 8.2, from, from + 0.06);
            }
        }
        Icon::Lasso => {
            let loop_points: Vec<_> = (0..=30)
                .map(|i| {
                    let angle = (0.36 + i as f32 / 30.0) * TAU;
                    (12.2 + 8.6 * angle.cos(), 9.8 + 6.0 * angle.sin())
                })
                .collect();
            pen.line(&loop_points);
            pen.circle(7.2, 15.6, 1.9);
            pen.line(&[(6.4, 17.4), (6.2, 19.2), (7.2, 21.0)]);
        }
        Icon::Polygon => {
            let corners = [
                (4.6, 16.6),
                (6.8, 5.6),
                (18.6, 4.4),
                (14.2, 11.4),
                (20.0, 19.2),
            ];
            pen.closed(&corners);
            for (x, y) in corners {
                pen.dot(x, y, 1.9);
            }
        }
        Icon::Wand => {
            pen.line(&[(3.8, 20.2), (13.6, 10.4)]);
            for i in 0..8 {
                let (sin, cos) = (i as f32 * PI / 4.0).sin_cos();
                let long = if i % 2 == 0 { 5.4 } else { 4.2 };
                pen.line(&[
                    (16.2 + cos * 2.8, 7.8 + sin * 2.8),
                    (16.2 + cos * long, 7.8 + sin * long),
                ]);
            }
        }
        Icon::Object => {
            for (cx, cy) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0_f32)] {
                let (x, y) = (12.0 + cx * 8.8, 12.0 + cy * 8.8);
                pen.line(&[(x - cx * 4.0, y), (x, y), (x, y - cy * 4.0)]);
            }
            pen.circle(12.0, 9.0, 2.7);
            pen.line(&[
                (7.0, 17.2),
                (7.6, 14.8),
                (9.6, 13.4),
                (14.4, 13.4),
                (16.4, 14.8),
                (17.0, 17.2),
            ]);
        }
        Icon::Refine => {
            pen.line(&[(20.4, 3.6), (12.6, 11.4)]);
            pen.circle(10.4, 13.6, 3.0);
            let edge: Vec<_> = (0..=20)
                .map(|i| {
                    let x = 3.0 + 18.0 * i as f32 / 20.0;
                    (x, 19.6 + 1.3 * (x * 1.15).sin())
                })
                .collect();
            pen.line(&edge);
        }
        Icon::Erase => {
            // A thing half gone: a dotted rest, and the stroke that takes it.
            pen.arc(9.6, 9.8, 6.2, 0.30, 0.92);
            for turn in [0.02_f32, 0.12, 0.22] {
                let (sin, cos) = (turn * TAU).sin_cos();
                pen.dot(9.6 + 6.2 * cos, 9.8 + 6.2 * sin, 1.0);
            }
            pen.line(&[(13.2, 20.4), (20.6, 13.0)]);
            pen.line(&[(17.6, 20.4), (20.6, 17.4)]);
        }
        Icon::Shadow => {
            pen.circle(9.2, 8.2, 5.2);
            let oval: Vec<_> = (0..=24)
                .map(|i| {
                    let angle = i as f32 / 24.0 * TAU;
                    (13.2 + 7.6 * angle.cos(), 17.8 + 2.6 * angle.sin())
                })
                .collect();
            pen.closed(&oval);
            pen.line(&[(9.4, 17.8), (17.0, 17.8)]);
        }
        _ => {
            pen.line(&[(6.8, 2.6), (6.8, 17.2), (21.4, 17.2)]);
            pen.line(&[(2.6, 6.8), (17.2, 6.8), (17.2, 21.4)]);
        }
    }
}

fn dashes(pen: &Pen<'_>, ends: &[(f32, f32); 2], count: usize) {
    let [(x0, y0), (x1, y1)] = *ends;
    let along = |t: f32| (x0 + (x1 - x0) * t, y0 + (y1 - y0) * t);
    for i in 0..count {
        let from = (i as f32 + 0.18) / count as f32;
        let to = (i as f32 + 0.82) / count as f32;
        pen.line(&[along(from), along(to)]);
    }
}

/// Two squares, the shared and the own parts of which are in or out.
pub(super) fn combiner(pen: &Pen<'_>, icon: Icon) {
    let fill = |x0: f32, y0: f32, x1: f32, y1: f32| {
        let rect = Rect::from_min_max(pen.at(x0, y0), pen.at(x1, y1));
        pen.painter
            .rect_filled(rect, 0.0, pen.stroke.color.gamma_multiply(0.55));
    };
    match icon {
        Icon::Replace => {
            fill(5.0, 5.0, 19.0, 19.0);
            pen.rounded(5.0, 5.0, 19.0, 19.0, 1.6);
            return;
        }
        Icon::Add => {
            fill(4.0, 4.0, 15.0, 15.0);
            fill(15.0, 9.0, 20.0, 20.0);
            fill(9.0, 15.0, 15.0, 20.0);
        }
        Icon::Subtract => {
            fill(4.0, 4.0, 15.0, 9.0);
            fill(4.0, 9.0, 9.0, 15.0);
        }
        _ => fill(9.0, 9.0, 15.0, 15.0),
    }
    pen.rounded(4.0, 4.0, 15.0, 15.0, 1.2);
    pen.rounded(9.0, 9.0, 20.0, 20.0, 1.2);
}

/// What windows and systems have.
pub(super) fn device(pen: &Pen<'_>, icon: Icon) {
    match icon {
        Icon::Split => {
            pen.rounded(3.4, 5.0, 20.6, 19.0, 2.6);
            pen.line(&[(12.0, 2.6), (12.0, 21.4)]);
            pen.line(&[(8.8, 9.6), (6.4, 12.0), (8.8, 14.4)]);
            pen.line(&[(15.2, 9.6), (17.6, 12.0), (15.2, 14.4)]);
        }
        Icon::Frame => {
            for (cx, cy) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0_f32)] {
                let (x, y) = (12.0 + cx * 9.0, 12.0 + cy * 8.0);
                pen.line(&[(x - cx * 4.4, y), (x, y), (x, y - cy * 4.0)]);
            }
            let lid = |up: f32| -> Vec<(f32, f32)> {
                (0..=12)
                    .map(|i| {
                        let t = i as f32 / 12.0;
                        (6.4 + 11.2 * t, 12.0 - up * 4.2 * (PI * t).sin())
                    })
                    .collect()
            };
            pen.line(&lid(1.0));
            pen.line(&lid(-1.0));
            pen.dot(12.0, 12.0, 1.9);
        }
        Icon::Search => {
            pen.circle(10.4, 10.4, 6.2);
            pen.line(&[(15.0, 15.0), (20.2, 20.2)]);
        }
        Icon::Keyboard => {
            pen.rounded(2.6, 6.0, 21.4, 18.0, 2.4);
            for x in [6.4, 10.1, 13.9, 17.6] {
                pen.dot(x, 10.0, 1.1);
            }
            pen.line(&[(8.0, 14.4), (16.0, 14.4)]);
        }
        Icon::Gear => {
            pen.circle(12.0, 12.0, 3.0);
            let teeth: Vec<_> = (0..32)
                .map(|i| {
                    let radius = if i % 4 < 2 { 9.2 } else { 7.0 };
                    let angle = (i as f32 - 0.5) * TAU / 32.0;
                    (12.0 + radius * angle.cos(), 12.0 + radius * angle.sin())
                })
                .collect();
            pen.closed(&teeth);
        }
        Icon::Heat => {
            pen.rounded(3.4, 3.4, 20.6, 20.6, 2.6);
            for (x, y, radius) in [
                (8.0, 8.0, 0.9),
                (12.0, 8.0, 1.4),
                (16.0, 8.0, 0.9),
                (8.0, 12.0, 1.4),
                (12.0, 12.0, 2.2),
                (16.0, 12.0, 1.4),
                (8.0, 16.0, 0.9),
                (12.0, 16.0, 1.4),
                (16.0, 16.0, 0.9),
            ] {
                pen.dot(x, y, radius);
            }
        }
        Icon::Copy => {
            pen.rounded(8.6, 8.6, 20.2, 20.2, 2.2);
            pen.line(&[
                (15.2, 5.4),
                (14.2, 3.8),
                (5.4, 3.8),
                (3.8, 5.4),
                (3.8, 14.2),
                (5.4, 15.2),
            ]);
        }
        _ => {
            pen.rounded(4.4, 5.0, 19.6, 20.6, 2.2);
            pen.rounded(8.6, 3.0, 15.4, 7.0, 1.2);
            pen.line(&[(8.6, 12.0), (15.4, 12.0)]);
            pen.line(&[(8.6, 16.0), (13.4, 16.0)]);
        }
    }
}
