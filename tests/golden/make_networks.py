"""Makes tests/golden/networks/: two tiny random models in diffusers' layout, and what diffusers and transformers compute with them.

Run it where torch, diffusers, transformers, safetensors and numpy are installed:

    python tests/golden/make_networks.py

Every weight is drawn from a fixed seed and stored as float16; the reference runs in float32 on the stored weights. Written with
diffusers 0.42.1 and transformers 5.x. `v1` is laid out like an SD 1.x inpainting model, `v2` like SD 2.x with every option that SD's
configurations may set turned away from its default.
"""

import json
import shutil
from collections import Counter
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    DPMSolverMultistepScheduler,
    PNDMScheduler,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

OUT = Path(__file__).parent / "networks"
POSITIONS = 20
MERGES = 120

# The tokenizer's training text; any English will do.
CORPUS = """
an old photograph of a wooden house by the lake, mountains in the background, clear sky, soft morning light
a portrait of a woman with a red scarf, studio light, sharp focus, highly detailed
a cobblestone street in the rain at night, reflections, people with umbrellas, film grain
green meadow with wild flowers and a stone wall, sheep grazing, overcast sky, the photograph is torn and scratched
a bowl of fruit on a table, oranges, apples and grapes, still life, warm colours, window light from the left
""" * 3

TEXTS = [
    "",
    "a photo of an old house",
    "A PHOTO   of\tan\n old House ",
    "it's the cat's 12345 stones!!! we'll don't",
    "caf\u00e9 cafe\u0301 \u00dcber na\u00efve \u0130stanbul \u00df \ufb01",
    "\u65e5\u672c\u8a9e \U0001f642 \u4e00",
    "hello! <|endoftext|> b <|startoftext|>",
    "a stone house by the lake with sheep, reflections, umbrellas, mountains and a red scarf, sharp",
    "no\u00a0break \u200b zero",
]


def byte_symbols():
    """OpenAI's printable stand-ins for the 256 bytes, in CLIP's order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def train_tokenizer(folder, pad_token):
    """A byte-pair vocabulary of CLIP's make: bytes, bytes that end a word, merges, specials."""
    symbols = byte_symbols()
    words = Counter()
    for word in CORPUS.lower().replace(",", " , ").split():
        letters = [symbols[b] for b in word.encode()]
        words[tuple(letters[:-1] + [letters[-1] + "</w>"])] += 1
    merges = []
    for _ in range(MERGES):
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        merged = Counter()
        for word, count in words.items():
            parts, at = [], 0
            while at < len(word):
                joined = word[at : at + 2] == best
                parts.append("".join(best) if joined else word[at])
                at += 2 if joined else 1
            merged[tuple(parts)] += count
        words = merged
    base = list(symbols.values())
    tokens = base + [s + "</w>" for s in base] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    vocab = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(m) for m in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {"model_max_length": POSITIONS, "pad_token": pad_token, "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2))
    return CLIPTokenizer.from_pretrained(folder), len(tokens)


def shake(model, seed):
    """Random norms and biases, too, so that a forgotten one shows; then the stored precision."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 1:
            parameter.data = noise * 0.2 + (1.0 if name.endswith("weight") else 0.0)
        else:
            fan_in = parameter[0].numel()
            parameter.data = noise * (1.5 / fan_in) ** 0.5 if "embedding" not in name or "time" in name else noise * 0.5
    return model.half().float().eval()


def store(model, folder):
    model.half().save_pretrained(folder, safe_serialization=True)
    return model.float()


def randn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def index(folder, pipeline, vae, scheduler):
    parts = {
        "_class_name": pipeline,
        "_diffusers_version": "0.42.1",
        "scheduler": ["diffusers", type(scheduler).__name__],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", type(vae).__name__],
        "safety_checker": [None, None],
    }
    (folder / "model_index.json").write_text(json.dumps(parts, indent=2))
    scheduler.save_pretrained(folder / "scheduler")


def text_part(folder, seed, pad_token, activation, expected):
    tokenizer, vocab = train_tokenizer(folder / "tokenizer", pad_token)
    config = CLIPTextConfig(
        vocab_size=vocab,
        hidden_size=24,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=3,
        max_position_embeddings=POSITIONS,
        hidden_act=activation,
        bos_token_id=vocab - 2,
        eos_token_id=vocab - 1,
        projection_dim=24,
    )
    encoder = store(shake(CLIPTextModel(config), seed), folder / "text_encoder")
    tokens = []
    for text in TEXTS:
        ids = tokenizer(text, padding="max_length", max_length=POSITIONS, truncation=True).input_ids
        whole = tokenizer(text).input_ids
        tokens.append({"text": text, "ids": ids, "is_cut": len(whole) > POSITIONS})
    (folder / "tokens.json").write_text(json.dumps(tokens, indent=1, ensure_ascii=True))
    ids = torch.tensor([tokens[1]["ids"], tokens[7]["ids"]])
    out = encoder(ids, output_hidden_states=True)
    expected["text.ids"] = ids.to(torch.int32)
    expected["text.out"] = out.last_hidden_state
    expected["text.skip1"] = encoder.final_layer_norm(out.hidden_states[-2])


def unet_part(folder, unet, seed, cases, expected):
    unet = store(shake(unet, seed), folder / "unet")
    config = unet.config
    for name, (batch, height, width, timestep) in cases.items():
        sample = randn(seed + 1, batch, config.in_channels, height, width)
        prompt = randn(seed + 2, batch, 7, config.cross_attention_dim)
        expected[f"unet.{name}.sample"] = sample
        expected[f"unet.{name}.prompt"] = prompt
        expected[f"unet.{name}.timestep"] = torch.tensor([timestep], dtype=torch.float32)
        expected[f"unet.{name}.out"] = unet(sample, timestep, prompt).sample


def make_v1():
    folder, expected = OUT / "v1", {}
    text_part(folder, 1, "<|endoftext|>", "quick_gelu", expected)
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=9,
        out_channels=4,
        block_out_channels=(16, 32, 32),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=24,
        attention_head_dim=4,
        norm_num_groups=8,
    )
    # 13 × 10 does not halve evenly on either side; fractions of a timestep occur with some schedulers.
    cases = {"even": (2, 8, 12, 981), "uneven": (1, 13, 10, 0.25)}
    unet_part(folder, unet, 10, cases, expected)
    vae = AutoencoderKL(
        block_out_channels=(8, 16, 24),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
    )
    vae = store(shake(vae, 20), folder / "vae")
    image, latents = randn(21, 1, 3, 24, 32).clamp(-1, 1), randn(22, 2, 4, 5, 7)
    moments = vae.encode(image).latent_dist
    expected |= {
        "vae.image": image,
        "vae.mean": moments.mean,
        "vae.logvar": moments.logvar,
        "vae.latents": latents,
        "vae.decoded": vae.decode(latents).sample,
    }
    index(folder, "StableDiffusionInpaintPipeline", vae, PNDMScheduler(skip_prk_steps=True))
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")


def make_v2():
    folder, expected = OUT / "v2", {}
    text_part(folder, 2, "!", "gelu", expected)
    unet = UNet2DConditionModel(
        sample_size=(8, 16),
        in_channels=4,
        out_channels=4,
        center_input_sample=True,
        flip_sin_to_cos=False,
        freq_shift=1,
        block_out_channels=(16, 24, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        only_cross_attention=[False, True, False],
        layers_per_block=[1, 2, 1],
        transformer_layers_per_block=[1, 1, 2],
        downsample_padding=0,
        mid_block_scale_factor=1.4,
        cross_attention_dim=24,
        attention_head_dim=[2, 3, 4],
        norm_num_groups=4,
        norm_eps=1e-4,
        use_linear_projection=True,
        upcast_attention=True,
        time_embedding_dim=40,
        conv_in_kernel=5,
        conv_out_kernel=1,
    )
    cases = {"even": (1, 8, 12, 1), "uneven": (2, 9, 14, 999)}
    unet_part(folder, unet, 30, cases, expected)
    vae = AutoencoderTiny(
        encoder_block_out_channels=(12, 12, 12),
        decoder_block_out_channels=(8, 8, 8),
        num_encoder_blocks=(1, 1, 2),
        num_decoder_blocks=(2, 1, 1),
        latent_channels=4,
        act_fn="relu",
    )
    vae = store(shake(vae, 40), folder / "vae")
    image, latents = randn(41, 1, 3, 24, 32).clamp(-1, 1), randn(42, 2, 4, 5, 7) * 3
    expected |= {
        "vae.image": image,
        "vae.mean": vae.encode(image).latents,
        "vae.latents": latents,
        "vae.decoded": vae.decode(latents).sample,
    }
    # This scheduler's configuration holds a bare -Infinity.
    index(folder, "StableDiffusionPipeline", vae, DPMSolverMultistepScheduler(prediction_type="v_prediction"))
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    shutil.rmtree(OUT, ignore_errors=True)
    make_v1()
    make_v2()
