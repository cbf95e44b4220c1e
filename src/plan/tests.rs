//! Tests of plans: what a model sees covers the mask, stays inside, and is of a size the model can take.

use super::*;

const SD: ModelFrame = ModelFrame::checkpoint(PixelSize::new(512, 512), 8);

fn mask_with(canvas: PixelSize, holes: &[PixelRect]) -> Mask {
    let mut mask = Mask::new(canvas);
    for hole in holes {
        for y in hole.y..hole.bottom() {
            for x in hole.x..hole.right() {
                mask.plane.set(x as usize, y as usize, 255);
            }
        }
    }
    mask
}

fn plan(canvas: PixelSize, holes: &[PixelRect], frame: &ModelFrame) -> InpaintPlan {
    let mask = mask_with(canvas, holes);
    plan_inpaint(
        canvas,
        &mask,
        Extension::default(),
        frame,
        &PlanSettings::default(),
    )
    .expect("a plan")
}

fn check(plan: &InpaintPlan, frame: &ModelFrame) {
    for crop in &plan.crops {
        assert!(
            plan.canvas_size.rect().contains_rect(crop.context_rect),
            "{crop:?}"
        );
        assert!(
            crop.context_rect.contains_rect(crop.repaint_rect),
            "{crop:?}"
        );
        assert_eq!(crop.working_size.width % frame.multiple, 0);
        assert_eq!(crop.working_size.height % frame.multiple, 0);
        assert!(!crop.working_size.is_empty());
        assert!(
            crop.working_size.area() <= frame.max_area * 5 / 4,
            "{crop:?}"
        );
    }
}

#[test]
fn a_small_mask_in_a_large_photo_is_seen_at_its_own_scale() {
    let plan = plan(
        PixelSize::new(6000, 4000),
        &[PixelRect::new(2000, 1500, 120, 90)],
        &SD,
    );
    check(&plan, &SD);
    assert_eq!(plan.crops.len(), 1);
    assert_eq!(plan.crops[0].context_rect.size(), PixelSize::new(512, 512));
    assert_eq!(plan.crops[0].working_size, PixelSize::new(512, 512));
}

#[test]
fn masks_at_borders_and_in_corners_keep_the_context_inside() {
    let canvas = PixelSize::new(900, 700);
    for hole in [
        PixelRect::new(0, 0, 1, 1),
        PixelRect::new(899, 699, 1, 1),
        PixelRect::new(0, 300, 40, 40),
        PixelRect::new(400, 0, 100, 1),
        PixelRect::new(0, 0, 900, 700),
    ] {
        for frame in [SD, ModelFrame::EXEMPLAR] {
            check(&plan(canvas, &[hole], &frame), &frame);
        }
    }
}

#[test]
fn photos_smaller_than_the_model_are_seen_whole_and_enlarged() {
    let plan = plan(
        PixelSize::new(200, 150),
        &[PixelRect::new(50, 50, 20, 20)],
        &SD,
    );
    check(&plan, &SD);
    assert_eq!(plan.crops[0].context_rect, PixelRect::new(0, 0, 200, 150));
    assert!(plan.crops[0].scale() > 2.0);
}

#[test]
fn absurdly_thin_photos_get_a_size_the_model_can_take() {
    for canvas in [
        PixelSize::new(4000, 3),
        PixelSize::new(1, 9000),
        PixelSize::new(1, 1),
    ] {
        let hole = PixelRect::new(0, 0, canvas.width.min(2), canvas.height.min(2));
        for frame in [SD, ModelFrame::EXEMPLAR] {
            check(&plan(canvas, &[hole], &frame), &frame);
        }
    }
}

#[test]
fn far_parts_become_crops_of_their_own_and_near_ones_share() {
    let canvas = PixelSize::new(6000, 4000);
    let far = plan(
        canvas,
        &[
            PixelRect::new(100, 100, 60, 60),
            PixelRect::new(5000, 3000, 60, 60),
        ],
        &SD,
    );
    assert_eq!(far.crops.len(), 2);
    check(&far, &SD);
    let near = plan(
        canvas,
        &[
            PixelRect::new(100, 100, 60, 60),
            PixelRect::new(260, 100, 60, 60),
        ],
        &SD,
    );
    assert_eq!(near.crops.len(), 1);
    check(&near, &SD);
}

#[test]
fn the_whole_photo_needs_fitting_sides() {
    let settings = PlanSettings {
        whole: true,
        ..PlanSettings::default()
    };
    let make = |w, h| {
        let canvas = PixelSize::new(w, h);
        let mask = mask_with(canvas, &[PixelRect::new(1, 1, 4, 4)]);
        plan_inpaint(canvas, &mask, Extension::default(), &SD, &settings)
    };
    let plan = make(520, 512).expect("multiples of 8");
    assert_eq!(plan.crops[0].working_size, PixelSize::new(520, 512));
    assert!(matches!(
        make(521, 512),
        Err(PlanError::WholeNotMultiple { .. })
    ));
}

#[test]
fn extensions_grow_outward_and_see_what_is_there() {
    let photo = PixelSize::new(512, 512);
    let extension = Extension {
        left: 100,
        top: 0,
        right: 900,
        bottom: 64,
    };
    for frame in [SD, ModelFrame::EXEMPLAR] {
        let plan = plan_inpaint(
            photo,
            &Mask::new(photo),
            extension,
            &frame,
            &PlanSettings::default(),
        )
        .expect("a plan");
        check(&plan, &frame);
        let mut known = plan.photo_rect();
        for crop in &plan.crops {
            let seen = crop.context_rect.intersect(known);
            assert!(seen.area() * 2 >= crop.repaint_rect.area() || frame.native_size.is_none());
            assert!(
                known
                    .union(crop.repaint_rect)
                    .contains_rect(crop.context_rect),
                "{crop:?}"
            );
            known = known.union(crop.repaint_rect);
        }
        assert_eq!(known, plan.canvas_size.rect());
    }
}

#[test]
fn impossible_requests_are_named() {
    let photo = PixelSize::new(60, 40);
    let none = Extension::default();
    let settings = PlanSettings::default();
    assert_eq!(
        plan_inpaint(photo, &Mask::new(photo), none, &SD, &settings),
        Err(PlanError::NothingToRepaint)
    );
    assert!(matches!(
        plan_inpaint(
            photo,
            &Mask::new(PixelSize::new(4, 4)),
            none,
            &SD,
            &settings
        ),
        Err(PlanError::MaskSize { .. })
    ));
    let huge = Extension {
        right: 4_000_000_000,
        ..none
    };
    assert!(matches!(
        plan_inpaint(photo, &Mask::new(photo), huge, &SD, &settings),
        Err(PlanError::CanvasTooLarge(..))
    ));
}

#[test]
fn a_plan_survives_being_written_down() {
    let plan = plan(
        PixelSize::new(900, 700),
        &[PixelRect::new(10, 10, 200, 90)],
        &SD,
    );
    let text = serde_json::to_string(&plan).expect("json");
    assert_eq!(
        serde_json::from_str::<InpaintPlan>(&text).expect("back"),
        plan
    );
}
