//! Planning alone, by folders of full size: what is chosen for how much memory.

use inlay::diffusion::folder::ModelFolder;
use inlay::diffusion::memory::{MemoryPlan, Planner, Residency, Work};
use inlay::diffusion::vae::VaeWay;
use inlay::diffusion::weights::Numbers;

use crate::kit::full_size;

const MIB: u64 = 1 << 20;
const CPU: [Numbers; 2] = [Numbers::F32, Numbers::HALF_STORED];

fn planner(is_xl: bool, on_cpu: bool) -> Planner {
    let folder = tempfile::tempdir().unwrap();
    full_size(folder.path(), is_xl);
    Planner::new(&ModelFolder::open(folder.path()).unwrap(), on_cpu).unwrap()
}

fn square(side: usize) -> Work {
    Work {
        width: side,
        height: side,
        is_guided: true,
    }
}

#[test]
fn sizes_are_those_of_the_models() {
    let (sd1, xl) = (planner(false, true), planner(true, false));
    let needs = sd1.needs(Numbers::F32);
    assert_eq!(needs.unet.weights, 4 * 860_000_000);
    assert_eq!(needs.text.weights, 4 * (46_000_000 + 49408 * 768));
    let needs = xl.needs(Numbers::F16);
    assert_eq!(needs.unet.weights, 2 * 2_560_000_000);
    // SDXL's autoencoder overflows in f16, and token tables stay in the computer's memory.
    assert_eq!(needs.vae.weights, 4 * 84_000_000);
    assert_eq!(needs.text.weights, 2 * (85_000_000 + 632_000_000));
}

#[test]
fn more_memory_never_means_a_slower_plan_and_every_plan_fits() {
    for (planner, work, allowed) in [
        (planner(false, true), square(512), &CPU[..]),
        (planner(true, true), square(1024), &CPU[..]),
        (planner(true, false), square(1024), &[Numbers::F16][..]),
    ] {
        let mut last_peak = 0;
        let mut seen = Vec::new();
        for budget in (0..24 * 1024).step_by(64).map(|mib| mib * MIB) {
            let Ok((plan, estimate)) = planner.choose(allowed, &work, Some(budget)) else {
                assert!(seen.is_empty(), "{budget} is refused, but less was enough");
                continue;
            };
            assert!(estimate.peak() <= budget);
            assert_eq!(estimate, planner.estimate(&plan, &work));
            if seen.last() != Some(&plan) {
                seen.push(plan);
                last_peak = last_peak.max(estimate.peak());
            }
        }
        let roomy = MemoryPlan::roomy(allowed[0]);
        let whole = planner.estimate(&roomy, &work).peak();
        assert!(whole > 24 * 1024 * MIB || seen.last() == Some(&roomy));
        assert!(seen.len() > 3, "{seen:?}");
        assert!(seen.iter().any(|p| p.residency == Residency::OneAtATime));
        // Without a limit nothing is saved.
        assert_eq!(planner.choose(allowed, &work, None).unwrap().0, roomy);
    }
}

#[test]
fn a_card_of_8_gib_runs_sdxl_in_bands() {
    let planner = planner(true, false);
    let budget = 8 * 1024 * MIB * 9 / 10;
    let (plan, estimate) = planner
        .choose(&[Numbers::F16], &square(1024), Some(budget))
        .unwrap();
    println!("{plan:?} {estimate:?}");
    assert_eq!(plan.vae, VaeWay::Bands);
    assert_ne!(plan.residency, Residency::OneAtATime);
}

#[test]
fn what_does_not_fit_is_told_with_the_least_there_is() {
    let planner = planner(true, true);
    let work = square(1024);
    let least = planner.choose(&CPU, &work, Some(100 * MIB)).unwrap_err();
    // One part at a time in 16 bits: the UNet and its activations.
    assert!(least.peak() > 2 * 2_560_000_000);
    assert!(least.peak() < 8 * 1024 * MIB, "{least:?}");
    assert!(planner.choose(&CPU, &work, Some(least.peak())).is_ok());
    assert!(planner.choose(&CPU, &work, Some(least.peak() - 1)).is_err());
    // An explicit f32 is not traded for f16.
    let strict = planner.choose(&[Numbers::F32], &work, Some(least.peak()));
    assert!(strict.is_err());
}

#[test]
fn stepping_down_ends_and_always_takes_less() {
    let planner = planner(true, false);
    let (work, allowed) = (square(1024), [Numbers::F16]);
    let mut plan = MemoryPlan::roomy(Numbers::F16);
    let mut steps = 0;
    while let Some((lower, estimate)) = planner.lower(&allowed, &work, &plan) {
        assert!(estimate.peak() < planner.estimate(&plan, &work).peak());
        plan = lower;
        steps += 1;
        assert!(steps < 64);
    }
    assert!(steps > 2);
    assert!(plan.savings().len() > 1);
    let least = planner.choose(&allowed, &work, Some(0)).unwrap_err();
    assert!(planner.estimate(&plan, &work).peak() as f64 <= least.peak() as f64 / 0.95);
}

#[test]
fn larger_pictures_and_guidance_take_more() {
    for planner in [planner(false, true), planner(false, false)] {
        let plan = MemoryPlan::default();
        let small = planner.estimate(&plan, &square(512));
        let large = planner.estimate(&plan, &square(1024));
        assert!(large.step > small.step && large.decode > small.decode);
        assert!(large.encode > small.encode && large.text == small.text);
        let plain = Work {
            is_guided: false,
            ..square(512)
        };
        assert!(planner.estimate(&plan, &plain).step < small.step);
    }
}
