"""Proves the recipe on a CPU in about ten minutes: every stage trains, resumes exactly, exports, and Inlay paints what diffusers paints.

    python training/selfcheck.py --data PHOTOS --inlay PROGRAM --work FOLDER [--minutes 1] [--init FOLDER]

Runs each stage as a person would, on a small sample and with the small sizes, and stops with a line that says what failed. With
`--init`, a folder of a pipeline, the autoencoder is also trained on from its weights and both are compared. Never used for
weights that ship.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import checkpointing
import export
import networks
import runlog
import store
from captions import TOKENS
from train_unet import build_pair

HERE = Path(__file__).parent
CROP = 64
STAGES = {  # arguments beside those of every stage
    "vae": ("train_vae.py", ["--size", "nano", "--crop", CROP, "--batch", 16, "--held-out-photos", 4]),
    "unet": ("train_unet.py", ["--size", "nano", "--crop", CROP, "--batch", 16, "--held-out-rounds", 1, "--held-out-batch", 8]),
    "distill": ("distill.py", ["--crop", CROP, "--batch", 8, "--held-out-rounds", 1, "--held-out-batch", 8, "--guidance", 2]),
    "detector": ("train_detector.py", ["--size", "nano", "--crop", CROP, "--batch", 8, "--held-out-rounds", 1, "--held-out-batch", 8]),
}


def fail(text):
    sys.exit(f"self-check failed: {text}")


def paths(work, stage):
    """The folders that a stage needs from those before it."""
    vae = ["--vae", work / "vae", "--tokenizer", work / "tokenizer"]
    return {"vae": [], "detector": [], "unet": vae, "distill": [*vae, "--teacher", work / "unet"]}[stage]


def run_stage(work, stage, out, extra):
    script, own = STAGES[stage]
    command = [sys.executable, HERE / script, "--store", work / "store", "--out", out, *own, *paths(work, stage), "--warmup", 10,
               "--device", "cpu", "--held-out-every", 10**6, "--quiet", *extra]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{script} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return [row["loss"] for row in runlog.read(out) if row["event"] == "step"]


def check_fall(stage, losses):
    """The last third of the logged losses must lie below the first sixth."""
    early, late = np.mean(losses[: max(len(losses) // 6, 1)]), np.mean(losses[-max(len(losses) // 3, 1) :])
    print(f"{stage}: loss {early:.4f} at first, {late:.4f} at last, over {len(losses)} steps", flush=True)
    if not late < early:
        fail(f"the loss of {stage} did not fall")


def check_resume(work, stage):
    """Six steps in one go, and three and three: the same losses, to the last bit."""
    whole, cut = work / f"{stage}-whole", work / f"{stage}-cut"
    one = run_stage(work, stage, whole, ["--steps", 6, "--log-every", 1])
    run_stage(work, stage, cut, ["--steps", 6, "--log-every", 1, "--stop-at", 3])
    two = run_stage(work, stage, cut, ["--steps", 6, "--log-every", 1])
    if one != two or len(one) != 6:
        fail(f"{stage} resumed differs from {stage} in one go: {one} and {two}")
    print(f"{stage}: resumes exactly", flush=True)
    for folder in (whole, cut):
        shutil.rmtree(folder)


def pictures(folder, width, height):
    """A made-up picture and hole of this size, as files."""
    y, x = np.mgrid[0:height, 0:width] / 32.0
    waves = np.stack((np.sin(3 * x + y), np.cos(2 * y - x), np.sin(x * y)), -1)
    image = Image.fromarray(((waves + 1) * 127.5).astype(np.uint8))
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height * 3 // 4, width // 3 : width * 5 // 6] = 255
    image.save(folder / "image.png")
    Image.fromarray(mask).save(folder / "mask.png")
    return image, Image.fromarray(mask)


def compare(pipe, folder, inlay, work, case):
    """(mean, largest) difference of Inlay's picture from diffusers', in steps of 1/255."""
    width, height, steps, guidance, strength = case
    image, mask = pictures(work, width, height)
    words, unwanted = "a photo of a red rose", "blurred"
    want = pipe(words, image=image, mask_image=mask, width=width, height=height, strength=strength, num_inference_steps=steps,
                guidance_scale=guidance, negative_prompt=unwanted, generator=torch.Generator("cpu").manual_seed(7),
                output_type="np").images[0]
    out = work / "filled.png"
    out.unlink(missing_ok=True)
    command = [inlay, "fill", work / "image.png", "--mask", work / "mask.png", "--whole", "--raw", "--seed", 7, "--model", folder,
               "--device", "cpu", "--precision", "f32", "--prompt", words, "--negative", unwanted, "--steps", steps,
               "--guidance", guidance, "--strength", strength, "-o", out]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"Inlay could not run the export: {done.stderr.strip()}")
    got = np.asarray(Image.open(out).convert("RGB"), dtype=np.float64)
    difference = np.abs(got - (want * 255).round())
    return difference.mean(), difference.max()


CASES = ((64, 64, 6, 1.0, 1.0), (96, 64, 8, 5.0, 1.0), (64, 128, 5, 4.0, 0.6), (256, 256, 4, 3.0, 1.0))


def check_pictures(folder, inlay, work, cases=CASES):
    from diffusers import StableDiffusionInpaintPipeline

    pipe = StableDiffusionInpaintPipeline.from_pretrained(folder, torch_dtype=torch.float32, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    for case in cases:
        mean, most = compare(pipe, folder, inlay, work, case)
        label = "{}×{}, {} steps, guidance {}, strength {}".format(*case)
        print(f"Inlay and diffusers, {label}: {mean:.4f} of 255 apart in the mean, {most:.0f} at most", flush=True)
        if not most <= 1:
            fail(f"pictures differ by {most} of 255")


def check_shipping_sizes(work, inlay):
    """Untrained networks of the sizes that ship: within the limit, run by Inlay, alike in diffusers. Prints what a fill takes."""
    vocabulary = len(json.loads((work / "tokenizer" / "vocab.json").read_text(encoding="utf-8")))
    vae_config = networks.vae_config("pocket")
    detector = networks.build_detector(networks.DETECTOR_SIZES["pocket"])
    states = {"pocket-vae": ({"vae": vae_config}, {"vae": networks.build_vae(vae_config)}),
              "pocket-detector": ({"detector": networks.DETECTOR_SIZES["pocket"]}, {"detector": detector})}
    for size in ("pocket", "wide"):
        config = {"unet": networks.unet_config(size, 64), "text": networks.text_config(size, vocabulary, TOKENS), "vae": vae_config}
        unet, text = build_pair(config)
        states[f"{size}-unet"] = config, {"unet": unet, "text": text}
    for name, (config, modules) in states.items():
        ema = {part: dict(module.named_parameters()) for part, module in modules.items()}
        checkpointing.pack(work / name, {"step": 0, "config": config, "ema": ema}, keep=("ema",))
    for size in ("pocket", "wide"):
        to = work / f"export-{size}"
        sizes = export.export(work / "pocket-vae", work / f"{size}-unet", work / "tokenizer", work / "store", to, work / "pocket-detector")
        print(f"size {size}: {sum(sizes.values()):,} bytes of {networks.EXPORT_BYTES:,}", flush=True)
        check_pictures(to, inlay, work, cases=((256, 256, 4, 3.0, 1.0), (192, 128, 3, 1.0, 1.0)))
        command = [inlay, "bench", "engine", "--model", to, "--device", "cpu"]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        print(done.stdout.strip() or done.stderr.strip(), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train-NN.tar and index.jsonl")
    parser.add_argument("--inlay", type=Path, required=True, help="the program")
    parser.add_argument("--work", type=Path, required=True, help="a folder that is not there yet")
    parser.add_argument("--minutes", type=float, default=1.0, help="of training, each stage")
    parser.add_argument("--init", type=Path, help="a pipeline whose autoencoder to compare with a fresh one")
    parser.add_argument("--photos", type=int, default=60, help="of each shard")
    args = parser.parse_args()
    if args.work.exists():
        sys.exit(f"{args.work} is in use; choose a folder that is not there yet")
    work = args.work
    store.add_shards(args.data, work / "store", args.photos)
    subprocess.run([sys.executable, HERE / "captions.py", "--store", work / "store", "--tokenizer", work / "tokenizer",
                    "--vocabulary", "1200"], check=True)
    timed = ["--minutes", args.minutes, "--log-every", 1, "--home"]
    for stage in STAGES:
        # A fresh distillation has little to learn from a fresh teacher, but must still come nearer to it.
        rate = {"vae": 1e-3, "unet": 1e-3, "distill": 1e-4, "detector": 3e-3}[stage]
        check_fall(stage, run_stage(work, stage, work / stage, [*timed, work / f"{stage}-home", "--lr", rate]))
        check_resume(work, stage)
    if args.init is not None:
        more = ["--init", args.init / "vae", "--minutes", args.minutes, "--log-every", 1, "--lr", 3e-4]
        run_stage(work, "vae", work / "vae-init", more)
        for name in ("vae", "vae-init"):
            last = [row for row in runlog.read(work / name) if row["event"] == "held_out"][-1]
            print(f"{name}: held-out PSNR {last['psnr']:.2f} dB, SSIM {last['ssim']:.4f} after {last['step']} steps", flush=True)
    for unet in ("unet-home", "distill"):
        folder = work / f"export-{unet}"
        command = [sys.executable, HERE / "export.py", "--vae", work / "vae-home", "--unet", work / unet, "--tokenizer",
                   work / "tokenizer", "--store", work / "store", "--detector", work / "detector-home", "--to", folder]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if done.returncode != 0:
            fail(f"the export failed: {done.stderr[-1000:]}")
        print(done.stdout.strip().splitlines()[-1])
        check_pictures(folder, args.inlay, work)
    check_shipping_sizes(work, args.inlay)
    print(f"self-check passed; the export limit is {networks.EXPORT_BYTES / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
