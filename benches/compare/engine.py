"""Times diffusers' networks on the same folder, device and size as `inlay bench engine`, and prints both side by side.

    python engine.py FOLDER [--inlay PATH] [--size 512] [--runs 3] [--device cpu|cuda] [--dtype float32|float16]

Both run in turn in this one call, Inlay first. Needs torch, diffusers, transformers.
"""

import argparse
import json
import resource
import statistics
import subprocess
import time

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from transformers import CLIPTextModel


def median_ms(runs, device, work):
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        with torch.no_grad():
            work()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times[1:])


def load_vae(folder, dtype):
    config = json.load(open(f"{folder}/vae/config.json"))
    kind = AutoencoderTiny if config["_class_name"] == "AutoencoderTiny" else AutoencoderKL
    return kind.from_pretrained(folder, subfolder="vae", torch_dtype=dtype)


def diffusers_times(args):
    dtype = getattr(torch, args.dtype)
    like = dict(device=args.device, dtype=dtype)
    out = {}
    text = CLIPTextModel.from_pretrained(args.folder, subfolder="text_encoder", torch_dtype=dtype).to(args.device)
    ids = torch.ones(1, text.config.max_position_embeddings, dtype=torch.long, device=args.device)
    out["text_ms"] = median_ms(args.runs, args.device, lambda: text(ids))
    with torch.no_grad():
        embeds = text(ids)[0]
    del text
    vae = load_vae(args.folder, dtype).to(args.device)
    downscale = 2 ** (len(vae.config.block_out_channels) - 1)
    side = args.size // downscale
    unet = UNet2DConditionModel.from_pretrained(args.folder, subfolder="unet", torch_dtype=dtype).to(args.device)
    latents = torch.randn(1, unet.config.in_channels, side, side, **like)
    out["unet_step_ms"] = median_ms(args.runs, args.device, lambda: unet(latents, 500, embeds))
    del unet
    image = torch.randn(1, 3, args.size, args.size, **like)
    out["vae_encode_ms"] = median_ms(args.runs, args.device, lambda: vae.encode(image))
    small = torch.randn(1, vae.config.latent_channels, side, side, **like)
    out["vae_decode_ms"] = median_ms(args.runs, args.device, lambda: vae.decode(small))
    out["peak_memory_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return out


def inlay_times(args):
    command = [args.inlay, "bench", "engine", "--model", args.folder, "--size", f"{args.size}x{args.size}"]
    command += ["--runs", str(args.runs), "--json"]
    command += ["--device", "gpu" if args.device == "cuda" else "cpu"]
    command += ["--precision", "f16" if args.dtype == "float16" else "f32"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--inlay", default="inlay")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    args = parser.parse_args()
    ours = inlay_times(args)
    theirs = diffusers_times(args)
    print(f"{args.folder}, {args.size}², {args.dtype}, {args.device}, median of {args.runs}")
    print(f"{'':16}{'Inlay':>12}{'diffusers':>12}{'ratio':>8}")
    for key in ("text_ms", "unet_step_ms", "vae_encode_ms", "vae_decode_ms"):
        print(f"{key:16}{ours[key]:12.0f}{theirs[key]:12.0f}{ours[key] / theirs[key]:8.2f}")
    peaks = [run["peak_memory_bytes"] / 2**20 for run in (ours, theirs)]
    print(f"{'peak MiB':16}{peaks[0]:12.0f}{peaks[1]:12.0f}{peaks[0] / peaks[1]:8.2f}")


if __name__ == "__main__":
    main()
