"""Builds small random models in diffusers' layout, for make_sampling.py and compare_cli.py. Needs make_networks.py beside it."""

import json
import shutil

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from make_networks import shake
from transformers import CLIPTextConfig, CLIPTextModel

# scheduler_config.json of the published Stable Diffusion 1.5 inpainting model.
SD15 = {
    "_class_name": "PNDMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}

# As Stable Diffusion 2.x models have it.
SD2 = SD15 | {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction", "timestep_spacing": "leading"}


def store(model, seed, folder):
    """Shaken weights in half precision."""
    shake(model, seed).half().save_pretrained(folder, safe_serialization=True)


def text_encoder(folder, seed, vocab, positions, width, activation, eos):
    config = CLIPTextConfig(
        vocab_size=vocab, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=positions, hidden_act=activation, bos_token_id=eos - 1, eos_token_id=eos,
        projection_dim=width,
    )
    store(CLIPTextModel(config), seed, folder)


def unet(folder, seed, in_channels, width, **extra):
    """`extra` replaces fields, such as SD 2's linear projections."""
    fields = {
        "sample_size": 8,
        "in_channels": in_channels,
        "out_channels": 4,
        "block_out_channels": (8, 16),
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "layers_per_block": 1,
        "cross_attention_dim": width,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
    }
    store(UNet2DConditionModel(**fields | extra), seed, folder)


def vae_kl(folder, seed):
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=1, latent_channels=4, norm_num_groups=4,
        scaling_factor=0.18215,
    )
    store(vae, seed, folder)


def vae_tiny(folder, seed):
    vae = AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4, num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4, latent_channels=4,
    )
    store(vae, seed, folder)


def assemble(folder, parts, scheduler):
    """A whole model from folders of its parts (`tokenizer`, `text_encoder`, `unet`, `vae`) and a scheduler's configuration."""
    for name, source in parts.items():
        shutil.copytree(source, folder / name)
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler, indent=2))
    kind = json.loads((folder / "vae" / "config.json").read_text())["_class_name"]
    index = {
        "_class_name": "StableDiffusionInpaintPipeline",
        "_diffusers_version": "0.42.1",
        "feature_extractor": [None, None],
        "safety_checker": [None, None],
        "scheduler": ["diffusers", scheduler["_class_name"]],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", kind],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))


def test_picture(width, height, seed=5):
    """A smooth picture (8-bit RGB) and a blob of a mask that also holds values on both sides of one half."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 5, 5), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=True)
    image = (smooth[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    distance = ((x / width - 0.55) / 0.3) ** 2 + ((y / height - 0.5) / 0.33) ** 2
    mask = ((1.5 - distance).clamp(0, 1) * 255).round().to(torch.uint8)
    mask[0, : width // 2] = 127
    mask[height - 8, :8] = 128
    return image.numpy(), mask.contiguous().numpy()
