"""Compares the program with diffusers over a matrix of random models, made on the spot outside the repository.

    python tests/golden/compare_cli.py --work DIR --inlay target/release/inlay          through the command line
    python tests/golden/compare_cli.py --work DIR --prepare                             models and pictures only; then run
    INLAY_PARITY=DIR cargo test --release --test golden_pipeline parity -- --ignored --nocapture

`--clip DIR` takes vocab.json and merges.txt of CLIP's full vocabulary; without it the tokenizer is a tiny one. `--quick` runs
two samplers only. Prints the mean absolute difference of every case in steps of 1/255 and ends with status 1 if one is above 1.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from make_networks import train_tokenizer
from make_sampling import NAMES, NEGATIVE, PROMPT, load_pipe, named_scheduler
from PIL import Image
from safetensors.numpy import save_file
from tiny_models import SD2, SD15, assemble, test_picture, text_encoder, unet, vae_kl, vae_tiny

EULER = SD15 | {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}
TRAILING_V = SD2 | {"timestep_spacing": "trailing", "rescale_betas_zero_snr": True}
SPARSE = {"_class_name": "DPMSolverMultistepScheduler", "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
SIZES = ((64, 64), (72, 64), (96, 40))


def build_tokenizer(folder, clip):
    if clip is None:
        _, vocab = train_tokenizer(folder, "<|endoftext|>")
        return vocab, 20
    folder.mkdir(parents=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(clip / name, folder / name)
    config = {"model_max_length": 77, "pad_token": "<|endoftext|>", "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return len(json.loads((folder / "vocab.json").read_text(encoding="utf-8"))), 77


def build_models(work, clip):
    """SD 1 and SD 2 alike, inpainting and plain UNets, both autoencoders; every scheduler configuration is in it once."""
    parts = work / "parts"
    vocab, length = build_tokenizer(parts / "tokenizer", clip)
    for kind, activation in ((1, "quick_gelu"), (2, "gelu")):
        text_encoder(parts / f"text{kind}", 200 + kind, vocab, length, 32, activation, vocab - 1)
    deep = {"block_out_channels": (16, 24, 32), "down_block_types": ("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",),
            "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 2, "layers_per_block": 2}
    linear = {"use_linear_projection": True, "attention_head_dim": [2, 2, 4], "upcast_attention": True}
    for channels in (4, 9):
        unet(parts / f"unet1-{channels}", 210 + channels, channels, 32, **deep)
        unet(parts / f"unet2-{channels}", 220 + channels, channels, 32, **deep | linear)
    vae_kl(parts / "kl", 230)
    vae_tiny(parts / "tiny", 231)
    table = {
        "sd1-inpaint": (1, 9, "kl", SD15), "sd1-plain": (1, 4, "kl", SD15), "sd1-inpaint-tiny": (1, 9, "tiny", EULER),
        "sd1-plain-tiny": (1, 4, "tiny", SPARSE), "sd2-inpaint": (2, 9, "kl", SD2), "sd2-plain": (2, 4, "kl", TRAILING_V),
    }
    for name, (kind, channels, vae, scheduler) in table.items():
        assemble(work / name, {"tokenizer": parts / "tokenizer", "text_encoder": parts / f"text{kind}",
                               "unet": parts / f"unet{kind}-{channels}", "vae": parts / vae}, scheduler)
    return list(table)


def matrix(models, quick):
    for i, model in enumerate(models):
        width, height = SIZES[i % len(SIZES)]
        for name in (None, "euler-a") if quick else (None, *NAMES):
            if name == "pndm" and model == "sd2-plain":
                continue  # zero terminal signal, which PNDM cannot run
            for strength in (1.0, 0.6):
                for guidance in (1.0, 7.5):
                    yield {"model": model, "name": name, "steps": 6, "strength": strength, "guidance": guidance,
                           "prompt": PROMPT, "width": width, "height": height}


def run_diffusers(pipe, own, case, image, mask):
    pipe.scheduler = named_scheduler(own, case["name"])
    result = pipe(
        case["prompt"], image=Image.fromarray(image), mask_image=Image.fromarray(mask), height=case["height"],
        width=case["width"], strength=case["strength"], num_inference_steps=case["steps"],
        guidance_scale=case["guidance"], negative_prompt=NEGATIVE, generator=torch.Generator("cpu").manual_seed(7),
        output_type="np",
    ).images[0]
    return np.ascontiguousarray(result)


def run_program(inlay, work, case):
    out = work / "out.png"
    command = [inlay, "fill", work / f"image{case['width']}.png", "--mask", work / f"mask{case['width']}.png", "--whole",
               "--raw", "--seed", 7, "--model", work / case["model"], "--device", "cpu", "--prompt", case["prompt"],
               "--negative", NEGATIVE, "--steps", case["steps"], "--guidance", case["guidance"],
               "--strength", case["strength"], "-o", out]
    if case["name"] is not None:
        command += ["--scheduler", case["name"]]
    out.unlink(missing_ok=True)
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[-1:] or ["failed without a word"]
    return np.asarray(Image.open(out).convert("RGB"), dtype=np.float64) / 255, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="an empty or absent folder for models and pictures")
    parser.add_argument("--inlay", help="the program")
    parser.add_argument("--clip", type=Path, help="folder with CLIP's vocab.json and merges.txt")
    parser.add_argument("--prepare", action="store_true", help="run diffusers only")
    parser.add_argument("--quick", action="store_true", help="two samplers only")
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    if (args.work / "parts").exists():
        sys.exit(f"{args.work} is in use; choose an empty folder")
    args.work.mkdir(parents=True, exist_ok=True)
    models = build_models(args.work, args.clip)
    arrays, pipes, cases, differences = {}, {}, [], []
    for width, height in SIZES:
        image, mask = test_picture(width, height)
        arrays[f"image{width}"], arrays[f"mask{width}"] = image, mask
        Image.fromarray(image).save(args.work / f"image{width}.png")
        Image.fromarray(mask).save(args.work / f"mask{width}.png")
    for case in matrix(models, args.quick):
        if case["model"] not in pipes:
            pipe = load_pipe(args.work / case["model"])
            pipes = {case["model"]: (pipe, pipe.scheduler)}
        want = run_diffusers(*pipes[case["model"]], case, arrays[f"image{case['width']}"], arrays[f"mask{case['width']}"])
        arrays[f"{len(cases):03}"] = (want * 65535).round().astype(np.uint16)
        cases.append(case)
        if args.prepare:
            continue
        got, problem = run_program(args.inlay, args.work, case)
        # The program writes 8 bits, so diffusers' picture is rounded as well.
        difference = float("nan") if problem else np.abs(got - (want * 255).round() / 255).mean() * 255
        differences.append(difference)
        label = f"{case['model']:17} {case['name'] or '(own)':15} strength {case['strength']} guidance {case['guidance']}"
        print(f"{label}: {problem[0] if problem else format(difference, '.4f')}", flush=True)
    save_file(arrays, args.work / "pictures.safetensors")
    (args.work / "pictures.json").write_text(json.dumps({"negative_prompt": NEGATIVE, "cases": cases}, indent=1))
    print(f"{len(cases)} cases in {args.work}")
    if differences:
        worst = max(differences, key=lambda d: d if d == d else float("inf"))
        print(f"mean {np.nanmean(differences):.4f}, worst {worst:.4f} of 255")
        sys.exit(0 if worst <= 1 else 1)


if __name__ == "__main__":
    main()
