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
            Command::SaveAs(path) | Command::SaveProject(path) => self.save(Some(path)),
            Command::Recover(index) => self.recover(index),
            Command::ForgetCrash(index) => self.forget_crash(index),
            Command::CopyPicture => self.copy_picture(),
            Command::PastePicture => self.paste_picture(),

            Command::ChooseTool(tool) => {
                self.tool = tool;
                self.end_object();
            }
            Command::SetBrushDiameter(px) => self.set_brush(px, self.settings.brush_hardness),
            Command::SetBrushHardness(hardness) => {
                self.set_brush(self.settings.brush_diameter_px, hardness)
            }
            Command::BrushSmaller => self.scale_brush(1.0 / 1.2),
            Command::BrushLarger => self.scale_brush(1.2),

            Command::BeginStroke {
                x,
                y,
                erase,
                pressure,
            } => self.begin_stroke(x, y, erase, pressure),
            Command::ContinueStroke { x, y, pressure } => self.continue_stroke(x, y, pressure),
            Command::EndStroke => {
                self.end_stroke();
                self.take_late();
            }
            Command::CancelStroke => {
                self.cancel_stroke();
                self.take_late();
            }
            Command::ClearMask => self.change_mask("cleared mask", |mask| {
                *mask = crate::mask::Mask::new(mask.size())
            }),
            Command::InvertMask => self.change_mask("inverted mask", crate::mask::Mask::invert),
            Command::GrowMask(px) if px < 0 => self.change_mask("shrunken mask", |mask| {
                mask.shrink(px.unsigned_abs() as f32)
            }),
            Command::GrowMask(px) => self.change_mask("grown mask", |mask| mask.grow(px as f32)),
            Command::LoadMask(path) => self.load_mask(path),
            Command::SaveMask(path) => self.save_mask(path),
            Command::FeatherMask(px) => self.feather_mask(px),
            Command::FillHoles => self.fill_holes(),
            Command::RefineMask(radius_px) => self.refine_mask(radius_px),
            Command::SetCombine(combine) => self.combine = combine,
            Command::SetWand(options) => self.wand = options,
            Command::SelectShape { shape, how } => self.select_shape(&shape, how),
            Command::SelectWand { x, y, how } => self.select_wand(x, y, how),
            Command::BeginObjectStroke { x, y, inside, how } => {
                self.begin_object_stroke(x, y, inside, how)
            }
            Command::ContinueObjectStroke { x, y } => self.continue_object_stroke(x, y),
            Command::EndObjectStroke { visible } => self.end_object_stroke(visible),
            Command::EndObject => self.end_object(),
            Command::SetMask(mask) => self.change_mask("mask change", |old| *old = *mask),
            Command::MaskFromTransparency => self.mask_from_transparency(),

            Command::PreviewFrame(frame) => self.preview_frame(frame),
            Command::CommitFrame => self.commit_frame(),
            Command::SetFrame(frame) => self.set_frame(frame),
            Command::SetExtension(extension) => self.set_extension(extension),
            Command::FrameToAspect {
                aspect,
                anchor,
                crop,
            } => self.frame_to_aspect(aspect, anchor, crop),
            Command::ResetFrame => self.reset_frame(),
            Command::SetOverlap(px) => self.overlap_px = px.min(crate::plan::MAX_OVERLAP_PX),

            Command::EditSettings(settings) => self.generate = *settings,
            Command::NewSeed => self.generate.seed = super::handlers::random_seed(),
            Command::ChooseModel(choice) => self.choose_model(choice),
            Command::ChooseDevice(device) => self.choose_device(device),
            Command::ChoosePrecision(precision) => self.precision = precision,

            Command::Generate { count } => self.start_jobs(count),
            Command::Again => self.again(),
            Command::MoreLikeThis => self.more_like_this(),
            Command::Cancel => self.cancel(),
            Command::ShowCandidate(index) => {
                self.shown = index.min(self.candidates.len().saturating_sub(1))
            }
            Command::SaveCandidate { index, path } => self.save_candidate(index, path),
            Command::Accept => self.accept(),
            Command::AcceptPart => self.accept_part(),
            Command::Discard => self.discard(),
            Command::DiscardAll => self.discard_all(),
            Command::Flip(by) => self.flip(by),

            Command::SetFillVisible { id, visible } => {
                self.change_fills(|d| d.set_fill_visible(id, visible))
            }
            Command::SetFillOpacity { id, opacity } => {
                self.change_fills(|d| d.set_fill_opacity(id, opacity))
            }
            Command::SetFillStitch { id, stitch } => self.set_fill_stitch(id, stitch),
            Command::EndStitch => self.end_stitch(),
            Command::EraseStroke => self.erase_stroke(),
            Command::CoverShadows => self.cover_shadows(),
            Command::SaveHeatMap { candidate, path } => self.save_heat_map(candidate, path),
            Command::EraseMarked => self.erase_marked(),
            Command::EndDrag => self.change_fills(|d| {
                d.end_drag();
                Ok(())
            }),
            Command::RenameFill { id, name } => self.change_fills(|d| d.rename_fill(id, name)),
            Command::MoveFill { id, to } => self.change_fills(|d| d.move_fill(id, to)),
            Command::RemoveFill(id) => self.change_fills(|d| d.remove_fill(id)),
            Command::RerunFill { id, count } => self.rerun_fill(id, count),
            Command::EditFillMask(id) => self.edit_fill_mask(id),

            Command::Undo => self.undo(),
            Command::Redo => self.redo(),
            Command::JumpTo(done) => self.jump_to(done),
            Command::SetTheme(theme) => {
                self.settings.theme = theme;
                self.keep_settings();
            }
            Command::SetKeepRecipe(keep) => {
                self.settings.keep_recipe = keep;
                self.keep_settings();
            }
            Command::SetStripMetadata(strip) => {
                self.settings.strip_metadata = strip;
                self.keep_settings();
            }
            Command::SetHistoryMemory(mib) => {
                let settings = crate::settings::Settings {
                    history_mib: mib,
                    ..self.settings.clone()
                };
                self.set_preferences(settings);
                self.keep_settings();
            }
            Command::SetReducedMotion(is_reduced) => {
                self.settings.reduced_motion = is_reduced;
                self.keep_settings();
            }
            Command::SetPreferences(settings) => self.set_preferences(*settings),
            Command::KeepSettings => self.keep_settings(),
            Command::DismissNotice(number) => self.notices.retain(|notice| notice.number != number),
        }
    }
}
