//! Owns the one way to change the state: `App::dispatch`, short arms that call handlers.

use super::command::Command;
use super::state::App;

impl App {
    /// Carries a command out, or starts it. Never blocks on files or models; what goes wrong becomes a notice.
    pub fn dispatch(&mut self, command: Command) {
        match command {
            Command::Open(path) => self.open(path),
            Command::OpenSample => self.open_sample(),
            Command::Save => self.save(None),
            Command::SaveAs(path) => self.save(Some(path)),
            Command::CopyPicture => self.copy_picture(),
            Command::PastePicture => self.paste_picture(),

            Command::ChooseTool(tool) => self.tool = tool,
            Command::SetBrushDiameter(px) => self.set_brush(px, self.settings.brush_hardness),
            Command::SetBrushHardness(hardness) => {
                self.set_brush(self.settings.brush_diameter_px, hardness)
            }
            Command::BrushSmaller => self.scale_brush(1.0 / 1.2),
            Command::BrushLarger => self.scale_brush(1.2),

            Command::BeginStroke { x, y, erase } => self.begin_stroke(x, y, erase),
            Command::ContinueStroke { x, y } => self.continue_stroke(x, y),
            Command::EndStroke => self.end_stroke(),
            Command::ClearMask => {
                self.change_mask(|mask| *mask = crate::mask::Mask::new(mask.size()))
            }
            Command::InvertMask => self.change_mask(crate::mask::Mask::invert),
            Command::GrowMask(px) if px < 0 => {
                self.change_mask(|mask| mask.shrink(px.unsigned_abs() as f32))
            }
            Command::GrowMask(px) => self.change_mask(|mask| mask.grow(px as f32)),
            Command::LoadMask(path) => self.load_mask(path),
            Command::SetMask(mask) => self.change_mask(|old| *old = *mask),
            Command::MaskFromTransparency => self.mask_from_transparency(),

            Command::PreviewExtension(extension) => self.preview_extension(extension),
            Command::CommitExtension { before } => self.commit_extension(before),
            Command::SetExtension(extension) => self.set_extension(extension),

            Command::EditSettings(settings) => self.generate = *settings,
            Command::NewSeed => self.generate.seed = super::handlers::random_seed(),
            Command::ChooseModel(choice) => self.choose_model(choice),
            Command::ChooseDevice(device) => self.choose_device(device),
            Command::ChoosePrecision(precision) => self.precision = precision,

            Command::Generate { count } => self.start_jobs(count),
            Command::Again => self.again(),
            Command::Cancel => self.cancel(),
            Command::ShowCandidate(index) => {
                self.shown = index.min(self.candidates.len().saturating_sub(1))
            }
            Command::SaveCandidate { index, path } => self.save_candidate(index, path),
            Command::Accept => self.accept(),
            Command::Discard => self.discard(),

            Command::Undo => self.undo(),
            Command::Redo => self.redo(),
            Command::SetTheme(theme) => {
                self.settings.theme = theme;
                self.keep_settings();
            }
            Command::SetReducedMotion(is_reduced) => {
                self.settings.reduced_motion = is_reduced;
                self.keep_settings();
            }
            Command::SetPreferences(settings) => self.settings = settings.in_range(),
            Command::KeepSettings => self.keep_settings(),
            Command::DismissNotice(number) => self.notices.retain(|notice| notice.number != number),
        }
    }
}
