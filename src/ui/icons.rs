//! Owns Inlay's icons: line drawings on a grid of 24, crisp at every size and scale. Called by widgets; must never hold
//! state.

mod more;

use std::f32::consts::{PI, TAU};

use eframe::egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, epaint::PathStroke, pos2, vec2};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code)] // those of tools that are being built
pub enum Icon {
    Brush,
    Eraser,
    Hand,
    Undo,
    Redo,
    Dice,
    Check,
    Close,
    Again,
    Previous,
    Next,
    Compare,
    Invert,
    Grow,
    Shrink,
    Clear,
    Fit,
    Plus,
    Minus,
    Sun,
    Moon,
    Spark,
    Info,
    Warning,
    Image,
    Down,
    Up,
    Reset,
    Eye,
    EyeOff,
    Rectangle,
    Ellipse,
    Lasso,
    Polygon,
    Wand,
    /// A thing chosen as a whole.
    Object,
    /// The brush that follows edges.
    Refine,
    Crop,
    /// How a new selection meets the old one.
    Replace,
    Add,
    Subtract,
    Intersect,
    Split,
    /// What the model sees.
    Frame,
    Search,
    Keyboard,
    Gear,
    Copy,
    Paste,
    /// A brush after which there is nothing.
    Erase,
    /// Changed pixels.
    Heat,
    /// What a thing leaves on the ground.
    Shadow,
}

/// Draws onto a 24 × 24 grid inside a rectangle.
struct Pen<'a> {
    painter: &'a Painter,
    rect: Rect,
    stroke: Stroke,
}

impl Pen<'_> {
    fn at(&self, x: f32, y: f32) -> Pos2 {
        self.rect.min + vec2(x, y) * (self.rect.width() / 24.0)
    }

    fn line(&self, points: &[(f32, f32)]) {
        let points: Vec<_> = points.iter().map(|(x, y)| self.at(*x, *y)).collect();
        // Round ends.
        for end in [points.first(), points.last()].into_iter().flatten() {
            self.painter
                .circle_filled(*end, self.stroke.width / 2.0, self.stroke.color);
        }
        self.painter
            .add(Shape::line(points, PathStroke::from(self.stroke)));
    }

    fn closed(&self, points: &[(f32, f32)]) {
        let points = points.iter().map(|(x, y)| self.at(*x, *y)).collect();
        self.painter
            .add(Shape::closed_line(points, PathStroke::from(self.stroke)));
    }

    fn circle(&self, x: f32, y: f32, radius: f32) {
        self.painter.circle_stroke(
            self.at(x, y),
            radius * self.rect.width() / 24.0,
            self.stroke,
        );
    }

    fn dot(&self, x: f32, y: f32, radius: f32) {
        self.painter.circle_filled(
            self.at(x, y),
            radius * self.rect.width() / 24.0,
            self.stroke.color,
        );
    }

    /// Clockwise from `from` to `to`, in turns; 0 is to the right.
    fn arc(&self, x: f32, y: f32, radius: f32, from: f32, to: f32) {
        let steps = 24;
        let points: Vec<_> = (0..=steps)
            .map(|i| {
                let angle = (from + (to - from) * i as f32 / steps as f32) * TAU;
                (x + radius * angle.cos(), y + radius * angle.sin())
            })
            .collect();
        self.line(&points);
    }

    fn rounded(&self, x0: f32, y0: f32, x1: f32, y1: f32, radius: f32) {
        let mut points = Vec::new();
        for (cx, cy, start) in [
            (x1 - radius, y0 + radius, -0.25),
            (x1 - radius, y1 - radius, 0.0),
            (x0 + radius, y1 - radius, 0.25),
            (x0 + radius, y0 + radius, 0.5),
        ] {
            for i in 0..=6 {
                let angle = (start + 0.25 * i as f32 / 6.0) * TAU;
                points.push((cx + radius * angle.cos(), cy + radius * angle.sin()));
            }
        }
        self.closed(&points);
    }
}

/// Paints an icon into a square.
pub fn paint(painter: &Painter, rect: Rect, icon: Icon, color: Color32) {
    let side = rect.width().min(rect.height());
    let rect = Rect::from_center_size(rect.center(), vec2(side, side));
    let pen = Pen {
        painter,
        rect,
        stroke: Stroke::new((side / 24.0 * 1.9).max(1.25), color),
    };
    match icon {
        Icon::Brush | Icon::Eraser | Icon::Hand => tool(&pen, icon),
        Icon::Undo
        | Icon::Redo
        | Icon::Again
        | Icon::Reset
        | Icon::Previous
        | Icon::Next
        | Icon::Up
        | Icon::Down => {
            arrow(&pen, icon);
        }
        Icon::Dice | Icon::Image | Icon::Spark => object(&pen, icon),
        Icon::Compare | Icon::Invert | Icon::Grow | Icon::Shrink | Icon::Clear | Icon::Fit => {
            area(&pen, icon);
        }
        Icon::Rectangle
        | Icon::Ellipse
        | Icon::Lasso
        | Icon::Polygon
        | Icon::Wand
        | Icon::Object
        | Icon::Refine
        | Icon::Shadow
        | Icon::Erase
        | Icon::Crop => more::selector(&pen, icon),
        Icon::Replace | Icon::Add | Icon::Subtract | Icon::Intersect => more::combiner(&pen, icon),
        Icon::Split
        | Icon::Frame
        | Icon::Search
        | Icon::Keyboard
        | Icon::Gear
        | Icon::Copy
        | Icon::Heat
        | Icon::Paste => more::device(&pen, icon),
        _ => sign(&pen, icon),
    }
}

fn tool(pen: &Pen<'_>, icon: Icon) {
    match icon {
        Icon::Brush => {
            pen.line(&[(20.5, 3.5), (10.8, 13.2)]);
            pen.closed(&[
                (20.5, 3.5),
                (12.6, 15.0),
                (10.9, 13.3),
                (9.2, 11.6),
                (18.0, 3.9),
            ]);
            pen.line(&[
                (9.0, 12.2),
                (6.6, 12.9),
                (5.4, 15.0),
                (5.0, 17.4),
                (3.4, 19.6),
                (6.2, 20.4),
                (9.4, 20.0),
                (11.4, 18.2),
                (12.0, 15.4),
            ]);
        }
        Icon::Eraser => {
            pen.closed(&[
                (13.6, 4.2),
                (20.2, 10.8),
                (11.4, 19.6),
                (7.6, 19.6),
                (3.8, 15.8),
                (3.8, 14.0),
            ]);
            pen.line(&[(8.6, 9.2), (15.2, 15.8)]);
            pen.line(&[(11.4, 19.8), (20.4, 19.8)]);
        }
        _ => {
            pen.line(&[(8.0, 13.6), (8.0, 6.4)]);
            pen.line(&[
                (8.0, 11.4),
                (8.0, 5.8),
                (9.5, 4.5),
                (11.0, 5.8),
                (11.0, 11.0),
            ]);
            pen.line(&[(11.0, 5.2), (12.4, 3.6), (14.0, 5.0), (14.0, 11.0)]);
            pen.line(&[(14.0, 6.4), (15.6, 5.2), (17.0, 6.6), (17.0, 11.6)]);
            pen.line(&[
                (17.0, 9.0),
                (18.6, 8.0),
                (20.0, 9.4),
                (20.0, 14.4),
                (18.6, 18.4),
                (15.4, 20.6),
                (11.6, 20.6),
                (8.6, 19.0),
                (4.4, 14.0),
                (4.8, 12.2),
                (6.4, 12.2),
                (8.0, 13.8),
            ]);
        }
    }
}

fn arrow(pen: &Pen<'_>, icon: Icon) {
    match icon {
        Icon::Undo => {
            pen.line(&[(8.0, 4.5), (4.0, 8.5), (8.0, 12.5)]);
            pen.line(&[(4.0, 8.5), (14.6, 8.5)]);
            pen.arc(14.4, 13.9, 5.4, -0.25, 0.25);
            pen.line(&[(14.4, 19.3), (9.6, 19.3)]);
        }
        Icon::Redo => {
            pen.line(&[(16.0, 4.5), (20.0, 8.5), (16.0, 12.5)]);
            pen.line(&[(20.0, 8.5), (9.4, 8.5)]);
            pen.arc(9.6, 13.9, 5.4, 0.25, 0.75);
            pen.line(&[(9.6, 19.3), (14.4, 19.3)]);
        }
        Icon::Again => {
            pen.arc(12.0, 12.0, 7.8, -0.42, 0.02);
            pen.arc(12.0, 12.0, 7.8, 0.08, 0.52);
            pen.line(&[(20.4, 8.2), (19.9, 12.6), (15.8, 11.4)]);
            pen.line(&[(3.6, 15.8), (4.1, 11.4), (8.2, 12.6)]);
        }
        Icon::Reset => {
            pen.arc(12.0, 12.6, 7.6, -0.33, 0.5);
            pen.line(&[(8.4, 1.9), (8.0, 6.2), (12.2, 7.2)]);
        }
        Icon::Previous => pen.line(&[(14.5, 6.0), (8.5, 12.0), (14.5, 18.0)]),
        Icon::Next => pen.line(&[(9.5, 6.0), (15.5, 12.0), (9.5, 18.0)]),
        Icon::Up => pen.line(&[(6.5, 14.5), (12.0, 9.0), (17.5, 14.5)]),
        _ => pen.line(&[(6.5, 9.5), (12.0, 15.0), (17.5, 9.5)]),
    }
}

fn object(pen: &Pen<'_>, icon: Icon) {
    match icon {
        Icon::Dice => {
            pen.rounded(3.8, 3.8, 20.2, 20.2, 3.2);
            for (x, y) in [
                (8.4, 8.4),
                (15.6, 8.4),
                (12.0, 12.0),
                (8.4, 15.6),
                (15.6, 15.6),
            ] {
                pen.dot(x, y, 1.35);
            }
        }
        Icon::Image => {
            pen.rounded(3.4, 4.6, 20.6, 19.4, 2.8);
            pen.circle(8.6, 9.6, 1.7);
            pen.line(&[
                (4.6, 18.2),
                (10.2, 13.0),
                (13.2, 15.8),
                (16.0, 12.6),
                (20.2, 16.8),
            ]);
        }
        _ => {
            let star = |x: f32, y: f32, long: f32, short: f32| {
                let points: Vec<_> = (0..8)
                    .map(|i| {
                        let radius = if i % 2 == 0 { long } else { short };
                        let angle = i as f32 * PI / 4.0;
                        (x + radius * angle.cos(), y + radius * angle.sin())
                    })
                    .collect();
                pen.closed(&points);
            };
            star(10.2, 13.4, 7.4, 2.5);
            star(18.4, 5.6, 3.2, 1.1);
        }
    }
}

fn area(pen: &Pen<'_>, icon: Icon) {
    match icon {
        Icon::Compare => {
            pen.rounded(3.4, 5.0, 20.6, 19.0, 2.6);
            pen.line(&[(12.0, 2.6), (12.0, 21.4)]);
            for x in [14.9, 17.8] {
                pen.line(&[(x, 8.6), (x, 15.4)]);
            }
        }
        Icon::Invert => {
            pen.circle(12.0, 12.0, 8.2);
            for i in 0..7 {
                let y = 5.0 + i as f32 * 2.333;
                let half = (8.2_f32.powi(2) - (y - 12.0).powi(2)).max(0.0).sqrt();
                pen.line(&[(12.0, y), (12.0 + half, y)]);
            }
            pen.line(&[(12.0, 3.8), (12.0, 20.2)]);
        }
        Icon::Grow => {
            pen.circle(12.0, 12.0, 3.6);
            for (dx, dy) in [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0_f32)] {
                let tip = (12.0 + dx * 9.2, 12.0 + dy * 9.2);
                let side = |s: f32| {
                    (
                        12.0 + dx * 6.8 + dy * s * 2.4,
                        12.0 + dy * 6.8 + dx * s * 2.4,
                    )
                };
                pen.line(&[side(1.0), tip, side(-1.0)]);
            }
        }
        Icon::Shrink => {
            pen.circle(12.0, 12.0, 2.6);
            for (dx, dy) in [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0_f32)] {
                let tip = (12.0 + dx * 5.8, 12.0 + dy * 5.8);
                let side = |s: f32| {
                    (
                        12.0 + dx * 8.6 + dy * s * 2.6,
                        12.0 + dy * 8.6 + dx * s * 2.6,
                    )
                };
                pen.line(&[side(1.0), tip, side(-1.0)]);
            }
        }
        Icon::Clear => {
            pen.line(&[(4.0, 6.6), (20.0, 6.6)]);
            pen.line(&[
                (9.0, 6.4),
                (9.0, 4.6),
                (10.0, 3.8),
                (14.0, 3.8),
                (15.0, 4.6),
                (15.0, 6.4),
            ]);
            pen.line(&[
                (5.8, 6.8),
                (6.8, 19.0),
                (8.0, 20.2),
                (16.0, 20.2),
                (17.2, 19.0),
                (18.2, 6.8),
            ]);
            pen.line(&[(10.0, 10.6), (10.0, 16.4)]);
            pen.line(&[(14.0, 10.6), (14.0, 16.4)]);
        }
        _ => {
            for (cx, cy) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0_f32)] {
                let x = 12.0 + cx * 8.0;
                let y = 12.0 + cy * 8.0;
                pen.line(&[(x - cx * 5.0, y), (x, y), (x, y - cy * 5.0)]);
            }
        }
    }
}

fn sign(pen: &Pen<'_>, icon: Icon) {
    match icon {
        Icon::Check => pen.line(&[(4.6, 12.6), (9.6, 17.6), (19.6, 6.8)]),
        Icon::Close => {
            pen.line(&[(6.0, 6.0), (18.0, 18.0)]);
            pen.line(&[(18.0, 6.0), (6.0, 18.0)]);
        }
        Icon::Plus => {
            pen.line(&[(12.0, 5.0), (12.0, 19.0)]);
            pen.line(&[(5.0, 12.0), (19.0, 12.0)]);
        }
        Icon::Minus => pen.line(&[(5.0, 12.0), (19.0, 12.0)]),
        Icon::Sun => {
            pen.circle(12.0, 12.0, 4.0);
            for i in 0..8 {
                let (sin, cos) = (i as f32 * PI / 4.0).sin_cos();
                pen.line(&[
                    (12.0 + cos * 7.2, 12.0 + sin * 7.2),
                    (12.0 + cos * 9.2, 12.0 + sin * 9.2),
                ]);
            }
        }
        Icon::Moon => {
            pen.arc(12.0, 12.0, 8.4, 0.02, 0.76);
            pen.arc(16.6, 7.4, 6.4, 0.14, 0.66);
        }
        Icon::Warning => {
            pen.closed(&[(12.0, 3.8), (21.4, 20.0), (2.6, 20.0)]);
            pen.line(&[(12.0, 9.6), (12.0, 14.0)]);
            pen.dot(12.0, 17.0, 1.2);
        }
        Icon::Eye | Icon::EyeOff => {
            let lid: Vec<_> = (0..=16)
                .map(|i| {
                    let t = i as f32 / 16.0;
                    (2.6 + 18.8 * t, 12.0 - 6.6 * (PI * t).sin())
                })
                .collect();
            pen.line(&lid);
            let lower: Vec<_> = lid.iter().map(|(x, y)| (*x, 24.0 - y)).collect();
            pen.line(&lower);
            pen.circle(12.0, 12.0, 2.8);
            if icon == Icon::EyeOff {
                pen.line(&[(4.0, 20.0), (20.0, 4.0)]);
            }
        }
        _ => {
            pen.circle(12.0, 12.0, 8.6);
            pen.line(&[(12.0, 11.2), (12.0, 16.4)]);
            pen.dot(12.0, 7.8, 1.25);
        }
    }
}

/// The mark: a square with a piece let into it.
pub fn mark(painter: &Painter, rect: Rect, frame: Color32, piece: Color32) {
    let unit = rect.width() / 24.0;
    let at = |x: f32, y: f32| rect.min + vec2(x, y) * unit;
    painter.rect_filled(rect, 5.5 * unit, frame);
    let points = vec![at(12.0, 4.6), at(19.4, 12.0), at(12.0, 19.4), at(4.6, 12.0)];
    painter.add(Shape::convex_polygon(points, piece, Stroke::NONE));
    let inner = vec![at(12.0, 9.0), at(15.0, 12.0), at(12.0, 15.0), at(9.0, 12.0)];
    painter.add(Shape::convex_polygon(inner, frame, Stroke::NONE));
    debug_assert!(at(0.0, 0.0) == pos2(rect.min.x, rect.min.y));
}
