"""Sand and sea of the sample picture.

Owns the wind-rippled sand tile, the wet margin and the breaking waves; called by `make_sample.py`; must never draw
objects other than the shadow of the ball.
"""
import cv2
import numpy as np
from scipy import ndimage

from sample_light import (BALL, BALL_RADIUS, EYE, FOCAL, HORIZON, SKY_LIGHT, SS, SUN, SUN_ELEVATION, SUN_LIGHT, WIDTH,
                          clear_sky, mip_sample, mix, power_law, pyramid, smoothstep, spectral, wander, wrap_sample)

TILE, TEXEL = 4096, 0.0025  # sand tile: samples a side, metres a sample


def ripples(rng, wavelength, direction, spread, broad):
    """Wind ripples with natural forks: the phase of one-sided band noise; returns phase and local strength."""
    spectrum = np.fft.fft2(rng.standard_normal((TILE, TILE), dtype=np.float32))
    f = np.fft.fftfreq(TILE).astype(np.float32)
    radius = np.hypot(f[:, None], f[None, :])
    angle = np.angle(np.exp(1j * (np.arctan2(f[:, None], f[None, :]) - direction))).astype(np.float32)
    centre = TEXEL / wavelength
    band = np.exp(-0.5 * ((radius - centre) / (centre * broad)) ** 2 - 0.5 * (angle / spread) ** 2)
    wave = np.fft.ifft2(spectrum * band)
    wave /= np.sqrt(np.mean(np.abs(wave) ** 2))
    return np.angle(wave).astype(np.float32), np.abs(wave).astype(np.float32)


def scatter_stones(rng, height, albedo, tint):
    """Presses pebbles, shell pieces and coarse grains into the sand as small ellipsoids."""
    kinds = ((330, 0.010, 0.026), (2200, 0.0045, 0.011), (24000, 0.0026, 0.0048))
    for count, small, large in kinds:
        size = small * (large / small) ** (rng.random(count) ** 2.2)
        for radius, u, v, tone in zip(size, rng.integers(0, TILE, count), rng.integers(0, TILE, count), rng.random(count)):
            aspect, turn = rng.uniform(0.55, 1.0), rng.uniform(0, np.pi)
            reach = int(np.ceil(radius / TEXEL)) + 1
            dy, dx = np.mgrid[-reach:reach + 1, -reach:reach + 1] * TEXEL
            a, b = np.cos(turn) * dx + np.sin(turn) * dy, np.cos(turn) * dy - np.sin(turn) * dx
            body = 1.0 - (a / radius) ** 2 - (b / (radius * aspect)) ** 2
            inside = body > 0
            rows, cols = np.mod(v + np.arange(-reach, reach + 1), TILE), np.mod(u + np.arange(-reach, reach + 1), TILE)
            at = np.ix_(rows, cols)
            rise = np.sqrt(np.maximum(body, 0.0)) * radius * aspect * 0.62
            height[at] = np.where(inside, height[at] + rise - 0.12 * radius, height[at])
            shade = 0.45 + 0.5 * tone if tone < 0.72 else 1.15 + 0.35 * tone
            albedo[at] = np.where(inside, shade, albedo[at])
            tint[at] = np.where(inside, rng.uniform(-0.9, 0.5), tint[at])


def sand_height(rng):
    """Height (m), relative albedo and warmth of one sand tile; columns run toward the sun."""
    sun_angle = np.arctan2(SUN[2], SUN[0])
    phase, strength = ripples(rng, 0.115, np.radians(120.0) - sun_angle, 0.20, 0.17)
    warp = spectral(rng, TILE, power_law(2.0, 0.0015, 0.02))
    phase = phase + 0.35 * warp
    profile = np.cos(phase) + 0.22 * np.cos(2 * phase + 0.9)
    patches = spectral(rng, TILE, power_law(2.2, 0.0005, 0.006))
    cover = smoothstep(-1.9, 0.5, patches) * np.tanh(strength * 1.3)
    height = 0.0045 * profile * (0.18 + 0.82 * cover)
    height += 0.017 * spectral(rng, TILE, power_law(2.2, 0.0006, 0.004))
    height += 0.0036 * spectral(rng, TILE, power_law(1.9, 0.004, 0.05)) * (1.25 - 0.5 * cover)
    height += 0.00060 * spectral(rng, TILE, power_law(1.0, 0.03, 0.34))
    albedo = 1.0 + 0.035 * warp + 0.05 * patches + 0.09 * spectral(rng, TILE, power_law(0.2, 0.02, 0.36))
    albedo += 0.05 * profile * cover  # lighter coarse grains gather on the crests
    tint = 0.45 * spectral(rng, TILE, power_law(1.1, 0.001, 0.5))
    scatter_stones(rng, height, albedo, tint)
    return height.astype(np.float32), albedo.astype(np.float32), tint.astype(np.float32)


def sand_tile(rng):
    """Four channels: sun (cosine times visibility), open sky, albedo, warmth."""
    height, albedo, tint = sand_height(rng)
    slope_u = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) / (2 * TEXEL)
    slope_v = (np.roll(height, -1, 0) - np.roll(height, 1, 0)) / (2 * TEXEL)
    norm = 1.0 / np.sqrt(1.0 + slope_u ** 2 + slope_v ** 2)
    cosine = np.maximum((np.sin(SUN_ELEVATION) - slope_u * np.cos(SUN_ELEVATION)) * norm, 0.0)
    horizon = np.full_like(height, -1.0)
    for step in (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64, 90):
        np.maximum(horizon, (np.roll(height, -step, 1) - height) / (step * TEXEL), out=horizon)
    limit = np.tan(SUN_ELEVATION)
    visible = smoothstep(limit + 0.05, limit - 0.05, horizon)
    open_sky = np.full_like(height, 1.0)
    for sigma, weight in ((1.5, 60.0), (5.0, 28.0), (16.0, 13.0)):
        open_sky -= weight * (ndimage.gaussian_filter(height, sigma, mode="wrap") - height)
    open_sky = np.clip(open_sky, 0.35, 1.25)
    return np.dstack([cosine * visible, open_sky, albedo, tint]).astype(np.float32)


def ball_shadow(x, z, height):
    """Share of the sun and of the sky that the ball leaves to ground points."""
    offset = np.stack([BALL[0] - x, BALL[1] - height, BALL[2] - z], axis=-1)
    along = offset @ SUN
    square = np.sum(offset * offset, axis=-1)
    miss = np.sqrt(np.maximum(square - along ** 2, 0.0))
    soft = 0.004 + 0.019 * np.maximum(along, 0.0)
    sun = smoothstep(BALL_RADIUS - soft, BALL_RADIUS + soft, miss)
    distance = np.sqrt(square)
    block = (BALL[1] / distance) * (BALL_RADIUS / np.maximum(distance, BALL_RADIUS)) ** 2
    sky = 1.0 - np.clip(block * 1.1, 0.0, 1.0) * 0.98
    return sun, sky


def shore(x):
    """Distance of the water's edge from the camera at `x`."""
    return 12.6 - 0.30 * x + 0.55 * np.sin(x * 0.45 + 0.6) + 0.22 * np.sin(x * 1.15 + 2.0) + 0.16 * wander(x, 0.9) + 0.07 * wander(x, 0.27)


def render_sand(x, z, sky_image, rng):
    """Light leaving the sand, dry in front and wet along the water."""
    tile = sand_tile(rng)
    c, s = np.cos(np.arctan2(SUN[2], SUN[0])), np.sin(np.arctan2(SUN[2], SUN[0]))
    u, v = (x * c + z * s) / TEXEL + 700, (z * c - x * s) / TEXEL + 900
    footprint = np.sqrt((z / (FOCAL * SS)) * (z * z / (FOCAL * SS * EYE))) / TEXEL
    texel = mip_sample(pyramid(tile, 7), u, v, np.log2(np.maximum(footprint, 1.0)) * 0.72)
    direct, open_sky, albedo, tint = np.moveaxis(texel, -1, 0)
    sun, sky = ball_shadow(x, z, np.clip((open_sky - 1.0) * 0.06, -0.01, 0.01))
    # the sky is brighter on the sun's side, so slopes show even in the shade
    open_sky = open_sky * (0.80 + 0.20 * direct / np.sin(SUN_ELEVATION))
    grain = wrap_sample(spectral(rng, 2048, power_law(0.15, 0.03, 0.5)), x / 0.0009, z / 0.0009)
    albedo = albedo + grain * (0.02 + 0.10 * smoothstep(8.0, 2.5, z))
    tone = np.array([0.535, 0.445, 0.345]) + tint[..., None] * np.array([0.012, 0.0, -0.016])
    tone = tone * np.clip(albedo, 0.2, 1.7)[..., None]
    ripple = np.sin(SUN_ELEVATION)
    edge = z - shore(x)
    wobble = wrap_sample(spectral(np.random.default_rng(8), 1024, power_law(1.6, 0.002, 0.1)), x * 60, z * 60)
    damp = smoothstep(-3.7, -2.5, edge + 0.20 * wobble)
    direct = direct * (1 - 0.82 * damp) + ripple * 0.82 * damp
    tone = mix(tone, tone * np.array([0.50, 0.50, 0.52]), damp)
    light = tone * ((direct * sun)[..., None] * SUN_LIGHT + (open_sky * sky)[..., None] * SKY_LIGHT)
    near_ball = (1.0 - sky)[..., None] * sun[..., None] * np.array([0.035, 0.008, 0.006])
    light = light + near_ball
    wet = smoothstep(-2.3, -1.7, edge + 0.20 * wobble)
    grazing = EYE / np.sqrt(z * z + x * x + EYE * EYE)
    fresnel = 0.02 + 0.98 * (1 - grazing) ** 5
    mirror = mirrored(x, z, sky_image, (0.010 * wobble + 0.02 * (albedo - 1)) * (1.3 - wet))
    return mix(light, light * 0.6 + mirror * 0.66, wet * fresnel * 0.95)


def mirrored(x, z, sky_image, tilt):
    """Sky seen in a nearly flat wet surface; `tilt` is the surface's slope toward the camera."""
    blurred = cv2.GaussianBlur(sky_image, (0, 0), 44.0, sigmaY=34.0)
    row = (HORIZON - FOCAL * (EYE / z + 2 * tilt)) * SS
    column = (WIDTH / 2 + FOCAL * x / z) * SS
    row = np.clip(row, 0, sky_image.shape[0] - 2)
    return cv2.remap(blurred.astype(np.float32), column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE)


class Sea:
    """Waves in three scales and small breakers that follow the shore."""

    def __init__(self, rng):
        def wind(fy, fx):
            f = np.maximum(np.hypot(fx, fy), 1e-4)
            return np.where(f > 0.008, f ** -2.0, 0.0) * (0.25 + (np.abs(fy) / f) ** 2)
        self.tiles = []
        for texel, amplitude in ((0.02, 0.010), (0.11, 0.030), (0.9, 0.085)):
            height = spectral(rng, 1024, wind) * amplitude
            self.tiles.append((texel, height, np.gradient(height, texel, axis=1), np.gradient(height, texel, axis=0)))
        self.crest = rng.standard_normal((6, 64))
        self.foam = spectral(rng, 2048, power_law(1.0, 0.004, 0.12))
        self.lace = spectral(rng, 2048, power_law(1.7, 0.006, 0.4))

    def line(self, index, x):
        """Slowly wandering value along a breaker."""
        return ndimage.map_coordinates(self.crest[index], [x / 3.5 + 30.0], order=3, mode="wrap")

    def breakers(self, x, z):
        """Height and foam amount of the breakers."""
        edge = z - shore(x)
        height, foam = np.zeros_like(x), np.zeros_like(x)
        for index, (at, tall, wide) in enumerate(((3.4, 0.10, 0.55), (9.0, 0.24, 1.0), (19.0, 0.30, 1.6), (36.0, 0.32, 2.6))):
            local = edge - at - 0.45 * at ** 0.5 * self.line(index, x / (1 + index))
            strong = smoothstep(-0.7, 1.1, self.line(index + 1, x / (1.6 + index) + 9.0) + (0.7, 0.5, -0.2, -0.5)[index])
            shape = np.where(local < 0, np.exp(-(local / (wide * 0.42)) ** 2), np.exp(-(local / (wide * 1.5)) ** 2))
            height += tall * (0.25 + 0.75 * smoothstep(-0.6, 1.2, self.line(index + 1, x / (2.2 + index) + 9.0) + 0.4)) * shape
            foam += strong * smoothstep(-wide * 0.75, -wide * 0.25, local) * smoothstep(wide * 2.6, 0.0, local) ** 1.5
        return height, foam

    def surface(self, x, z):
        """Height, both slopes and foam."""
        calm = smoothstep(-0.3, 5.0, z - shore(x))
        height, slope_x, slope_z = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
        for texel, tile, tile_x, tile_z in self.tiles:
            u, v = x / texel + 311, z / texel + 127
            height += wrap_sample(tile, u, v)
            slope_x += wrap_sample(tile_x.astype(np.float32), u, v)
            slope_z += wrap_sample(tile_z.astype(np.float32), u, v)
        wave, foam = self.breakers(x, z)
        ahead, _ = self.breakers(x, z + 0.05)
        aside, _ = self.breakers(x + 0.05, z)
        gain = 0.15 + 0.85 * calm
        return (height * gain + wave, slope_x * gain + (aside - wave) / 0.05, slope_z * gain + (ahead - wave) / 0.05, foam)

    def trace(self, rows, columns, jitter):
        """Nearest visible distance for each pixel of the rows below the horizon (occlusion by the waves included)."""
        drop = np.arange(rows * SS, 0, -0.4)
        z = FOCAL * EYE / (drop / SS)
        z = z[z < 4000.0][:, None] * (1.0 + 0.0 * columns[None, :])
        x = (columns / SS - WIDTH / 2)[None, :] * z / FOCAL
        height = self.surface(x, z)[0]
        line = np.minimum.accumulate((EYE - height) * FOCAL / z * SS, axis=0)
        wanted = np.arange(rows * SS)[::-1] + jitter
        found = np.empty((wanted.size, columns.size))
        for i in range(columns.size):
            index = np.searchsorted(-line[:, i], -wanted)
            found[:, i] = z[np.clip(index, 0, z.shape[0] - 1), i]
        return found[::-1]


def render_sea(sea, x, z, sky_image):
    """Light leaving the water toward the camera."""
    height, slope_x, slope_z, amount = sea.surface(x, z)
    normal = np.stack([-slope_x, np.ones_like(x), -slope_z], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    view = np.stack([-x, EYE - height, -z], axis=-1)
    view /= np.linalg.norm(view, axis=-1, keepdims=True)
    facing = np.clip(np.sum(view * normal, axis=-1), 0.02, 1.0)
    fresnel = 0.02 + 0.98 * (1 - facing) ** 5
    bounce = 2 * np.sum(view * normal, axis=-1)[..., None] * normal - view
    bounce[..., 1] = np.maximum(np.abs(bounce[..., 1]), 0.05)
    bounce /= np.linalg.norm(bounce, axis=-1, keepdims=True)
    mirror = clear_sky(bounce) * 0.92
    half = bounce @ SUN
    mirror += (np.clip(half, 0, 1) ** 90 * 9.0)[..., None] * np.array([1.0, 0.72, 0.42])
    edge = z - shore(x)
    depth = smoothstep(0.0, 16.0, edge)
    body = mix(np.array([0.17, 0.22, 0.18]) + np.zeros(x.shape + (3,)), np.array([0.022, 0.095, 0.125]), depth ** 0.6)
    thin = smoothstep(0.10, 0.34, height) * smoothstep(60.0, 5.0, edge)
    body = body + thin[..., None] * np.array([0.035, 0.13, 0.10])
    colour = mix(body, mirror, fresnel * 0.9)
    flat = smoothstep(2.2, 0.0, edge)
    colour = mix(colour, mirrored(x, z, sky_image, slope_z * 0.6) * 0.85, flat * 0.3)
    lace = 1.0 - np.abs(wrap_sample(sea.lace, x * 75, z * 40))
    cells = wrap_sample(sea.foam, x * 45, z * 26)
    rim = smoothstep(0.0, 0.03, edge) * smoothstep(1.9, 0.1, edge + 0.35 * cells)
    wash = smoothstep(4.2, 0.3, edge) * 0.36
    white = smoothstep(0.62, 1.0, lace * 0.55 + cells * 0.14 + wash + rim * 0.92 + amount * 1.05 - 0.12)
    foam_light = np.array([0.80, 0.79, 0.77]) * (SUN_LIGHT * 0.42 + SKY_LIGHT * 1.05)
    shade = 0.78 + 0.16 * cells + 0.5 * np.clip(-slope_x * SUN[0] * -1 - slope_z * 0.25, -0.5, 0.5)
    colour = mix(colour, foam_light * np.clip(shade, 0.4, 1.25)[..., None], white * 0.93)
    air = smoothstep(60.0, 3000.0, z)
    return mix(colour, sky_image[int(HORIZON * SS) - 6][None, :, :] * np.array([0.86, 0.93, 1.0]) + 0 * colour, air * 0.55)
