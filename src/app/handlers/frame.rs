//! Owns the frame: cropping, extending, aspect presets. Called by `dispatch`. Rectangles are in canvas space.

use crate::app::state::{App, NoticeKind};
use crate::geometry::{PixelRect, PixelSize};
use crate::plan::Extension;

/// Proportions to bring the frame to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    Square,
    Portrait4x5,
    Classic3x2,
    Wide16x9,
    /// 1 : √2, upright or lying as the picture is.
    A4,
    /// 9 : 19.5, upright.
    Phone,
}

impl Aspect {
    pub const ALL: [Self; 6] = [
        Self::Square,
        Self::Portrait4x5,
        Self::Classic3x2,
        Self::Wide16x9,
        Self::A4,
        Self::Phone,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Square => "1:1",
            Self::Portrait4x5 => "4:5",
            Self::Classic3x2 => "3:2",
            Self::Wide16x9 => "16:9",
            Self::A4 => "A4",
            Self::Phone => "Phone",
        }
    }

    /// Width by height. 3:2 and A4 follow the way the picture lies; the others are what their name says.
    pub fn ratio(self, picture: PixelSize) -> f64 {
        let lying = |ratio: f64| {
            if picture.width >= picture.height {
                ratio
            } else {
                1.0 / ratio
            }
        };
        match self {
            Self::Square => 1.0,
            Self::Portrait4x5 => 0.8,
            Self::Classic3x2 => lying(1.5),
            Self::Wide16x9 => 16.0 / 9.0,
            Self::A4 => lying(std::f64::consts::SQRT_2),
            Self::Phone => 9.0 / 19.5,
        }
    }
}

/// Which side of the frame stays where the picture is: 0 its left or top, 1 the middle, 2 its right or bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    pub column: u8,
    pub row: u8,
}

impl Anchor {
    pub const MIDDLE: Self = Self { column: 1, row: 1 };
}

/// The smallest frame of these proportions around a picture of `size` (with `crop`: the largest inside it), the picture
/// at the anchor.
pub fn frame_of_aspect(size: PixelSize, ratio: f64, anchor: Anchor, crop: bool) -> PixelRect {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let is_wider = width / height > ratio;
    let (new_width, new_height) = if is_wider == crop {
        (height * ratio, height)
    } else {
        (width, width / ratio)
    };
    let (new_width, new_height) = (
        (new_width.round() as i64).max(1),
        (new_height.round() as i64).max(1),
    );
    let place = |old: u32, new: i64, share: u8| -> i32 {
        ((i64::from(old) - new) * i64::from(share.min(2)) / 2) as i32
    };
    PixelRect::new(
        place(size.width, new_width, anchor.column),
        place(size.height, new_height, anchor.row),
        new_width as u32,
        new_height as u32,
    )
}

impl App {
    pub(crate) fn preview_frame(&mut self, frame: Option<PixelRect>) {
        if let Some(document) = &mut self.document
            && frame.is_none_or(|f| crate::plan::check_canvas(f.size()).is_ok())
        {
            document.preview_frame(frame);
        }
    }

    pub(crate) fn commit_frame(&mut self) {
        if let Some(document) = &mut self.document {
            let outcome = document.commit_frame();
            self.after_framing(outcome);
        }
    }

    pub(crate) fn set_frame(&mut self, frame: PixelRect) {
        let Some(document) = &mut self.document else {
            return;
        };
        if let Err(error) = crate::plan::check_canvas(frame.size()) {
            self.notify(NoticeKind::Error, error.to_string());
            return;
        }
        let outcome = document.set_frame(frame);
        self.after_framing(outcome);
    }

    /// Grows the frame beyond the picture as it is.
    pub(crate) fn set_extension(&mut self, by: Extension) {
        let Some(document) = &self.document else {
            return;
        };
        match by.canvas_size(document.size()) {
            Ok(size) => {
                let corner = (-(by.left as i32), -(by.top as i32));
                self.set_frame(PixelRect::new(corner.0, corner.1, size.width, size.height));
            }
            Err(error) => self.notify(NoticeKind::Error, error.to_string()),
        }
    }

    pub(crate) fn frame_to_aspect(&mut self, aspect: Aspect, anchor: Anchor, crop: bool) {
        if let Some(document) = &self.document {
            let size = document.size();
            self.set_frame(frame_of_aspect(size, aspect.ratio(size), anchor, crop));
        }
    }

    /// Everything that there are pixels for, and nothing else.
    pub(crate) fn reset_frame(&mut self) {
        if let Some(document) = &self.document {
            let all = document.available();
            self.set_frame(all);
        }
    }

    fn after_framing(&mut self, outcome: Result<(), crate::document::DocumentError>) {
        if let Err(error) = outcome {
            self.notify(NoticeKind::Error, error.to_string());
        }
        self.drop_stale_candidates();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_extend_or_crop_to_their_proportions_at_the_anchor() {
        let size = PixelSize::new(1200, 900);
        let wide = frame_of_aspect(size, 16.0 / 9.0, Anchor::MIDDLE, false);
        assert_eq!(wide, PixelRect::new(-200, 0, 1600, 900));
        let left = Anchor { column: 0, row: 0 };
        assert_eq!(frame_of_aspect(size, 16.0 / 9.0, left, false).x, 0);
        let square = frame_of_aspect(size, 1.0, Anchor::MIDDLE, true);
        assert_eq!(square, PixelRect::new(150, 0, 900, 900));
        let tall = frame_of_aspect(size, 0.8, Anchor { column: 1, row: 2 }, false);
        assert_eq!(tall, PixelRect::new(0, -600, 1200, 1500));
    }
}
