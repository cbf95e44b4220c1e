"""Light, noise and the camera of the sample picture.

Owns the scene's constants and the small tools that its parts share; called by the other `sample_*` modules and
`make_sample.py`; must never draw or read a file.

World: X right, Y up, Z away from the camera, metres; the ground is near Y = 0; linear Rec. 709 light until `develop`.
"""
import cv2
import numpy as np
from scipy import ndimage

WIDTH, HEIGHT, SS = 1600, 1067, 2  # picture in pixels, samples a pixel along each side
FOCAL, HORIZON, EYE = 1256.0, 372.0, 1.5  # pixels, pixel row, metres over the sand
SUN_AZIMUTH, SUN_ELEVATION = np.radians(-83.0), np.radians(20.0)  # from straight ahead, positive to the right
SUN = np.array([np.sin(SUN_AZIMUTH) * np.cos(SUN_ELEVATION), np.sin(SUN_ELEVATION),
                np.cos(SUN_AZIMUTH) * np.cos(SUN_ELEVATION)])
SUN_LIGHT = np.array([3.30, 2.22, 1.28])
SKY_LIGHT = np.array([0.33, 0.43, 0.66])
BALL, BALL_RADIUS = np.array([-0.78, 0.212, 4.35]), 0.225  # centre and radius; the ball sits 13 mm deep


def smoothstep(low, high, x):
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def mix(a, b, t):
    return a * (1.0 - t[..., None]) + b * t[..., None]


def rays(x, y):
    """Unit directions through pixel positions of the supersampled frame."""
    d = np.stack([(x / SS - WIDTH / 2) / FOCAL, (HORIZON - y / SS) / FOCAL, np.ones_like(x)], axis=-1)
    return d / np.linalg.norm(d, axis=-1, keepdims=True)


def project(points):
    """Supersampled pixel positions of world points (..., 3)."""
    z = np.maximum(points[..., 2], 0.2)
    return np.stack([WIDTH / 2 + FOCAL * points[..., 0] / z, HORIZON + FOCAL * (EYE - points[..., 1]) / z], axis=-1) * SS


def clear_sky(direction):
    """Radiance of the cloudless sky along unit directions (..., 3)."""
    elevation = np.arcsin(np.clip(direction[..., 1], 0.0, 1.0))
    toward = np.clip(direction @ SUN, -1.0, 1.0)
    angle = np.arccos(toward)
    near = 0.75 * np.exp(-np.maximum(angle - 0.5, 0.0) / 0.55)
    zenith = np.array([0.10, 0.23, 0.54])
    middle = np.array([0.27, 0.47, 0.80])
    horizon = mix(np.array([1.00, 0.77, 0.66]), np.array([1.80, 1.13, 0.70]), smoothstep(2.1, 0.75, angle))
    colour = mix(middle, zenith * np.ones_like(horizon), smoothstep(0.12, 0.75, elevation))
    colour = mix(colour, horizon, np.exp(-elevation / 0.085) * 0.92)
    return mix(colour, np.array([1.27, 1.07, 0.82]) + 0 * colour, near)


def wander(x, metres, knots=np.random.default_rng(61).standard_normal(509)):
    """Smooth random value along a line, one knot every `metres`."""
    return ndimage.map_coordinates(knots, [x / metres + 250.0], order=3, mode="grid-wrap")


def spectral(rng, size, gain):
    """Periodic unit-variance field: white noise shaped by `gain(fy, fx)`, frequencies in cycles per sample."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32))
    fy = np.fft.fftfreq(size).astype(np.float32)[:, None]
    fx = np.fft.rfftfreq(size).astype(np.float32)[None, :]
    field = np.fft.irfft2(spectrum * gain(fy, fx), s=(size, size)).astype(np.float32)
    field -= field.mean()
    return field / field.std()


def power_law(exponent, low=0.0, high=1.0):
    """Isotropic `f^-exponent` between two frequencies."""
    def gain(fy, fx):
        f = np.sqrt(fy * fy + fx * fx)
        return np.where((f > low) & (f < high), np.maximum(f, 1e-4) ** -exponent, 0.0)
    return gain


def wrap_sample(tile, u, v):
    """Bicubic lookup of a periodic tile at float sample coordinates (column u, row v)."""
    size = tile.shape[0]
    u, v = np.mod(u, size).astype(np.float32), np.mod(v, size).astype(np.float32)
    return cv2.remap(tile, u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)


def mip_sample(levels, u, v, level):
    """Trilinear lookup in a list of ever halved periodic tiles."""
    level = np.clip(level, 0, len(levels) - 1.001)
    out = None
    for i, tile in enumerate(levels):
        weight = np.clip(1.0 - np.abs(level - i), 0.0, 1.0)
        rows = np.where(weight.max(axis=1) > 0)[0]
        if out is None:
            out = np.zeros(u.shape + tile.shape[2:], np.float32)
        if rows.size == 0:
            continue
        part = slice(rows[0], rows[-1] + 1)
        scale = 0.5 ** i
        value = wrap_sample(tile, (u[part] + 0.5) * scale - 0.5, (v[part] + 0.5) * scale - 0.5)
        out[part] += value * (weight[part] if tile.ndim == 2 else weight[part][..., None])
    return out


def pyramid(tile, count):
    levels = [tile]
    for _ in range(count - 1):
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return levels
