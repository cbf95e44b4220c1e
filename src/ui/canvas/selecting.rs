//! Owns the selection tools' gestures: from presses and drags (in photo pixels) to shapes, clicks and strokes, sent as
//! commands when they are complete; and their outlines while they are drawn. Used by `input` and `canvas`.

use eframe::egui::{
    self, Color32, Context, Key, Modifiers, Pos2, Rect, Shape as Line, Stroke, Ui, pos2,
};

use super::view::Mapping;
use crate::app::{Command, Shape, Tool};
use crate::geometry::PixelRect;
use crate::mask::Combine;
use crate::ui::action::Scene;

/// Points of the window within which a click closes a polygon.
const CLOSE: f32 = 9.0;
/// Photo pixels times zoom that a freehand line must move on for another corner.
const FINE: f32 = 1.5;

/// What is being drawn, in photo pixels.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Selecting {
    #[default]
    Nothing,
    Box {
        from: Pos2,
        to: Pos2,
        how: Combine,
    },
    Lasso {
        points: Vec<Pos2>,
        how: Combine,
    },
    Polygon {
        points: Vec<Pos2>,
        /// Where the next corner would be.
        to: Pos2,
        how: Combine,
    },
    Object,
}

impl Selecting {
    pub fn cancel(&mut self) {
        *self = Self::Nothing;
    }

    fn is_polygon(&self) -> bool {
        matches!(self, Self::Polygon { .. })
    }
}

/// Shift adds, Alt takes away, both keep what is common; without them, what the switch says. The secondary button takes
/// away.
fn how(modifiers: Modifiers, is_secondary: bool, switch: Combine) -> Combine {
    match (modifiers.shift, modifiers.alt || is_secondary) {
        (true, true) => Combine::Intersect,
        (true, false) => Combine::Add,
        (false, true) => Combine::Subtract,
        (false, false) => switch,
    }
}

pub fn press(
    at: Pos2,
    is_secondary: bool,
    modifiers: Modifiers,
    mapping: &Mapping,
    scene: &mut Scene<'_>,
) {
    let how = how(modifiers, is_secondary, scene.app.combine());
    let tool = scene.app.tool();
    let state = &mut scene.state.canvas.selecting;
    match tool {
        Tool::Rectangle | Tool::Ellipse => {
            *state = Selecting::Box {
                from: at,
                to: at,
                how,
            };
        }
        Tool::Lasso => {
            *state = Selecting::Lasso {
                points: vec![at],
                how,
            };
        }
        Tool::Polygon => polygon_corner(at, how, mapping, scene),
        Tool::Wand => scene.send(Command::SelectWand {
            x: at.x,
            y: at.y,
            how,
        }),
        Tool::Object => {
            *state = Selecting::Object;
            let inside = !(is_secondary || modifiers.alt);
            scene.send(Command::BeginObjectStroke {
                x: at.x,
                y: at.y,
                inside,
                how: scene.app.combine(),
            });
        }
        Tool::Brush | Tool::Eraser | Tool::Erase | Tool::Pan => {}
    }
}

fn polygon_corner(at: Pos2, how: Combine, mapping: &Mapping, scene: &mut Scene<'_>) {
    let state = &mut scene.state.canvas.selecting;
    if let Selecting::Polygon { points, to, .. } = state {
        let is_near = |corner: Option<&Pos2>| {
            corner.is_some_and(|c| c.distance(at) * mapping.points_per_px < CLOSE)
        };
        // The first corner again, or the last one again (a double click), closes it.
        if points.len() > 2 && is_near(points.first()) || points.len() > 1 && is_near(points.last())
        {
            close_polygon(scene);
        } else {
            points.push(at);
            *to = at;
        }
        return;
    }
    *state = Selecting::Polygon {
        points: vec![at],
        to: at,
        how,
    };
}

fn close_polygon(scene: &mut Scene<'_>) {
    if let Selecting::Polygon { points, how, .. } =
        std::mem::take(&mut scene.state.canvas.selecting)
        && points.len() > 2
    {
        send(Shape::Polygon(pairs(&points)), how, scene);
    }
}

pub fn drag(at: Pos2, modifiers: Modifiers, scene: &mut Scene<'_>) {
    let scale = scene.state.canvas.view.scale();
    match &mut scene.state.canvas.selecting {
        Selecting::Box { from, to, .. } => {
            *to = if modifiers.command {
                square(*from, at)
            } else {
                at
            };
        }
        Selecting::Lasso { points, .. } => {
            if points
                .last()
                .is_none_or(|last| last.distance(at) * scale >= FINE)
            {
                points.push(at);
            }
        }
        Selecting::Polygon { to, .. } => *to = at,
        Selecting::Object => scene.send(Command::ContinueObjectStroke { x: at.x, y: at.y }),
        Selecting::Nothing => {}
    }
}

/// Ctrl makes squares and circles.
fn square(from: Pos2, to: Pos2) -> Pos2 {
    let delta = to - from;
    let side = delta.x.abs().max(delta.y.abs());
    pos2(
        from.x + side * delta.x.signum(),
        from.y + side * delta.y.signum(),
    )
}

pub fn release(mapping: &Mapping, scene: &mut Scene<'_>) {
    let tool = scene.app.tool();
    if scene.state.canvas.selecting.is_polygon() {
        return;
    }
    match std::mem::take(&mut scene.state.canvas.selecting) {
        Selecting::Box { from, to, how } => {
            let rect = pixel_rect(from, to);
            if rect.is_empty() {
                return;
            }
            let shape = if tool == Tool::Ellipse {
                Shape::Ellipse(rect)
            } else {
                Shape::Rectangle(rect)
            };
            send(shape, how, scene);
        }
        Selecting::Lasso { points, how } => {
            if points.len() > 2 {
                send(Shape::Polygon(pairs(&points)), how, scene);
            }
        }
        Selecting::Object => {
            let seen = mapping.viewport;
            let visible = pixel_rect(mapping.to_photo(seen.min), mapping.to_photo(seen.max));
            scene.send(Command::EndObjectStroke { visible });
        }
        Selecting::Polygon { .. } | Selecting::Nothing => {}
    }
}

/// Keys of a polygon that is being drawn, taken before they mean anything else.
pub fn keys(ctx: &Context, scene: &mut Scene<'_>) {
    if !scene.state.canvas.selecting.is_polygon() {
        return;
    }
    if !matches!(scene.app.tool(), Tool::Polygon) {
        scene.state.canvas.selecting.cancel();
        return;
    }
    let pressed = |key| ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    if pressed(Key::Escape) {
        scene.state.canvas.selecting.cancel();
    } else if pressed(Key::Enter) {
        close_polygon(scene);
    } else if pressed(Key::Backspace)
        && let Selecting::Polygon { points, .. } = &mut scene.state.canvas.selecting
    {
        points.pop();
        if points.is_empty() {
            scene.state.canvas.selecting.cancel();
        }
    }
}

fn send(shape: Shape, how: Combine, scene: &mut Scene<'_>) {
    scene.send(Command::SelectShape { shape, how });
}

fn pairs(points: &[Pos2]) -> Vec<(f32, f32)> {
    points.iter().map(|p| (p.x, p.y)).collect()
}

/// Whole pixels around two corners.
fn pixel_rect(a: Pos2, b: Pos2) -> PixelRect {
    let whole = |v: f32| v.round().clamp(-1e6, 1e6) as i32;
    PixelRect::from_edges(
        whole(a.x.min(b.x)),
        whole(a.y.min(b.y)),
        whole(a.x.max(b.x)),
        whole(a.y.max(b.y)),
    )
}

/// The outline of what is being drawn, in two colours so that it shows on any picture.
pub fn paint(ui: &Ui, mapping: &Mapping, scene: &mut Scene<'_>) {
    let painter = ui.painter_at(mapping.viewport);
    let hover = ui.ctx().pointer_hover_pos();
    let outline = |points: Vec<Pos2>| {
        painter.add(Line::line(
            points.clone(),
            Stroke::new(2.5, Color32::from_black_alpha(160)),
        ));
        painter.extend(Line::dashed_line(
            &points,
            Stroke::new(1.2, Color32::WHITE),
            5.0,
            4.0,
        ));
    };
    let to_view =
        |points: &[Pos2]| -> Vec<Pos2> { points.iter().map(|p| mapping.to_view(*p)).collect() };
    match &scene.state.canvas.selecting {
        Selecting::Box { from, to, .. } => {
            let rect = Rect::from_two_pos(mapping.to_view(*from), mapping.to_view(*to));
            outline(if scene.app.tool() == Tool::Ellipse {
                ellipse(rect)
            } else {
                vec![
                    rect.left_top(),
                    rect.right_top(),
                    rect.right_bottom(),
                    rect.left_bottom(),
                    rect.left_top(),
                ]
            });
        }
        Selecting::Lasso { points, .. } => outline(to_view(points)),
        Selecting::Polygon { points, to, .. } => {
            let mut corners = to_view(points);
            for corner in &corners {
                painter.circle(
                    *corner,
                    3.0,
                    Color32::WHITE,
                    Stroke::new(1.0, Color32::BLACK),
                );
            }
            corners.push(hover.unwrap_or_else(|| mapping.to_view(*to)));
            outline(corners);
        }
        Selecting::Object | Selecting::Nothing => {}
    }
    if scene.app.tool() == Tool::Object {
        paint_object_strokes(&painter, mapping, scene);
    }
}

fn ellipse(rect: Rect) -> Vec<Pos2> {
    let (centre, half) = (rect.center(), rect.size() / 2.0);
    (0..=96)
        .map(|i| std::f32::consts::TAU * i as f32 / 96.0)
        .map(|turn| centre + egui::vec2(half.x * turn.cos(), half.y * turn.sin()))
        .collect()
}

fn paint_object_strokes(painter: &egui::Painter, mapping: &Mapping, scene: &Scene<'_>) {
    for stroke in scene.app.object_strokes() {
        let color = if stroke.is_inside {
            Color32::from_rgb(60, 200, 110)
        } else {
            Color32::from_rgb(235, 80, 70)
        };
        let mut points: Vec<_> = stroke
            .points
            .iter()
            .map(|(x, y)| mapping.to_view(pos2(*x, *y)))
            .collect();
        if let [one] = points[..] {
            points.push(one + egui::vec2(0.5, 0.5));
        }
        painter.add(Line::line(
            points.clone(),
            Stroke::new(5.0, Color32::from_black_alpha(120)),
        ));
        painter.add(Line::line(points, Stroke::new(3.0, color)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_and_the_other_button_say_what_becomes_of_the_mask() {
        let switch = Combine::Replace;
        assert_eq!(how(Modifiers::NONE, false, switch), Combine::Replace);
        assert_eq!(how(Modifiers::SHIFT, false, switch), Combine::Add);
        assert_eq!(how(Modifiers::ALT, false, switch), Combine::Subtract);
        assert_eq!(how(Modifiers::NONE, true, switch), Combine::Subtract);
        let both = Modifiers::SHIFT | Modifiers::ALT;
        assert_eq!(how(both, false, switch), Combine::Intersect);
    }

    #[test]
    fn ctrl_makes_a_square_towards_the_pointer() {
        assert_eq!(square(pos2(10.0, 10.0), pos2(4.0, 12.0)), pos2(4.0, 16.0));
        assert_eq!(
            pixel_rect(pos2(4.0, 16.0), pos2(10.0, 10.0)),
            PixelRect::new(4, 10, 6, 6)
        );
    }
}
