//! Owns the selection tools: shapes at once, searches in the picture (wand, object, refined edge) on a thread, the latest
//! request alone counting. Called by `dispatch` and `poll`.

use std::sync::Arc;

use crate::app::state::{App, NoticeKind};
use crate::geometry::{PixelRect, PixelSize};
use crate::mask::{Combine, FeatherEdge, Mask, StrokeBrush};
use crate::raster::Plane;
use crate::select::{self, ObjectOptions, RefineOptions, Seen, Selected};

/// A shape drawn on the canvas, in canvas pixels.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    Rectangle(PixelRect),
    Ellipse(PixelRect),
    /// Closed; may cross itself.
    Polygon(Vec<(f32, f32)>),
}

/// A search that runs: what to do with what it finds.
#[derive(Debug, Clone)]
pub struct Search {
    pub request: u64,
    label: &'static str,
    how: Combine,
    /// The mask that what is found is combined with.
    base: Arc<Mask>,
    /// Of the mask when the search began.
    mask_revision: u64,
    is_object: bool,
}

/// Strokes of the object tool on one object.
#[derive(Debug, Default)]
pub struct ObjectStrokes {
    strokes: Vec<ObjectStroke>,
    /// The mask before the first stroke.
    base: Option<Arc<Mask>>,
    how: Combine,
    /// Mask revision after our last result: another one means that somebody else changed the mask.
    expected: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct ObjectStroke {
    pub points: Vec<(f32, f32)>,
    pub is_inside: bool,
}

/// Widths of a stroke that the picture in sight is long.
const STROKES_ACROSS: f32 = 300.0;
/// Pixels of the picture that an object is searched in.
const OBJECT_AREA: u64 = 4_000_000;

impl App {
    pub(crate) fn select_shape(&mut self, shape: &Shape, how: Combine) {
        let Some(document) = &mut self.document else {
            return;
        };
        let (bounds, label) = match shape {
            Shape::Rectangle(rect) => (*rect, "rectangle"),
            Shape::Ellipse(rect) => (*rect, "ellipse"),
            Shape::Polygon(points) => (bounds(points), "lasso"),
        };
        let bounds = bounds.intersect(document.size().rect());
        if bounds.is_empty() {
            return;
        }
        let mut part = Mask::new(bounds.size());
        match shape {
            Shape::Rectangle(rect) => part.fill_rect(rect.translate(-bounds.x, -bounds.y), false),
            Shape::Ellipse(rect) => part.fill_ellipse(rect.translate(-bounds.x, -bounds.y), false),
            Shape::Polygon(points) => {
                let moved: Vec<_> = points
                    .iter()
                    .map(|(x, y)| (x - bounds.x as f32, y - bounds.y as f32))
                    .collect();
                part.fill_polygon(&moved, false)
            }
        };
        self.take_selection(label, bounds, &part.plane, how);
    }

    /// Takes a selection into the mask as one step.
    fn take_selection(
        &mut self,
        label: &'static str,
        rect: PixelRect,
        plane: &Plane,
        how: Combine,
    ) {
        let Some(document) = &mut self.document else {
            return;
        };
        let area = match how {
            Combine::Add | Combine::Subtract => rect,
            Combine::Intersect | Combine::Replace => rect.union(document.mask().bounds()),
        };
        document.edit_mask(label, area, |mask| {
            if let Err(error) = mask.combine_part(rect, plane, how) {
                log::error!("{error}");
            }
        });
    }

    pub(crate) fn feather_mask(&mut self, px: f32) {
        self.change_mask("feathered mask", |mask| mask.feather(px, FeatherEdge::Both));
    }

    pub(crate) fn fill_holes(&mut self) {
        self.change_mask("filled holes", Mask::fill_holes);
    }

    pub(crate) fn select_wand(&mut self, x: f32, y: f32, how: Combine) {
        let Some(document) = &self.document else {
            return;
        };
        let photo = Arc::clone(document.photo());
        let options = self.wand;
        self.search("magic wand", how, move || {
            let rgba = photo.display_rgba8(photo.size.rect(), 1);
            let seen = Seen::new(&rgba, photo.size).map_err(|e| e.to_string())?;
            let at = (x.floor() as i32, y.floor() as i32);
            select::wand(&seen, at, &options, &|| false).map_err(|e| e.to_string())
        });
    }

    /// Moves the mask's edge onto the edges in the picture.
    pub(crate) fn refine_mask(&mut self, radius_px: f32) {
        let Some(document) = &self.document else {
            return;
        };
        let reach = radius_px.clamp(1.0, 256.0) as i32 * 3 + 8;
        let (photo, mask) = (Arc::clone(document.photo()), Arc::clone(document.mask()));
        let rect = mask.bounds().grow(reach).intersect(photo.size.rect());
        if rect.is_empty() {
            let text = "Mark something roughly first; then its edge can be refined";
            self.notify(NoticeKind::Info, text);
            return;
        }
        self.search("refined edge", Combine::Replace, move || {
            let rgba = photo.display_rgba8(rect, 1);
            let seen = Seen::new(&rgba, rect.size()).map_err(|e| e.to_string())?;
            let mut plane = mask.crop(rect);
            select::refine(&seen, &mut plane, RefineOptions { radius_px }, &|| false)
                .map_err(|e| e.to_string())?;
            Ok(Selected { rect, plane })
        });
    }

    /// Adds what the marked things leave around them.
    pub(crate) fn cover_shadows(&mut self) {
        let Some(document) = &self.document else {
            return;
        };
        let (photo, mask) = (Arc::clone(document.photo()), Arc::clone(document.mask()));
        if mask.is_empty() {
            let text = "Mark something first; then its shadow can be added";
            return self.notify(NoticeKind::Info, text);
        }
        self.search("shadow and halo", Combine::Add, move || {
            let bounds = mask.bounds();
            let reach = select::shadow_reach(bounds.size());
            let rect = bounds.grow(2 * reach as i32).intersect(photo.size.rect());
            let rgba = photo.display_rgba8(rect, 1);
            let seen = Seen::new(&rgba, rect.size()).map_err(|e| e.to_string())?;
            select::shadows(&seen, &mask.crop(rect), reach, &|| false)
                .map(|found| found.translated(rect.x, rect.y))
                .map_err(|e| e.to_string())
        });
    }

    fn search(
        &mut self,
        label: &'static str,
        how: Combine,
        work: impl FnOnce() -> Result<Selected, String> + Send + 'static,
    ) {
        self.end_stroke();
        let request = self.next_number();
        let Some(document) = &self.document else {
            return;
        };
        self.searching = Some(Search {
            request,
            label,
            how,
            base: Arc::clone(document.mask()),
            mask_revision: document.mask_revision(),
            is_object: false,
        });
        self.io.select(request, work);
    }

    pub(crate) fn on_selected(&mut self, request: u64, result: Result<Selected, String>) {
        let Some(search) = self.searching.take_if(|search| search.request == request) else {
            return;
        };
        let Some(document) = &mut self.document else {
            return;
        };
        match result {
            Err(error) => self.notify(NoticeKind::Error, error),
            Ok(_) if document.mask_revision() != search.mask_revision => {
                let text = "The mask changed meanwhile, so nothing was selected: try again";
                self.notify(NoticeKind::Info, text);
            }
            Ok(found) => {
                let mut mask = Mask::clone(&search.base);
                if let Err(error) = mask.combine_part(found.rect, &found.plane, search.how) {
                    log::error!("{error}");
                }
                document.set_mask(search.label, mask);
                if search.is_object {
                    self.object.expected = Some(document.mask_revision());
                }
            }
        }
        self.out.push(crate::app::AppEvent::Selected);
    }

    // --- object select ----------------------------------------------------------------------------------------------

    pub(crate) fn begin_object_stroke(&mut self, x: f32, y: f32, is_inside: bool, how: Combine) {
        let Some(document) = &self.document else {
            return;
        };
        if self.object.expected != Some(document.mask_revision()) {
            self.object = ObjectStrokes {
                base: Some(Arc::clone(document.mask())),
                how,
                ..ObjectStrokes::default()
            };
        }
        self.object.strokes.push(ObjectStroke {
            points: vec![(x, y)],
            is_inside,
        });
    }

    pub(crate) fn continue_object_stroke(&mut self, x: f32, y: f32) {
        if let Some(stroke) = self.object.strokes.last_mut() {
            stroke.points.push((x, y));
        }
    }

    /// Searches the object in what is in sight (`visible`, canvas pixels).
    pub(crate) fn end_object_stroke(&mut self, visible: PixelRect) {
        let Some(document) = &self.document else {
            return;
        };
        let strokes = self.object.strokes.clone();
        let drawn = strokes
            .iter()
            .map(|stroke| bounds(&stroke.points).grow(4))
            .fold(PixelRect::default(), PixelRect::union);
        let rect = visible.union(drawn).intersect(document.size().rect());
        let Some(base) = self.object.base.clone().filter(|_| !rect.is_empty()) else {
            return;
        };
        let step = ((rect.area() as f64 / OBJECT_AREA as f64).sqrt().ceil() as u32).max(1);
        let photo = Arc::clone(document.photo());
        let how = self.object.how;
        let mask_revision = document.mask_revision();
        let request = self.next_number();
        self.object.expected = Some(mask_revision);
        self.searching = Some(Search {
            request,
            label: "object",
            how,
            base,
            mask_revision,
            is_object: true,
        });
        self.io
            .select(request, move || find_object(&photo, rect, step, &strokes));
    }

    /// The strokes of the object tool, for drawing.
    pub fn object_strokes(&self) -> &[ObjectStroke] {
        &self.object.strokes
    }

    /// A search in the picture runs.
    pub fn is_searching(&self) -> bool {
        self.searching.is_some()
    }

    /// The next stroke marks another object.
    pub(crate) fn end_object(&mut self) {
        self.object = ObjectStrokes::default();
    }
}

fn find_object(
    photo: &crate::photo::Photo,
    rect: PixelRect,
    step: u32,
    strokes: &[ObjectStroke],
) -> Result<Selected, String> {
    let size = PixelSize::new(rect.width.div_ceil(step), rect.height.div_ceil(step));
    let rgba = photo.display_rgba8(rect, step);
    let seen = Seen::new(&rgba, size).map_err(|e| e.to_string())?;
    let labels = labels(strokes, rect, size, step);
    let options = ObjectOptions::default();
    let found =
        select::object(&seen, &labels, None, &options, &|| false).map_err(|e| e.to_string())?;
    if step == 1 || found.is_empty() {
        return Ok(found.translated(rect.x, rect.y));
    }
    enlarge(photo, rect, step, &found)
}

/// 1 inside, 2 outside, at the scale of the search.
fn labels(strokes: &[ObjectStroke], rect: PixelRect, size: PixelSize, step: u32) -> Plane {
    let mut labels = Plane::new(size);
    let scale = step as f32;
    // As thin as the line on the screen, wherever one has zoomed to.
    let diameter = rect.size().long_side() as f32 / STROKES_ACROSS;
    for stroke in strokes {
        let brush = StrokeBrush {
            diameter: (diameter / scale).max(2.0),
            hardness: 1.0,
            erase: false,
        };
        let at = |(x, y): (f32, f32)| ((x - rect.x as f32) / scale, (y - rect.y as f32) / scale);
        let mut drawn = Mask::new(size);
        let mut last = stroke.points.first().copied().map(at);
        for point in &stroke.points {
            let here = at(*point);
            drawn.stamp(last.unwrap_or(here), here, &brush);
            last = Some(here);
        }
        for (label, covered) in labels.data.iter_mut().zip(&drawn.plane.data) {
            if *covered >= 128 {
                *label = if stroke.is_inside { 1 } else { 2 };
            }
        }
    }
    labels
}

/// What was found in a smaller picture, at full size, its edge set on the full picture's.
fn enlarge(
    photo: &crate::photo::Photo,
    rect: PixelRect,
    step: u32,
    found: &Selected,
) -> Result<Selected, String> {
    let side = step as i32;
    let place = PixelRect::from_edges(
        rect.x + found.rect.x * side,
        rect.y + found.rect.y * side,
        rect.x + found.rect.right() * side,
        rect.y + found.rect.bottom() * side,
    );
    let around = place.grow(side * 3).intersect(photo.size.rect());
    let mut plane = Plane::new(around.size());
    for y in 0..plane.height() {
        let from_y = (y as i32 + around.y - place.y).div_euclid(side);
        for x in 0..plane.width() {
            let from_x = (x as i32 + around.x - place.x).div_euclid(side);
            let inside = PixelSize::new(found.rect.width, found.rect.height).rect();
            if inside.contains(from_x, from_y) {
                let value = found.plane.get(from_x as usize, from_y as usize);
                plane.set(x, y, value);
            }
        }
    }
    let rgba = photo.display_rgba8(around, 1);
    let seen = Seen::new(&rgba, around.size()).map_err(|e| e.to_string())?;
    let options = RefineOptions {
        radius_px: step as f32 * 1.5,
    };
    select::refine(&seen, &mut plane, options, &|| false).map_err(|e| e.to_string())?;
    Ok(Selected {
        rect: around,
        plane,
    })
}

fn bounds(points: &[(f32, f32)]) -> PixelRect {
    let finite = points.iter().filter(|p| p.0.abs() < 1e6 && p.1.abs() < 1e6);
    finite
        .map(|(x, y)| PixelRect::new(x.floor() as i32, y.floor() as i32, 1, 1))
        .fold(PixelRect::default(), PixelRect::union)
        .grow(1)
}
