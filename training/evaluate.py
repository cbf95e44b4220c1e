"""Measures an export: reconstruction, held-out loss, fills. One command for any folder that diffusers can load.

    python training/evaluate.py EXPORT --photos FOLDER [--store STORE] [--inlay PROGRAM] [--python PYTHON] [--steps 12]

Prints the autoencoder's PSNR and SSIM on each photo's middle square at 256², the UNet's loss on the store's held-out photos with
fixed holes and noise (whole, by quarter of the schedule, and without words), and the table of `inlay bench quality`. What is left
out on the command line is left out of the print. `--report FILE` keeps everything as JSON. Never trains.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import bench_table
from captions import Captions, load_tokenizer
from data import load, seeded
from losses import psnr, ssim
from schedule import STEPS, Schedule
from train_unet import Batches, conditioned, load_pair, load_vae

PHOTO_ENDINGS = {".png", ".jpg", ".jpeg", ".webp"}
# The autoencoder's bars on the project's test photos.
ASKED = {"psnr": 29.0, "ssim": 0.90}


def photos_in(folder):
    found = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in PHOTO_ENDINGS)
    if not found:
        raise SystemExit(f"{folder} holds no PNG, JPEG or WebP photos")
    return found


def square(path, side):
    """The middle square of a photo: float (1, 3, side, side) in −1…1."""
    image = Image.open(path).convert("RGB")
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    image = image.resize((side, side), Image.LANCZOS, box=(left, top, left + short, top + short))
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1


def reconstruction(export, photos, side, sheet=None):
    """{photo: (PSNR, SSIM)}; `sheet` writes photo and reconstruction side by side."""
    vae, _ = load_vae(Path(export) / "vae", "cpu")
    figures, rows = {}, []
    for path in photos:
        real = square(path, side)
        made = vae.decoder(vae.encoder(real)).clamp(-1, 1)
        made = ((made + 1) * 127.5).round() / 127.5 - 1  # as a file would hold it
        figures[path.name] = (float(psnr(made, real)), float(ssim(made, real)))
        rows.append(torch.cat((real[0], made[0]), 2))
    if sheet is not None:
        columns = [torch.cat(rows[i::3], 1) for i in range(3) if rows[i::3]]
        high = max(c.shape[1] for c in columns)
        columns = [torch.nn.functional.pad(c, (0, 0, 0, high - c.shape[1])) for c in columns]
        pixels = ((torch.cat(columns, 2) + 1) * 127.5).round().byte().permute(1, 2, 0)
        Image.fromarray(pixels.numpy()).save(sheet)
    return figures


def print_reconstruction(figures):
    for name, (decibels, similarity) in figures.items():
        print(f"  {name:<48} {decibels:6.2f} dB  SSIM {similarity:.4f}")
    mean = [sum(f[i] for f in figures.values()) / len(figures) for i in (0, 1)]
    reached = "reached" if mean[0] > ASKED["psnr"] and mean[1] > ASKED["ssim"] else "not reached"
    print(f"  {'mean':<48} {mean[0]:6.2f} dB  SSIM {mean[1]:.4f}   (asked: {ASKED['psnr']:g} and {ASKED['ssim']:g}; {reached})")
    return {"psnr": mean[0], "ssim": mean[1]}


def held_out(export, store, device, rounds, count):
    """Squared error of the velocity inside holes on unseen photos: mean, by quarter of the schedule, and without words."""
    export = Path(export)
    config, unet, text = load_pair(export)
    vae, vae_config = load_vae(export / "vae", device)
    unet, text = unet.to(device).eval(), text.to(device).eval()
    unseen = load(store, device)[1]
    batches = Batches(unseen, Captions(unseen.rows, load_tokenizer(export / "tokenizer"), device), vae, vae_config, device)
    schedule, sums = Schedule(device), {"loss": [], "blind": []}
    for i in range(rounds):
        batch = batches.draw(count, config["unet"]["sample_size"] * 4, 777, i, dropout=0.0, augment=False)
        noise = torch.randn(batch["latents"].shape, generator=seeded(777, i, "noise", device), device=device)
        timestep = ((torch.arange(count, device=device) + 0.5) / count * STEPS).long()
        noisy = schedule.noisy(batch["latents"], noise, timestep)
        target = schedule.velocity(batch["latents"], noise, timestep)
        inside = (batch["weight"] == 1).float()
        for name, tokens in (("loss", batch["tokens"]), ("blind", batches.captions.empty(count))):
            predicted = conditioned(unet, noisy, timestep, batch, text(tokens)[0])
            sums[name].append((((predicted - target) ** 2) * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3)) / 4)
    loss, blind = (torch.stack(sums[name]) for name in ("loss", "blind"))
    quarters = [float(part.mean()) for part in loss.chunk(4, 1)]
    return {"loss": float(loss.mean()), "blind": float(blind.mean()), "quarters": quarters}


def bench(args, photos):
    """The rows of `inlay bench quality`."""
    command = [args.inlay, "bench", "quality", *map(str, photos), "--model", str(args.export), "--json", "--quiet", "--device", "cpu",
               "--each", str(args.each)]
    for flag, value in (("--steps", args.steps), ("--python", args.python), ("--sheets", args.sheets), ("--kinds", args.kinds)):
        if value is not None:
            command += [flag, str(value)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{args.inlay} failed: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout)["rows"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos that no shard holds")
    parser.add_argument("--store", type=Path, help="packed photos, for the held-out loss")
    parser.add_argument("--inlay", help="the program, for the table of fills")
    parser.add_argument("--python", help="a Python with OpenCV, to compare with Telea and Navier–Stokes")
    parser.add_argument("--steps", type=int, help="denoising steps of the fills")
    parser.add_argument("--kinds", help="only these kinds of holes, as `inlay bench quality` takes them")
    parser.add_argument("--each", type=int, default=1, help="holes of each kind a photo")
    parser.add_argument("--sheets", type=Path, help="folder for pictures of every fill")
    parser.add_argument("--reconstructions", type=Path, help="PNG to write photos and reconstructions into")
    parser.add_argument("--only", help="only photos whose name holds this")
    parser.add_argument("--rounds", type=int, default=4, help="held-out batches")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--report", type=Path)
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    photos = [p for p in photos_in(args.photos) if args.only is None or args.only in p.name]
    print("autoencoder at 256²", flush=True)
    reconstructions = reconstruction(args.export, photos, 256, args.reconstructions)
    report = {"reconstruction": print_reconstruction(reconstructions) | {"photos": reconstructions}}
    if args.store is not None:
        report["held_out"] = found = held_out(args.export, args.store, args.device, args.rounds, args.batch)
        quarters = ", ".join(f"{value:.4f}" for value in found["quarters"])
        print(f"held-out loss in holes {found['loss']:.4f}, without words {found['blind']:.4f}; from little noise to all: {quarters}")
    if args.inlay is not None:
        rows = bench(args, photos)
        report["rows"], report["wins"] = rows, bench_table.wins(rows)
        print("\n".join(["fills", *bench_table.medians(rows), *bench_table.wins_lines(rows)]))
    if args.report is not None:
        args.report.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
