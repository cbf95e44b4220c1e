//! Numbers that leave the range of f16, stage by stage. On the CPU this runs burn's own f16 arithmetic, whose results are stored in f16
//! after every operation; the command line never does (it keeps weights in 16 bits there and computes in 32).

use inlay::diffusion::memory::MemoryPlan;
use inlay::diffusion::weights::Numbers;

use crate::common::Sandbox;
use crate::common::tiny_model::assemble;
use crate::kit::{Listener, blow_up, differences, load, request};

const CASES: [(&str, &str, &str); 4] = [
    (
        "vae/diffusion_pytorch_model.safetensors",
        "decoder.up_blocks.0.resnets.0.conv2.weight",
        "decoding",
    ),
    (
        "vae/diffusion_pytorch_model.safetensors",
        "encoder.down_blocks.0.resnets.0.conv2.weight",
        "encoding",
    ),
    (
        "unet/diffusion_pytorch_model.safetensors",
        "down_blocks.0.resnets.0.conv2.weight",
        "the model",
    ),
    (
        "text_encoder/model.safetensors",
        "encoder.layers.0.mlp.fc2.weight",
        "text encoder",
    ),
];

#[test]
fn a_stage_that_overflows_is_done_again_in_32_bits() {
    for (file, tensor, stage) in CASES {
        let here = Sandbox::new();
        assemble("sd1-inpaint", &here.path("model"));
        blow_up(&here.path("model").join(file), tensor);
        let request = request(48, 32);
        let run = |numbers| {
            let mut listener = Listener::default();
            let plan = MemoryPlan::roomy(numbers);
            let mut pipeline = load(&here.path("model"), plan, &mut listener);
            let picture = pipeline.inpaint(&request, &mut listener).unwrap();
            // Once found out, it is not tried again.
            let mut again = Listener::default();
            assert_eq!(pipeline.inpaint(&request, &mut again).unwrap(), picture);
            assert!(again.warnings.is_empty(), "{:?}", again.warnings);
            (picture, listener.warnings)
        };
        let (full, warnings) = run(Numbers::F32);
        assert!(warnings.is_empty());
        let (half, warnings) = run(Numbers::F16);
        assert_eq!(warnings.len(), 1, "{tensor}: {warnings:?}");
        assert!(
            warnings[0].contains(stage) && warnings[0].contains("f16"),
            "{warnings:?}"
        );
        let (worst, mean) = differences(&full, &half);
        println!("{stage}: mean {mean:.1e}, worst {worst:.1e}");
        assert!(mean < 2.0 / 255.0, "{tensor}: {mean}");
        // Weights in 16 bits with 32-bit arithmetic never overflow.
        let (stored, warnings) = run(Numbers::HALF_STORED);
        assert!(warnings.is_empty(), "{warnings:?}");
        let (worst, _) = differences(&full, &stored);
        assert!(worst < 1e-3, "{tensor}: {worst}");
    }
}
