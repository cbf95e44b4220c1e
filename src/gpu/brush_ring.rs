//! Owns the brush cursor. Drawn by ui above the canvas with egui's own shapes.

use eframe::egui::{Color32, Painter, Pos2, Stroke};

/// Radii (points) below this show a cross as well: a ring alone would be a dot.
const TINY: f32 = 3.0;

/// A brush cursor: the outer circle is the brush's size, the inner one where its full strength ends. A light line on a dark
/// one is visible on any ground. `radius` in points, `hardness` 0–1.
pub fn draw_brush_ring(painter: &Painter, center: Pos2, radius: f32, hardness: f32) {
    if !radius.is_finite() || radius < 0.0 || !center.is_finite() {
        return;
    }
    let dark = Stroke::new(3.0, Color32::from_black_alpha(150));
    let light = Stroke::new(1.25, Color32::from_white_alpha(235));
    painter.circle_stroke(center, radius, dark);
    painter.circle_stroke(center, radius, light);
    let inner = inner_radius(radius, hardness);
    if inner > TINY && radius - inner > 3.0 {
        painter.circle_stroke(
            center,
            inner,
            Stroke::new(2.5, Color32::from_black_alpha(90)),
        );
        painter.circle_stroke(
            center,
            inner,
            Stroke::new(1.0, Color32::from_white_alpha(150)),
        );
    }
    if radius < TINY {
        for stroke in [dark, light] {
            for (dx, dy) in [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)] {
                let from = Pos2::new(
                    center.x + dx * (radius + 3.0),
                    center.y + dy * (radius + 3.0),
                );
                let to = Pos2::new(
                    center.x + dx * (radius + 8.0),
                    center.y + dy * (radius + 8.0),
                );
                painter.line_segment([from, to], stroke);
            }
        }
    }
}

/// Where a brush's full strength ends.
fn inner_radius(radius: f32, hardness: f32) -> f32 {
    radius * hardness.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardness_stays_inside_the_ring() {
        assert_eq!(inner_radius(10.0, 0.5), 5.0);
        assert_eq!(inner_radius(10.0, 7.0), 10.0);
        assert_eq!(inner_radius(10.0, -1.0), 0.0);
    }
}
