#!/usr/bin/env python3
"""Renders `assets/sample.jpg`, the photograph-like picture that Inlay opens on its first start.

Owns the order of the drawing and the development of light into the 8-bit picture: a beach in late light with one
beach ball that is worth removing. Everything is computed from seeded noise and geometry (`sample_*.py`); no photograph
or foreign texture goes in. Run by hand, `python training/make_sample.py`; never called by the program or its tests.
Needs numpy, scipy, opencv and pillow.
"""
import argparse
import pathlib

import cv2
import numpy as np
from PIL import Image

from sample_beach import Sea, render_sand, render_sea, shore
from sample_light import EYE, FOCAL, HEIGHT, HORIZON, SS, WIDTH, mix, smoothstep
from sample_objects import GRASS, add_ball, add_grass, grass_blades, grass_shadow
from sample_sky import add_headland, render_sky

EXPOSURE = 0.93


def filmic(x):
    """Smooth shoulder and toe (Hable's rational form, own constants), white at 2.9."""
    def curve(v):
        return (v * (0.24 * v + 0.012) + 0.0006) / (v * (0.24 * v + 0.27) + 0.06) - 0.01
    return np.clip(curve(np.maximum(x, 0.0)) / curve(2.9), 0.0, 1.0)


def develop(linear, rng):
    """From scene light to the 8-bit picture: lens, sensor, tone curve."""
    bloom = cv2.GaussianBlur(np.minimum(linear, 4.0).astype(np.float32), (0, 0), 28 * SS / 2)
    linear = linear * 0.965 + bloom * 0.035
    linear = cv2.resize(linear.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    dx, dy = (x - WIDTH / 2) / (WIDTH / 2), (y - HEIGHT / 2) / (WIDTH / 2)
    square = dx * dx + dy * dy
    for channel, stretch in ((0, 0.00035), (2, -0.00035)):  # lateral colour of the lens
        k = 1 - stretch * (0.3 + square)
        linear[..., channel] = cv2.remap(linear[..., channel].copy(), (x - WIDTH / 2) * k + WIDTH / 2,
                                         (y - HEIGHT / 2) * k + HEIGHT / 2, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    near = cv2.GaussianBlur(linear, (0, 0), 1.3)
    linear = mix(linear, near, smoothstep(960.0, HEIGHT + 100.0, y) * 0.8)  # the closest sand leaves the depth of field
    linear = cv2.GaussianBlur(linear, (0, 0), 0.42)
    linear *= (1.0 - 0.26 * square ** 1.1)[..., None]
    shot = rng.standard_normal(linear.shape) * np.sqrt(np.maximum(linear, 0.0) * 0.00010 + 0.000003)
    shared = shot.mean(axis=-1, keepdims=True) * 1.5
    linear = linear + cv2.GaussianBlur(shot * 0.42 + shared, (0, 0), 0.55) * 1.25
    value = filmic(linear * EXPOSURE)
    grey = value @ np.array([0.2126, 0.7152, 0.0722])
    value = np.clip(grey[..., None] + (value - grey[..., None]) * 1.06, 0.0, 1.0)
    encoded = np.where(value <= 0.0031308, value * 12.92, 1.055 * np.maximum(value, 1e-6) ** (1 / 2.4) - 0.055)
    encoded = encoded - 0.055 * np.sin(2 * np.pi * encoded)
    return np.clip(encoded * 255.0 + rng.random(encoded.shape) - 0.5, 0, 255).round().astype(np.uint8)


def render():
    sky = render_sky(np.random.default_rng(19))
    horizon = int(HORIZON * SS)
    image = np.zeros((HEIGHT * SS, WIDTH * SS, 3))
    image[:sky.shape[0]] = sky
    add_headland(image, sky)
    mirror_source = image[:horizon].astype(np.float32)
    y, x = np.mgrid[horizon:HEIGHT * SS, 0:WIDTH * SS].astype(np.float64)
    z = FOCAL * EYE / ((y + 0.5) / SS - HORIZON)
    ground_x = (x / SS - WIDTH / 2) * z / FOCAL
    first = int((HORIZON + FOCAL * EYE / 7.0) * SS) - horizon  # rows below hold no water
    sand = render_sand(np.clip(ground_x, -200, 200), np.minimum(z, 200), mirror_source, np.random.default_rng(3))
    sea = Sea(np.random.default_rng(23))
    columns = np.arange(WIDTH * SS, dtype=np.float64)
    rows = first // SS
    total = np.zeros((rows * SS, WIDTH * SS, 3))
    for jitter in (0.25, 0.75):
        sea_z = sea.trace(rows, columns, jitter)
        sea_x = (columns / SS - WIDTH / 2)[None, :] * sea_z / FOCAL
        water = smoothstep(0.0, 0.03, sea_z - shore(sea_x))
        total += mix(sand[:rows * SS], render_sea(sea, sea_x, sea_z, mirror_source), water) / 2
    sand[:rows * SS] = total
    blades = [b for x, z, n, w in GRASS for b in grass_blades(np.random.default_rng(int(x * 100 + z * 10)), n, (x, z), w)]
    blades.sort(key=lambda blade: -blade[0])
    sunlit = (grass_shadow(blades)[horizon:] - 1.0)[..., None] * np.array([0.80, 0.74, 0.62]) + 1.0
    image[horizon:] = sand * sunlit
    image = image.astype(np.float32)
    add_ball(image)
    add_grass(image, blades)
    return image


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "assets" / "sample.jpg")
    parser.add_argument("--quality", type=int, default=90)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    picture = develop(render(), np.random.default_rng(77))
    Image.fromarray(picture).save(arguments.out, quality=arguments.quality, subsampling="4:2:0", optimize=True, progressive=True)
    print(arguments.out, arguments.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
