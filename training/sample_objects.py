"""Things that stand on the beach of the sample picture: the unwanted ball and the dune grass.

Called by `make_sample.py`; must never change the ground under them, save for the grass's shadow.
"""
import cv2
import numpy as np
from scipy import ndimage

from sample_light import (BALL, BALL_RADIUS, EYE, FOCAL, HEIGHT, HORIZON, SKY_LIGHT, SS, SUN, SUN_ELEVATION, SUN_LIGHT,
                          WIDTH, clear_sky, mix, project, rays, smoothstep)

# clumps: X, Z, blades, spread (m)
GRASS = ((2.20, 3.30, 420, 0.14), (2.75, 3.9, 460, 0.22), (1.90, 2.72, 420, 0.13), (3.45, 4.9, 300, 0.2), (2.3, 3.0, 300, 0.2))


def ball_paint(local):
    """Albedo of red and white gores with a white cap; `local` are unit positions in the ball's own axes."""
    turn = np.mod(np.arctan2(local[..., 2], local[..., 0]) / (2 * np.pi) * 6.0 + 0.35, 6.0)
    panel = np.floor(turn).astype(int)
    table = np.array([[0.68, 0.050, 0.040], [0.80, 0.77, 0.72]] * 3)
    colour = table[panel]
    ring = np.sqrt(np.maximum(1 - local[..., 1] ** 2, 1e-6))
    from_seam = np.abs(turn - np.round(turn)) / 6.0 * 2 * np.pi * ring
    colour = colour * (1 - 0.30 * smoothstep(0.014, 0.004, from_seam))[..., None]
    cap = smoothstep(0.205, 0.195, ring)
    colour = mix(colour, np.array([0.82, 0.79, 0.74]) + 0 * colour, cap)
    return colour * (1 - 0.3 * smoothstep(0.012, 0.0, np.abs(ring - 0.2)))[..., None]


def shade_ball(normal, view):
    """Light leaving the ball: sun, sky, light from the sand, thin-skin glow, varnish reflection."""
    axis = np.array([-0.30, 0.83, -0.47])
    axis /= np.linalg.norm(axis)
    right = np.cross([0.0, 0.0, 1.0], axis)
    right /= np.linalg.norm(right)
    local = np.stack([normal @ right, normal @ axis, normal @ np.cross(axis, right)], axis=-1)
    paint = ball_paint(local)
    grain = ndimage.gaussian_filter(np.random.default_rng(6).standard_normal(normal.shape[:2]), (1.0, 1.2)) * 4.0
    patch = ndimage.gaussian_filter(np.random.default_rng(7).standard_normal(normal.shape[:2]), 14.0) * 40.0
    dust = smoothstep(0.9, 2.2, grain + 0.8 * patch - 2.6 * (normal[..., 1] + 0.62)) * 0.75
    dust = np.maximum(dust, 0.10 * smoothstep(0.2, -0.9, normal[..., 1] + 0.2 * patch))
    paint = mix(paint, np.array([0.50, 0.41, 0.31]) + 0 * paint, dust)
    lambert = normal @ SUN
    soft = np.maximum((lambert + 0.10) / 1.10, 0.0) ** 1.15
    up = normal[..., 1]
    sky = SKY_LIGHT * (0.38 + 0.38 * up)[..., None]
    low = BALL_RADIUS * (1.0 + up)  # height over the sand
    shaded = smoothstep(0.5, -0.8, lambert)
    sand = np.array([0.56, 0.44, 0.31]) * (SUN_LIGHT * np.sin(SUN_ELEVATION) * 0.95 + SKY_LIGHT)
    bounce = sand * ((0.5 - 0.5 * up) * (0.25 + 0.75 * smoothstep(0.0, 0.25, low)) * (1.0 - 0.74 * shaded))[..., None]
    corner = (0.07 + 0.93 * smoothstep(0.0, 0.18, low))[..., None]
    through = paint * paint * SUN_LIGHT * (0.06 * smoothstep(-1.0, 0.3, lambert))[..., None]
    light = paint * (SUN_LIGHT * soft[..., None] + (sky + bounce) * corner) + through * corner
    facing = np.clip(np.sum(normal * view, axis=-1), 0.0, 1.0)
    fresnel = (0.04 + 0.96 * (1 - facing) ** 5) * 0.55
    reflect = 2 * facing[..., None] * normal - view
    above = smoothstep(-0.06, 0.10, reflect[..., 1])
    lifted = reflect.copy()
    lifted[..., 1] = np.maximum(lifted[..., 1], 0.0)
    mirror = mix(sand * (0.35 + 0.4 * (1 - shaded))[..., None], clear_sky(lifted), above)
    glint = np.clip(reflect @ SUN, 0.0, 1.0)
    gloss = glint ** 260 * 5.0 + glint ** 38 * 0.28
    return light * (1 - fresnel)[..., None] + mirror * (fresnel * corner[..., 0])[..., None] + gloss[..., None] * np.array([1.0, 0.86, 0.66])


def add_ball(image):
    """Draws the ball over the picture; its rim is smoothed by the covered share of each pixel."""
    y, x = np.mgrid[0:HEIGHT * SS, 0:WIDTH * SS].astype(np.float64)
    cx, cy = (WIDTH / 2 + FOCAL * BALL[0] / BALL[2]) * SS, (HORIZON + FOCAL * (EYE - BALL[1]) / BALL[2]) * SS
    reach = int(FOCAL * BALL_RADIUS / BALL[2] * SS * 1.2)
    part = (slice(int(cy) - reach, int(cy) + reach), slice(int(cx) - reach, int(cx) + reach))
    ray = rays(x[part] + 0.5, y[part] + 0.5)
    centre = BALL - np.array([0.0, EYE, 0.0])
    along = ray @ centre
    miss = np.sqrt(np.maximum(centre @ centre - along ** 2, 0.0))
    pixel = BALL[2] / (FOCAL * SS)
    cover = np.clip((BALL_RADIUS - miss) / pixel + 0.5, 0.0, 1.0)
    near = along - np.sqrt(np.maximum(BALL_RADIUS ** 2 - miss ** 2, 0.0))
    normal = ray * near[..., None] - centre
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    # the sand, with a ragged rim, hides the lowest part
    sunk = normal[..., 1] * BALL_RADIUS + BALL[1]
    ragged = ndimage.gaussian_filter(np.random.default_rng(5).standard_normal(sunk.shape), 1.6) * 0.012
    cover = cover * smoothstep(0.0, 0.004, sunk - 0.004 + ragged)
    image[part] = mix(image[part], shade_ball(normal, -ray), cover)


def grass_blades(rng, count, centre, spread):
    """Arching blades as centre lines (count, knots, 3), with widths (m), colour and their distance."""
    t = np.linspace(0.0, 1.0, 14)
    blades = []
    for _ in range(count):
        root = np.array([centre[0] + rng.normal(0, spread), -0.01, centre[1] + rng.normal(0, spread * 0.7)])
        length, heading = rng.uniform(0.35, 0.85), rng.uniform(0, 2 * np.pi)
        lean, bend = rng.uniform(0.05, 0.35), rng.uniform(0.15, 0.75)
        out = length * (lean * t + bend * t ** 2.4 * 0.8)
        line = np.stack([root[0] + out * np.cos(heading) + 0.10 * t ** 2, root[1] + length * (t - 0.42 * bend * t ** 2.6),
                         root[2] + out * np.sin(heading)], axis=-1)
        dry = rng.random() ** 0.7
        colour = np.array([0.50, 0.41, 0.20]) * dry + np.array([0.16, 0.21, 0.075]) * (1 - dry)
        blades.append((root[2], line, rng.uniform(0.0022, 0.0042), colour * rng.uniform(0.75, 1.2), rng.uniform(0.25, 1.0)))
    return sorted(blades, key=lambda blade: -blade[0])


def blade_outline(line, width):
    """Left and right edge (supersampled pixels) of one tapering blade."""
    middle = project(line)
    along = np.gradient(middle, axis=0)
    side = np.stack([-along[:, 1], along[:, 0]], axis=-1) / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    taper = np.clip(1.0 - np.linspace(0, 1, len(line)) ** 2.0, 0.06, 1.0) * width * FOCAL * SS / np.maximum(line[:, 2], 0.2)
    left, right = middle + side * taper[:, None] / 2, middle - side * taper[:, None] / 2
    return left, right


def polygon(points):
    """Pixel positions as the fixed-point numbers (4 fractional bits) that opencv fills."""
    return np.round(np.clip(points, -9000, 9000) * 16).astype(np.int32)


def grass_shadow(blades):
    """Share of the sun that the blades leave to each pixel of the frame."""
    mask = np.zeros((HEIGHT * SS, WIDTH * SS), np.uint8)
    for _, line, width, _, _ in blades:
        flat = line - SUN * (np.maximum(line[:, 1:2], 0.0) / SUN[1])
        left, right = blade_outline(flat, width * 1.3)
        cv2.fillPoly(mask, [polygon(np.concatenate([left, right[::-1]]))], 255, cv2.LINE_AA, 4)
    return 1.0 - cv2.GaussianBlur(mask, (0, 0), 2.4).astype(np.float32) / 255.0 * 0.9


def add_grass(image, blades):
    """Paints the blades back to front; each is dark at its foot and glows where the sun shines through."""
    for _, line, width, colour, glow in blades:
        left, right = blade_outline(line, width)
        for k in range(len(line) - 1):
            height = max(line[k, 1], 0.0)
            sun = glow * (0.12 + 0.88 * min(height / 0.30, 1.0))
            light = colour * (SUN_LIGHT * sun * 0.72 + SKY_LIGHT * (0.25 + 0.55 * min(height / 0.4, 1.0)))
            piece = polygon(np.stack([left[k], left[k + 1], right[k + 1], right[k]]))
            cv2.fillPoly(image, [piece], tuple(float(c) for c in light), cv2.LINE_AA, 4)
