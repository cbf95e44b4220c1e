"""Sky, clouds and the far shore of the sample picture.

Called by `make_sample.py`; must never depend on the beach.
"""
import cv2
import numpy as np
from scipy import ndimage

from sample_light import HORIZON, SS, SUN, WIDTH, clear_sky, mix, power_law, rays, smoothstep, spectral, wrap_sample


def noise_volume(rng, size):
    f = np.fft.fftfreq(size)
    radius = np.sqrt(f[:, None, None] ** 2 + f[None, :, None] ** 2 + np.fft.rfftfreq(size)[None, None, :] ** 2)
    gain = np.where(radius > 0, np.maximum(radius, 1e-4) ** -2.35, 0.0) * (radius > 1.5 / size)
    field = np.fft.irfftn(np.fft.rfftn(rng.standard_normal((size,) * 3)) * gain, s=(size,) * 3, axes=(0, 1, 2))
    return (field / field.std()).astype(np.float32)


class Clouds:
    """A layer of broken cumulus, marched through front to back."""
    BASE, TOP = 1000.0, 1900.0

    def __init__(self, rng):
        self.volume = noise_volume(rng, 144)

    def field(self, p, metres, shift):
        coords = np.stack([p[..., 0] + shift, p[..., 1] * 1.3 + shift, p[..., 2]]) * (144.0 / metres)
        return ndimage.map_coordinates(self.volume, coords, order=1, mode="grid-wrap", prefilter=False)

    def density(self, p, detail=True):
        h = (p[..., 1] - self.BASE) / (self.TOP - self.BASE)
        value = self.field(p, 9000.0, 300.0)
        if detail:
            value = value + 0.24 * self.field(p, 2000.0, 0.0) + 0.075 * self.field(p, 560.0, 77.0)
        shape = 0.92 + 1.5 * np.maximum(h - 0.25, 0.0) ** 1.2
        body = np.clip((value - shape) * 1.9, 0.0, 1.0)
        return body * smoothstep(0.0, 0.10, h) * smoothstep(1.0, 0.75, h)

    def march(self, direction, rng, steps=56):
        """Returns scattered light (..., 3) and transmittance (...)."""
        up = np.maximum(direction[..., 1], 0.012)
        start, stop = self.BASE / up, self.TOP / up
        light = np.zeros(direction.shape)
        through = np.ones(direction.shape[:-1])
        cosine = direction @ SUN
        phase = 0.55 + 0.9 * (1 - 0.45 ** 2) / (1 + 0.45 ** 2 - 0.9 * cosine) ** 1.5 * 0.45
        jitter = rng.random(direction.shape[:-1])
        step = (stop - start) / steps
        for i in range(steps):
            t = start + (i + jitter) * step
            p = direction * t[..., None]
            d = self.density(p)
            busy = d > 0.003
            if not busy.any():
                continue
            q, dq = p[busy], d[busy]
            depth = np.zeros(dq.shape)
            for reach, weight in ((90.0, 150.0), (280.0, 260.0), (640.0, 420.0)):
                depth += self.density(q + SUN * reach, reach < 100.0) * weight
            lit = 0.72 * np.exp(-depth * 0.0075) + 0.28 * np.exp(-depth * 0.0016)
            lit *= 1.0 - 0.45 * np.exp(-dq * 9.0)
            h = np.clip((q[..., 1] - self.BASE) / (self.TOP - self.BASE), 0, 1)
            ambient = (0.42 + 0.6 * h)[..., None] * np.array([0.52, 0.57, 0.74])
            source = lit[..., None] * phase[busy][..., None] * np.array([2.25, 1.62, 1.05]) + ambient
            alpha = 1.0 - np.exp(-dq * np.minimum(step[busy], 260.0) * 0.016)
            light[busy] += source * (through[busy] * alpha)[..., None]
            through[busy] *= 1.0 - alpha
        return light, through


def render_sky(rng):
    """Sky image (rows above the horizon, at SS) with clouds, cirrus and haze."""
    rows = int(np.ceil(HORIZON * SS)) + 4
    y, x = np.mgrid[0:rows, 0:WIDTH * SS].astype(np.float64)
    direction = rays(x, y)
    sky = clear_sky(direction)
    part = 4
    dy, dx = np.mgrid[0:rows // part + 1, 0:WIDTH * SS // part].astype(np.float64)
    coarse = rays(dx * part + part / 2, dy * part + part / 2)
    light, through = Clouds(rng).march(coarse, rng)
    layer = np.concatenate([light, through[..., None]], axis=-1)
    layer = cv2.GaussianBlur(layer, (0, 0), 0.6)
    layer = cv2.resize(layer, (WIDTH * SS, (rows // part + 1) * part), interpolation=cv2.INTER_CUBIC)[:rows]
    # high thin streaks, on a plane far above the cumulus
    streaks = spectral(rng, 1024, lambda fy, fx: (fx ** 2 * 14 + fy ** 2 + 1e-5) ** -1.05 * (np.hypot(fx, fy) > 0.002))
    distance = 7000.0 / np.maximum(direction[..., 1], 0.02)
    u, v = direction[..., 0] * distance / 60.0, direction[..., 2] * distance / 60.0
    cirrus = smoothstep(0.1, 2.4, wrap_sample(streaks, u * 0.8 + v * 0.6, v * 0.8 - u * 0.6)) * 0.42
    sky = mix(sky, sky * 0.35 + np.array([1.02, 0.86, 0.74]), cirrus * smoothstep(0.03, 0.16, direction[..., 1]))
    # air between the camera and the clouds: at low elevation they drown in the horizon's own light
    haze = np.exp(-np.maximum(direction[..., 1] - 0.012, 0.0) / 0.055)
    light, through = layer[..., :3], np.clip(layer[..., 3], 0, 1)
    clouded = light + sky * through[..., None]
    return mix(clouded, sky, haze)


def add_headland(image, sky):
    """Hills on the far shore, three ranges, each paler with distance; lit from the sun's side."""
    rng = np.random.default_rng(41)
    columns = np.arange(WIDTH * SS) / SS
    for index, (left, height, reach, haze) in enumerate(((560, 30, 900, 0.86), (820, 46, 700, 0.74), (1080, 70, 540, 0.56))):
        ridge = np.zeros(columns.size)
        for octave in range(9):
            period = 420.0 / 2 ** octave
            knots = rng.standard_normal(int(WIDTH / period) + 6)
            ridge += ndimage.map_coordinates(knots, [columns / period + 1.0], order=3) * 0.6 ** octave
        rise = smoothstep(left, left + reach, columns)
        top = np.maximum(rise * height * (0.86 + 0.20 * ridge), 0.0) * SS
        base = int(HORIZON * SS)
        rows = np.arange(base)[:, None]
        cover = np.clip(rows - (base - top)[None, :] + 0.5, 0, 1) * (top > 0.6)
        fold = spectral(rng, 2048, power_law(2.1, 0.0015, 0.08))
        at_x, at_y = columns[None, :] * (1.0 + 0.25 * index) + 0.9 * rows, rows * 1.9 + 0.25 * columns[None, :] + 900 * index
        relief = wrap_sample(fold, at_x, at_y) - wrap_sample(fold, at_x - 5.0, at_y - 1.0)
        bush = wrap_sample(spectral(rng, 1024, power_law(1.0, 0.01, 0.4)), at_x * 0.8, at_y)
        lit = np.clip(0.42 + relief * 2.6 + 0.06 * bush, 0.03, 1.2)
        ground = lit[..., None] * np.array([0.42, 0.33, 0.17]) + np.array([0.045, 0.070, 0.085])
        ground = mix(ground, ground * np.array([0.55, 0.72, 0.55]), smoothstep(-0.4, 0.8, bush + 2.0 * relief))
        air = sky[base - 8][None, :, :] * np.array([0.62, 0.72, 0.86])
        depth = np.clip((rows - (base - 30 * SS)) / (30.0 * SS), 0, 1) * 0.22 + haze
        depth = np.clip(depth, 0, 0.97) + np.zeros_like(cover)
        image[:base] = mix(image[:base], mix(ground, air, depth), cover)
    return image
