"""Writes a Stable Diffusion folder with random weights at full size, for speed and memory measurements.

    python make_folder.py OUT [--kind sd15|sd21|sdxl] [--channels 9|4] [--dtype float16|float32] [--vocabulary DIR]

Needs torch, diffusers, transformers. DIR holds CLIP's vocab.json and merges.txt; without it a byte-level stand-in is written.
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

WIDTHS = (320, 640, 1280, 1280)


def unet(kind, channels):
    if kind == "sdxl":
        return UNet2DConditionModel(
            sample_size=128,
            in_channels=channels,
            block_out_channels=WIDTHS[:3],
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=2048,
            attention_head_dim=(5, 10, 20),
            transformer_layers_per_block=(1, 2, 10),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        )
    sd2 = kind == "sd21"
    return UNet2DConditionModel(
        sample_size=64,
        in_channels=channels,
        block_out_channels=WIDTHS,
        cross_attention_dim=1024 if sd2 else 768,
        attention_head_dim=(5, 10, 20, 20) if sd2 else 8,
        use_linear_projection=sd2,
    )


def vae(kind):
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=1024 if kind == "sdxl" else 512,
        scaling_factor=0.13025 if kind == "sdxl" else 0.18215,
    )


def text_encoder(kind):
    sd2 = kind == "sd21"
    return CLIPTextModel(
        CLIPTextConfig(
            hidden_size=1024 if sd2 else 768,
            intermediate_size=4096 if sd2 else 3072,
            num_hidden_layers=23 if sd2 else 12,
            num_attention_heads=16 if sd2 else 12,
            hidden_act="gelu" if sd2 else "quick_gelu",
        )
    )


def second_text_encoder():
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            hidden_size=1280,
            intermediate_size=5120,
            num_hidden_layers=32,
            num_attention_heads=20,
            hidden_act="gelu",
            projection_dim=1280,
        )
    )


def byte_vocabulary(folder):
    """Every byte, alone and at the end of a word; no merges."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    tokens = letters + [letter + "</w>" for letter in letters] + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")


def tokenizer(vocabulary):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(vocabulary or scratch)
        if not vocabulary:
            byte_vocabulary(folder)
        return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--kind", choices=("sd15", "sd21", "sdxl"), default="sd15")
    parser.add_argument("--channels", type=int, choices=(4, 9), default=9)
    parser.add_argument("--dtype", choices=("float16", "float32"), default="float16")
    parser.add_argument("--vocabulary")
    args = parser.parse_args()
    torch.manual_seed(0)
    # Built in the wanted precision: SDXL would not fit into memory otherwise.
    torch.set_default_dtype(getattr(torch, args.dtype))
    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
    parts = {
        "vae": vae(args.kind),
        "text_encoder": text_encoder(args.kind),
        "tokenizer": tokenizer(args.vocabulary),
        "unet": unet(args.kind, args.channels),
    }
    if args.kind == "sdxl":
        pipeline = StableDiffusionXLInpaintPipeline(
            **parts,
            text_encoder_2=second_text_encoder(),
            tokenizer_2=tokenizer(args.vocabulary),
            scheduler=EulerDiscreteScheduler(timestep_spacing="leading", **schedule),
            add_watermarker=False,
        )
    else:
        pipeline = StableDiffusionInpaintPipeline(
            **parts,
            scheduler=DDIMScheduler(
                clip_sample=False,
                set_alpha_to_one=False,
                prediction_type="v_prediction" if args.kind == "sd21" else "epsilon",
                **schedule,
            ),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.save_pretrained(args.out)


if __name__ == "__main__":
    main()
