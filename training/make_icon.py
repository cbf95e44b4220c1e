#!/usr/bin/env python3
"""Draws `assets/icon.png`, the 256 px icon of the program: a framed horizon with one piece being laid in.

Called by hand, `python training/make_icon.py`; never by the program. Needs numpy and pillow. All shapes are formulas.
"""
import argparse
import pathlib

import numpy as np
from PIL import Image

SIDE, SS = 256, 6


def rounded_box(x, y, cx, cy, half, radius):
    """Signed distance (units of the icon's side) to a rounded square."""
    qx, qy = np.abs(x - cx) - half + radius, np.abs(y - cy) - half + radius
    return np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0) - radius


def smoothstep(low, high, v):
    t = np.clip((v - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def over(canvas, colour, alpha):
    """Paints a colour (array or triple) over straight-alpha RGBA."""
    alpha = alpha[..., None]
    canvas[..., :3] = canvas[..., :3] * (1 - alpha) + np.asarray(colour) * alpha
    canvas[..., 3:] = canvas[..., 3:] * (1 - alpha) + alpha


def blend(a, b, t):
    return np.asarray(a) * (1 - t[..., None]) + np.asarray(b) * t[..., None]


def landscape(x, y):
    """Evening sky, sun, two ranges of hills."""
    sky = blend((0.16, 0.22, 0.48), (0.96, 0.58, 0.38), smoothstep(0.10, 0.62, y))
    glow = np.exp(-np.hypot(x - 0.31, y - 0.43) / 0.14)
    sky = np.clip(sky + glow[..., None] * np.array([0.30, 0.20, 0.06]), 0, 1)
    sun = smoothstep(0.094, 0.090, np.hypot(x - 0.31, y - 0.43))
    picture = blend(sky, np.array([1.0, 0.90, 0.66]) + 0 * sky, sun)
    far = 0.585 + 0.050 * np.sin(x * 7.0 + 2.4) + 0.012 * np.sin(x * 17.0)
    picture = blend(picture, blend((0.45, 0.34, 0.50), (0.66, 0.44, 0.50), smoothstep(0.55, 0.75, y)), smoothstep(-0.0015, 0.0015, y - far))
    near = 0.715 + 0.060 * np.sin(x * 5.2 - 0.6)
    return blend(picture, blend((0.16, 0.17, 0.34), (0.08, 0.09, 0.22), smoothstep(0.68, 0.95, y)), smoothstep(-0.0015, 0.0015, y - near))


def draw():
    side = SIDE * SS
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    aa = 0.7 / side
    canvas = np.zeros((side, side, 4))
    outer = rounded_box(x, y, 0.5, 0.5, 0.46, 0.115)
    body = smoothstep(aa, -aa, outer)
    over(canvas, landscape(x, y), body)
    # the gap, and the piece lifted a little out of it; the piece shows what the gap lacks
    gap_x, gap_y, half, lift_x, lift_y = 0.615, 0.625, 0.185, 0.085, -0.095
    gap = rounded_box(x, y, gap_x, gap_y, half, 0.030)
    inner = blend((0.06, 0.05, 0.16), (0.02, 0.02, 0.08), smoothstep(gap_y - half, gap_y + half, y))
    over(canvas, inner, smoothstep(aa, -aa, gap) * body)
    shadow = rounded_box(x, y, gap_x + lift_x - 0.014, gap_y + lift_y + 0.026, half, 0.030)
    over(canvas, (0.02, 0.02, 0.07), np.exp(-np.maximum(shadow, 0.0) / 0.022) * 0.42 * body)
    piece = rounded_box(x, y, gap_x + lift_x, gap_y + lift_y, half, 0.030)
    over(canvas, (1.0, 0.97, 0.92), smoothstep(aa, -aa, piece - 0.016))
    over(canvas, np.clip(landscape(x - lift_x, y - lift_y) * 1.04 + 0.02, 0, 1), smoothstep(aa, -aa, piece + 0.004))
    rim = smoothstep(0.006, 0.0, np.abs(outer + 0.006)) * 0.28 * smoothstep(0.75, 0.05, y) * body
    over(canvas, (1.0, 1.0, 1.0), rim)
    return canvas


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "assets" / "icon.png")
    arguments = parser.parse_args()
    canvas = draw()
    canvas[..., :3] *= canvas[..., 3:]
    small = canvas.reshape(SIDE, SS, SIDE, SS, 4).mean(axis=(1, 3))
    small[..., :3] /= np.maximum(small[..., 3:], 1e-6)
    Image.fromarray((np.clip(small, 0, 1) * 255).round().astype(np.uint8)).save(arguments.out, optimize=True)
    print(arguments.out, arguments.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
