//! Owns changing an accepted edit's edge while a slider moves: a thread measures the edit once and stitches for the
//! latest sliders, its pictures are shown over the document, and the last becomes one step of history. Called by
//! `dispatch` and `poll`.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use crate::app::io::{StitchOutcome, StitchPictures};
use crate::app::state::{App, NoticeKind};
use crate::compose::StitchOptions;
use crate::document::{Document, DocumentError, FillId, FillPart, Restitch, Restitcher};

/// An edit whose sliders move.
pub struct Stitching {
    pub id: FillId,
    /// The sliders as they are now.
    pub wanted: StitchOptions,
    number: u64,
    /// Of the document while this is worked at; another one means that somebody else changed it.
    content: u64,
    /// The sliders were moved, and no step of history says so yet.
    is_moved: bool,
    /// The drag is over: what is `wanted` becomes a step when it comes.
    is_over: bool,
    /// A step is due even where the sliders stand as before, if it makes other pixels.
    is_due: bool,
    orders: Sender<StitchOptions>,
    shown: Option<Arc<StitchLook>>,
}

/// How the picture looks with sliders that are not a step of history yet.
pub struct StitchLook {
    /// Different for every look.
    pub number: u64,
    pub options: StitchOptions,
    /// Rectangles in document space with their RGBA for the screen.
    pub pictures: StitchPictures,
    /// None while this is a quick look that the edit's own pixels have not followed.
    parts: Option<Vec<FillPart>>,
}

impl App {
    /// The sliders of an edit were moved.
    pub(crate) fn set_fill_stitch(&mut self, id: FillId, options: StitchOptions) {
        if self.stitch_of(id) == Some(options) {
            return;
        }
        self.end_stroke();
        self.start_stitching(id, options);
    }

    /// What an edit was stitched on has changed, such as its mask: the same sliders make another edge of it.
    pub(crate) fn stitch_anew(&mut self, id: FillId) {
        let fill = self.document.as_ref().and_then(|d| d.fill(id));
        let Some(options) = fill.filter(|f| f.can_restitch()).map(|f| f.stitch) else {
            return;
        };
        // What was measured before is no longer true.
        self.stitching = None;
        self.start_stitching(id, options);
        if let Some(stitching) = &mut self.stitching {
            stitching.is_due = true;
        }
        self.end_stitch();
    }

    fn start_stitching(&mut self, id: FillId, options: StitchOptions) {
        let Some(document) = &self.document else {
            return;
        };
        let content = document.content_number();
        let is_known = |s: &Stitching| s.id == id && s.content == content;
        if !self.stitching.as_ref().is_some_and(is_known) {
            let start = match document.restitch_start(id) {
                Ok(start) if start.fill().can_restitch() => start,
                Ok(_) => {
                    let text = "This edit was made by an older version, which kept nothing to stitch anew: make it again";
                    self.notify(NoticeKind::Info, text);
                    return;
                }
                Err(error) => return self.notify(NoticeKind::Error, error.to_string()),
            };
            let (orders, received) = channel();
            let number = self.next_number();
            self.io
                .stitch(number, move |tell| work(start, &received, tell));
            self.stitching = Some(Stitching {
                id,
                wanted: options,
                number,
                content,
                is_moved: false,
                is_over: false,
                is_due: false,
                orders,
                shown: None,
            });
        }
        if let Some(stitching) = &mut self.stitching {
            stitching.wanted = options;
            stitching.is_moved = true;
            stitching.is_over = false;
            // A thread that has failed has said why.
            let _ = stitching.orders.send(options);
        }
    }

    /// Nothing of sliders that moved is kept: history goes elsewhere, or another picture comes.
    pub(crate) fn forget_stitch(&mut self) {
        self.stitching = None;
    }

    /// A drag of a slider is over.
    pub(crate) fn end_stitch(&mut self) {
        if let Some(stitching) = self.stitching.as_mut().filter(|s| s.is_moved) {
            stitching.is_over = true;
            self.keep_stitch();
        }
    }

    pub(crate) fn on_stitched(
        &mut self,
        number: u64,
        options: StitchOptions,
        result: StitchOutcome,
    ) {
        let look_number = self.next_number();
        let Some(stitching) = self.stitching.as_mut().filter(|s| s.number == number) else {
            return;
        };
        match result {
            Ok((parts, pictures)) => {
                stitching.shown = Some(Arc::new(StitchLook {
                    number: look_number,
                    options,
                    pictures,
                    parts,
                }));
                self.keep_stitch();
            }
            Err(error) => {
                self.stitching = None;
                self.notify(NoticeKind::Error, error);
            }
        }
    }

    /// Makes what is shown a step of history, once nobody drags and it is what was asked for.
    fn keep_stitch(&mut self) {
        let (Some(stitching), Some(document)) = (&mut self.stitching, &mut self.document) else {
            return;
        };
        let is_asked = |look: &&Arc<StitchLook>| look.options == stitching.wanted;
        let Some(look) = stitching.shown.as_ref().filter(is_asked) else {
            return;
        };
        if !stitching.is_over || document.content_number() != stitching.content {
            return;
        }
        let Some(parts) = look.parts.clone() else {
            return;
        };
        let fill = document.fill(stitching.id);
        let is_due = std::mem::take(&mut stitching.is_due);
        let is_other = fill.is_some_and(|fill| {
            fill.stitch != stitching.wanted || is_due && !look_alike(&fill.parts, &parts)
        });
        stitching.shown = None;
        stitching.is_moved = false;
        stitching.is_over = false;
        if !is_other {
            // Back where it was.
            return;
        }
        let kept = document.set_fill_stitch(stitching.id, stitching.wanted, parts);
        stitching.content = document.content_number();
        if let Err(error) = kept {
            self.stitching = None;
            self.notify(NoticeKind::Error, error.to_string());
        }
        self.drop_stale_candidates();
    }

    /// The sliders of an edit as a person sees them: as moved, or as kept.
    pub fn stitch_of(&self, id: FillId) -> Option<StitchOptions> {
        let fill = self.document.as_ref()?.fill(id)?;
        let moved = self
            .stitching
            .as_ref()
            .filter(|s| s.id == id && s.is_moved && self.is_live(s));
        Some(moved.map_or(fill.stitch, |s| s.wanted))
    }

    /// What is to be laid over the picture while sliders move.
    pub fn stitch_look(&self) -> Option<&Arc<StitchLook>> {
        self.stitching
            .as_ref()
            .filter(|s| self.is_live(s))?
            .shown
            .as_ref()
    }

    /// A stitch was asked for and is not a step of history yet.
    pub fn is_stitching(&self) -> bool {
        self.stitching
            .as_ref()
            .is_some_and(|s| s.is_moved && self.is_live(s))
    }

    fn is_live(&self, stitching: &Stitching) -> bool {
        self.document.as_ref().map(Document::content_number) == Some(stitching.content)
    }
}

fn look_alike(some: &[FillPart], others: &[FillPart]) -> bool {
    let is_same = |(a, b): (&FillPart, &FillPart)| {
        a.rect == b.rect && a.coverage == b.coverage && a.content == b.content
    };
    some.len() == others.len() && some.iter().zip(others).all(is_same)
}

/// Stitches for the latest order until nobody orders any more.
fn work(
    start: Restitch,
    orders: &Receiver<StitchOptions>,
    tell: &dyn Fn(StitchOptions, StitchOutcome),
) {
    let mut prepared = None;
    let mut start = Some(start);
    let mut next = None;
    while let Some(mut options) = next.take().or_else(|| orders.recv().ok()) {
        while let Ok(later) = orders.try_recv() {
            options = later;
        }
        if let Some(start) = start.take() {
            match start.prepare() {
                Ok(restitcher) => prepared = Some(restitcher),
                Err(error) => return tell(options, Err(error.to_string())),
            }
        }
        let Some(restitcher) = &mut prepared else {
            continue;
        };
        if let Some(pictures) = restitcher.preview(&options) {
            let shared = pictures
                .into_iter()
                .map(|(rect, rgba)| (rect, Arc::new(rgba)));
            tell(options, Ok((None, shared.collect())));
            // While the hand moves on, what it passed by needs no pixels of its own.
            match orders.try_recv() {
                Ok(later) => {
                    next = Some(later);
                    continue;
                }
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {}
            }
        }
        tell(
            options,
            stitch(restitcher, &options).map_err(|error| error.to_string()),
        );
    }
}

fn stitch(
    restitcher: &Restitcher,
    options: &StitchOptions,
) -> Result<(Option<Vec<FillPart>>, StitchPictures), DocumentError> {
    let parts = restitcher.apply(options)?;
    let look = restitcher
        .look(&parts)?
        .into_iter()
        .map(|(rect, photo)| (rect, Arc::new(photo.display_rgba8(photo.size.rect(), 1))))
        .collect();
    Ok((Some(parts), look))
}
