"""Measures the exemplar denoiser against OpenCV's Telea and Navier-Stokes on photos with synthetic masks.

    python exemplar_bars.py --photos FOLDER --out FOLDER [--command 'inlay fill {photo} --mask {mask} --model exemplar -o {out}']

Needs numpy, pillow, opencv, scikit-image. Writes contact sheets (truth | hole | Telea | Navier-Stokes | ours) and scores.json
into --out, and prints a table. Masks have fixed seeds; --seed gives others. Scores, all inside the hole:

  gradient   L1 distance between histograms of gradient magnitude (log-spaced bins) of the result and of the truth
  seam       |ln(step across the hole's edge in the result / the same step in the truth)|, steps being mean colour differences
  ssim       structural similarity (7 x 7, mean over channels) with the truth

The bars: ours is better than both rivals in at least 80 % of all cases (gradient, seam), and our mean SSIM is at least 0.85
(objects) or 0.97 (scratches) of the better rival's mean. Bands and borders are shown for the eye.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage.metrics import structural_similarity

KINDS = ("object", "band", "scratch", "border")


def blob(rng, h, w, width):
    """An irregular blob about `width` pixels across."""
    n = 48
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    radius = np.ones(n)
    for k in range(2, 6):
        radius += rng.uniform(0, 0.5 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    radius *= width / 2
    aspect = rng.uniform(0.7, 1.4)
    cx, cy = rng.uniform(0.1, 0.9) * w, rng.uniform(0.1, 0.9) * h
    points = np.stack([cx + radius * np.cos(angle) * aspect, cy + radius * np.sin(angle) / aspect], 1)
    mask = np.zeros((h, w), np.uint8)
    cv2.fillPoly(mask, [points.round().astype(np.int32)], 255)
    return mask


def band(rng, h, w):
    """A wide, gently bent stroke across part of the picture."""
    mask = np.zeros((h, w), np.uint8)
    thick = int(rng.uniform(0.04, 0.09) * max(h, w))
    t = np.linspace(0, 1, 60)
    a, b = rng.uniform(0.05, 0.95, 2), rng.uniform(0.05, 0.95, 2)
    while np.hypot(*(a - b)) < 0.5:
        a, b = rng.uniform(0.05, 0.95, 2), rng.uniform(0.05, 0.95, 2)
    bend = rng.uniform(-0.15, 0.15)
    line = a + (b - a) * t[:, None] + bend * np.sin(np.pi * t)[:, None] * np.array([b[1] - a[1], a[0] - b[0]])
    points = (line * [w, h]).round().astype(np.int32)
    cv2.polylines(mask, [points], False, 255, thick)
    return mask


def scratches(rng, h, w):
    """Three to nine wiggly lines, one to five pixels wide."""
    mask = np.zeros((h, w), np.uint8)
    for _ in range(rng.integers(3, 10)):
        n = int(rng.integers(60, 200))
        at = np.array([rng.uniform(0, w), rng.uniform(0, h)])
        heading, turn = rng.uniform(0, 2 * np.pi), 0.0
        points = [at]
        for _ in range(n):
            turn = 0.9 * turn + rng.normal(0, 0.03)
            heading += turn
            points.append(points[-1] + 4 * np.array([np.cos(heading), np.sin(heading)]))
        line = np.array(points).round().astype(np.int32)
        cv2.polylines(mask, [line], False, 255, int(rng.integers(1, 6)))
    return mask


def border(rng, h, w):
    """A band at one side, 10 to 25 % of the picture."""
    mask = np.zeros((h, w), np.uint8)
    share = rng.uniform(0.10, 0.25)
    side = rng.integers(0, 4)
    depth = int(share * (h if side < 2 else w))
    if side == 0:
        mask[:depth] = 255
    elif side == 1:
        mask[-depth:] = 255
    elif side == 2:
        mask[:, :depth] = 255
    else:
        mask[:, -depth:] = 255
    return mask


def make_mask(kind, rng, h, w):
    if kind == "object":
        return blob(rng, h, w, rng.uniform(0.08, 0.25) * w)
    return {"band": band, "scratch": scratches, "border": border}[kind](rng, h, w)


def luma(picture):
    return picture.astype(np.float64) @ [0.299, 0.587, 0.114]


def gradients(picture):
    y = luma(picture)
    gx = np.zeros_like(y)
    gy = np.zeros_like(y)
    gx[:, :-1] = np.diff(y, axis=1)
    gy[:-1] = np.diff(y, axis=0)
    return np.hypot(gx, gy)


def gradient_distance(result, truth, hole):
    bins = np.concatenate([[0], np.geomspace(0.5, 256, 28)])
    hist = [np.histogram(gradients(p)[hole], bins)[0] / hole.sum() for p in (result, truth)]
    return float(np.abs(hist[0] - hist[1]).sum())


def edge_step(picture, hole):
    """Mean absolute colour difference of neighbours of which one is in the hole."""
    p = picture.astype(np.float64)
    across = hole[:, 1:] != hole[:, :-1]
    down = hole[1:] != hole[:-1]
    steps = np.concatenate([np.abs(np.diff(p, axis=1))[across], np.abs(np.diff(p, axis=0))[down]])
    return float(steps.mean())


def seam(result, truth, hole):
    """ln of the seam ratio, with its sign."""
    return float(np.log((edge_step(result, hole) + 1e-3) / (edge_step(truth, hole) + 1e-3)))


def ssim(result, truth, hole):
    side = min(result.shape[:2])
    window = 7 if side >= 7 else (side - 1) // 2 * 2 + 1
    _, full = structural_similarity(truth, result, channel_axis=2, full=True, win_size=window)
    return float(full.mean(axis=2)[hole].mean())


def crops(path):
    """(name, picture): the photo, or for a large one a full-size crop and the whole at a quarter."""
    photo = np.asarray(Image.open(path).convert("RGB"))
    h, w = photo.shape[:2]
    if max(h, w) <= 1600:
        return [(path.stem[:20], photo)]
    y, x = (h - 1200) // 2, (w - 1200) // 2
    quarter = cv2.resize(photo, (w // 4, h // 4), interpolation=cv2.INTER_AREA)
    return [(path.stem[:20] + "_crop", photo[y : y + 1200, x : x + 1200]), (path.stem[:20] + "_small", quarter)]


def sheet(path, panels, hole):
    """Side by side, cropped to the hole with context, at most 480 pixels high each."""
    ys, xs = np.nonzero(hole)
    h, w = hole.shape
    pad = 40 + max(np.ptp(ys), np.ptp(xs)) // 4
    box = (slice(max(0, ys.min() - pad), min(h, ys.max() + pad)), slice(max(0, xs.min() - pad), min(w, xs.max() + pad)))
    parts = [p[box] for p in panels]
    scale = min(1.0, 480 / parts[0].shape[0], 480 / parts[0].shape[1])
    if scale < 1:
        parts = [cv2.resize(p, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for p in parts]
    gap = np.full((parts[0].shape[0], 4, 3), 255, np.uint8)
    row = [x for p in parts for x in (p, gap)][:-1]
    Image.fromarray(np.concatenate(row, 1)).save(path)


def run_case(name, picture, hole, command, out):
    photo, mask, result = (out / f"{name}_{part}.png" for part in ("photo", "mask", "ours"))
    Image.fromarray(picture).save(photo)
    Image.fromarray(hole.astype(np.uint8) * 255).save(mask)
    words = [w.format(photo=photo, mask=mask, out=result) for w in shlex.split(command)]
    start = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{name}: the command failed: {done.stderr[-2000:]}")
    ours = np.asarray(Image.open(result).convert("RGB"))
    mask8 = hole.astype(np.uint8)
    damaged = picture.copy()
    damaged[hole] = 0
    rivals = [
        cv2.cvtColor(cv2.inpaint(cv2.cvtColor(damaged, cv2.COLOR_RGB2BGR), mask8, 5, flag), cv2.COLOR_BGR2RGB)
        for flag in (cv2.INPAINT_TELEA, cv2.INPAINT_NS)
    ]
    if not np.array_equal(ours[~hole], picture[~hole]):
        sys.exit(f"{name}: pixels outside the hole changed")
    white = picture.copy()
    white[hole] = 255
    sheet(out / f"{name}.png", [picture, white, *rivals, ours], hole)
    for path in (photo, mask, result):
        path.unlink()
    scores = {"name": name, "seconds": seconds}
    for label, p in zip(("telea", "ns", "ours"), (*rivals, ours)):
        scores[label] = [gradient_distance(p, picture, hole), seam(p, picture, hole), ssim(p, picture, hole)]
    return scores


def won(row, i):
    """Is ours closer to 0 than both rivals, by score i?"""
    return abs(row["ours"][i]) < min(abs(row["telea"][i]), abs(row["ns"][i]))


def summarise(rows):
    print(f"{'kind':8} {'n':>4} {'gradient wins':>14} {'seam wins':>10} {'ssim ours':>10} {'telea':>7} {'ns':>7} {'ratio':>6} {'s':>6}")
    held = True
    for kind in KINDS:
        group = [r for r in rows if r["kind"] == kind]
        if not group:
            continue
        wins = [np.mean([won(r, i) for r in group]) for i in (0, 1)]
        ssims = {k: np.mean([r[k][2] for r in group]) for k in ("ours", "telea", "ns")}
        ratio = ssims["ours"] / max(ssims["telea"], ssims["ns"])
        held &= bool(ratio >= {"object": 0.85, "scratch": 0.97}.get(kind, 0))
        print(
            f"{kind:8} {len(group):4d} {wins[0]:14.0%} {wins[1]:10.0%} {ssims['ours']:10.3f} {ssims['telea']:7.3f} {ssims['ns']:7.3f}"
            f" {ratio:6.3f} {np.mean([r['seconds'] for r in group]):6.2f}"
        )
    wins = [np.mean([won(r, i) for r in rows]) for i in (0, 1)]
    held &= bool(min(wins) >= 0.8)
    print(f"{'all':8} {len(rows):4d} {wins[0]:14.0%} {wins[1]:10.0%}")
    print("all bars hold" if held else "a bar is missed")
    return held


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--command", default="inlay fill {photo} --mask {mask} --model exemplar -o {out}")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--each", type=int, default=2, help="masks of each kind a photo")
    parser.add_argument("--only", default="", help="only photos whose name contains this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worst", type=int, default=0, help="also list so many lost cases")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for path in sorted(p for p in args.photos.iterdir() if p.suffix in (".png", ".jpg") and args.only in p.name):
        for name, picture in crops(path):
            for kind in args.kinds:
                for i in range(args.each):
                    words = f"{name} {kind} {i} {args.seed}".encode()
                    rng = np.random.default_rng(list(words))
                    hole = make_mask(kind, rng, *picture.shape[:2]) > 0
                    if hole.sum() < 20:
                        continue
                    scores = run_case(f"{kind}_{name}_{i}", picture, hole, args.command, args.out)
                    rows.append(scores | {"kind": kind})
    (args.out / "scores.json").write_text(json.dumps(rows, indent=1))
    if args.worst:
        for i, label in ((0, "gradient"), (1, "seam")):
            lost = [r for r in rows if not won(r, i)]
            lost.sort(key=lambda r: -abs(r["ours"][i]))
            for r in lost[: args.worst]:
                print(f"lost {label}: {r['name']:32} ours {r['ours'][i]:.3f} telea {r['telea'][i]:.3f} ns {r['ns'][i]:.3f}")
        lost = sorted(rows, key=lambda r: r["ours"][2] / max(r["telea"][2], r["ns"][2]))
        for r in lost[: args.worst]:
            print(f"low ssim: {r['name']:32} ours {r['ours'][2]:.3f} telea {r['telea'][2]:.3f} ns {r['ns'][2]:.3f}")
    return 0 if summarise(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
