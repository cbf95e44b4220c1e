//! Owns what every front end shares: the state, the commands that change it, and the background work behind them. The
//! window and the command line both hold an `App`, send `Command`s and read state. Must never know egui, wgpu or burn.

mod clipboard;
mod command;
mod command_words;
mod dispatch;
mod estimate;
mod handlers;
mod io;
mod open;
mod paths;
mod recipe;
mod state;
mod tool;

pub use command::{Command, Shortcut};
pub use estimate::Estimate;
pub use handlers::{Anchor, Aspect, Changes, ObjectStroke, Shape, StitchLook, frame_of_aspect};
pub use open::PROJECT_ENDING;
pub use paths::Paths;
pub use state::{
    App, AppEvent, AppOptions, Candidate, Job, MadeFor, Model, Notice, NoticeKind, Progress, Then,
};
pub use tool::Tool;
