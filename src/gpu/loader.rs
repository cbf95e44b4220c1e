//! Owns the background threads that read tiles from a `TileSource`. Used by the photo layer. Each frame replaces the list
//! of wishes, so nothing that left the view is ever read; a source that panics fails its tile and nothing else.
//!
//! The threads are a pool of their own: a source that divides its work with rayon does so here, and never waits behind a
//! running job's arithmetic in the common pool.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use eframe::egui::Context;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::grid::TileKey;
use super::source::{Texels, TileSource, read_tile};

/// Finished tiles that may wait for upload; more would only use memory.
const MAX_WAITING: usize = 24;

/// A tile to read.
#[derive(Clone)]
pub struct Wish {
    pub key: TileKey,
    /// The picture that the tile belongs to.
    pub generation: u64,
    /// Counts changes of pixels within one picture.
    pub version: u64,
    pub source: Arc<dyn TileSource>,
}

/// A tile that was read; `texels` is None when the source failed.
pub struct Read {
    pub key: TileKey,
    pub generation: u64,
    pub version: u64,
    pub texels: Option<Texels>,
}

#[derive(Default)]
struct State {
    wishes: VecDeque<Wish>,
    in_flight: HashSet<(u64, TileKey)>,
    done: VecDeque<Read>,
    wake_window: Option<Context>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads. They end when this is dropped.
pub struct Loader {
    shared: Arc<Shared>,
    _pool: Option<ThreadPool>,
}

impl Loader {
    pub fn new() -> Self {
        let shared = Arc::<Shared>::default();
        let cores = thread::available_parallelism().map_or(2, usize::from);
        let threads = cores.saturating_sub(1).clamp(1, 4);
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("canvas tiles {number}"))
            .build()
            .inspect_err(|error| log::error!("no threads for the canvas: {error}"))
            .ok();
        if let Some(pool) = &pool {
            for _ in 0..threads {
                let shared = Arc::clone(&shared);
                pool.spawn(move || work(&shared));
            }
        }
        Self {
            shared,
            _pool: pool,
        }
    }

    /// The window to wake when a tile is ready.
    pub fn set_window(&self, context: &Context) {
        let mut state = self.shared.lock();
        if state.wake_window.is_none() {
            state.wake_window = Some(context.clone());
        }
    }

    /// Replaces all wishes that no thread has begun with these, most urgent first.
    pub fn replace_wishes(&self, wishes: Vec<Wish>) {
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        let waiting: HashSet<_> = state
            .done
            .iter()
            .map(|read| (read.generation, read.key))
            .collect();
        let known = |wish: &Wish| {
            let name = (wish.generation, wish.key);
            state.in_flight.contains(&name) || waiting.contains(&name)
        };
        state.wishes = wishes.into_iter().filter(|wish| !known(wish)).collect();
        if !state.wishes.is_empty() {
            self.shared.changed.notify_all();
        }
    }

    /// The next finished tile.
    pub fn take(&self) -> Option<Read> {
        let read = self.shared.lock().done.pop_front()?;
        self.shared.changed.notify_one();
        Some(read)
    }

    /// Whether a finished tile waits.
    pub fn has_finished(&self) -> bool {
        !self.shared.lock().done.is_empty()
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

fn work(shared: &Shared) {
    while let Some(wish) = next_wish(shared) {
        let texels = catch_unwind(AssertUnwindSafe(|| {
            read_tile(wish.source.as_ref(), wish.key)
        }))
        .unwrap_or_else(|_| {
            log::error!("reading {:?} of the photo panicked", wish.key);
            None
        });
        let mut state = shared.lock();
        state.in_flight.remove(&(wish.generation, wish.key));
        // A tile of a source that is gone is wished for again, from the source that took its place.
        if texels.is_some() || !wish.source.is_gone() {
            state.done.push_back(Read {
                key: wish.key,
                generation: wish.generation,
                version: wish.version,
                texels,
            });
        }
        let window = state.wake_window.clone();
        drop(state);
        if let Some(window) = window {
            window.request_repaint();
        }
    }
}

/// Waits for something to do; None when the loader is gone.
fn next_wish(shared: &Shared) -> Option<Wish> {
    let mut state = shared.lock();
    loop {
        if state.closed {
            return None;
        }
        if state.done.len() < MAX_WAITING
            && let Some(wish) = state.wishes.pop_front()
        {
            state.in_flight.insert((wish.generation, wish.key));
            return Some(wish);
        }
        state = shared
            .changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{PixelRect, PixelSize};
    use std::time::{Duration, Instant};

    struct Fragile;

    impl TileSource for Fragile {
        fn size(&self) -> PixelSize {
            PixelSize::new(2000, 400)
        }

        fn rgba8(&self, rect: PixelRect, _: u32) -> Vec<u8> {
            assert!(rect.x < 600, "the picture ends here");
            vec![9; rect.area() as usize * 4]
        }
    }

    fn wait_for(loader: &Loader, count: usize) -> Vec<Read> {
        let end = Instant::now() + Duration::from_secs(20);
        let mut reads = Vec::new();
        while reads.len() < count && Instant::now() < end {
            reads.extend(loader.take());
            thread::sleep(Duration::from_millis(2));
        }
        reads
    }

    #[test]
    fn a_panicking_source_fails_its_tile_only() {
        let loader = Loader::new();
        let source: Arc<dyn TileSource> = Arc::new(Fragile);
        let wish = |x| Wish {
            key: TileKey { level: 0, x, y: 0 },
            generation: 1,
            version: 1,
            source: Arc::clone(&source),
        };
        loader.replace_wishes(vec![wish(3), wish(0)]);
        let mut reads = wait_for(&loader, 2);
        reads.sort_by_key(|read| read.key);
        assert_eq!(reads.len(), 2);
        assert!(reads[0].texels.is_some() && reads[1].texels.is_none());
    }

    #[test]
    fn dropping_ends_the_threads_with_wishes_left() {
        let loader = Loader::new();
        let source: Arc<dyn TileSource> = Arc::new(Fragile);
        let wishes = (0..500)
            .map(|n| Wish {
                key: TileKey {
                    level: 0,
                    x: 0,
                    y: n,
                },
                generation: 1,
                version: 1,
                source: Arc::clone(&source),
            })
            .collect();
        loader.replace_wishes(wishes);
        drop(loader);
    }
}
