"""Owns drawing in batches on the training device: distances to strokes, polygons, blobs, smooth noise, seeded random numbers.

Called by `holes.py` and `damage.py`. Pictures are squares of `size` px; points are (y, x) in units of the side, 0 to 1 inside.
Everything is a pure function of the generator's seed and runs alike on CPU and GPU (the numbers drawn differ between the two).
"""

import math

import torch

SEGMENTS_AT_ONCE = 12


class Dice:
    """Random numbers for a batch of `count` pictures, all from one generator on one device."""

    def __init__(self, generator, count):
        self.generator, self.count, self.device = generator, count, generator.device

    def uniform(self, low, high, *shape):
        return low + (high - low) * torch.rand(self.count, *shape, generator=self.generator, device=self.device)

    def normal(self, *shape):
        return torch.randn(self.count, *shape, generator=self.generator, device=self.device)

    def below(self, high, *shape):
        """Whole numbers 0 to high − 1."""
        return torch.randint(high, (self.count, *shape), generator=self.generator, device=self.device)

    def chance(self, probability, *shape):
        return self.uniform(0, 1, *shape) < probability


def grid(size, device):
    """Pixel centres: (y, x), each (1, size, size)."""
    line = (torch.arange(size, device=device) + 0.5) / size
    return line[None, :, None].expand(1, size, size), line[None, None, :].expand(1, size, size)


def stroke_distance(size, start, end, radius):
    """Signed distance (negative inside) to the nearest of K round-ended strokes: (N, size, size).

    `start`, `end` are (N, K, 2); `radius` (N, K), and a radius below 0 leaves a stroke out.
    """
    y, x = grid(size, start.device)
    y, x = y[:, None], x[:, None]
    best = torch.full((len(start), size, size), 9.0, device=start.device)
    for first in range(0, start.shape[1], SEGMENTS_AT_ONCE):
        part = slice(first, first + SEGMENTS_AT_ONCE)
        a, b, r = start[:, part, :, None, None], end[:, part, :, None, None], radius[:, part, None, None]
        dy, dx = b[:, :, 0] - a[:, :, 0], b[:, :, 1] - a[:, :, 1]
        py, px = y - a[:, :, 0], x - a[:, :, 1]
        along = ((py * dy + px * dx) / (dy * dy + dx * dx).clamp(min=1e-9)).clamp(0, 1)
        distance = ((py - along * dy) ** 2 + (px - along * dx) ** 2).sqrt()
        distance = torch.where(r < 0, torch.full_like(distance, 9.0), distance - r)
        best = torch.minimum(best, distance.amin(1))
    return best


def path_distance(size, points, radius):
    """Signed distance to a polyline: `points` (N, K, 2), `radius` (N,) or (N, K − 1)."""
    if radius.dim() == 1:
        radius = radius[:, None].expand(-1, points.shape[1] - 1)
    return stroke_distance(size, points[:, :-1], points[:, 1:], radius)


def wander(dice, points, step, wiggle, start=None, heading=None):
    """A path that bends slowly: (N, points, 2). `step` and `wiggle` (radians a step) are numbers or (N, 1)."""
    start = dice.uniform(0, 1, 2) if start is None else start
    heading = dice.uniform(0, 2 * math.pi, 1) if heading is None else heading
    turn = dice.normal(points - 1) * wiggle
    for i in range(1, points - 1):  # a bend goes on for a while
        turn[:, i] = 0.8 * turn[:, i - 1] + 0.6 * turn[:, i]
    angle = heading + turn.cumsum(1)
    moves = torch.stack((angle.sin(), angle.cos()), -1) * (step[..., None] if torch.is_tensor(step) else step)
    return torch.cat((start[:, None], start[:, None] + moves.cumsum(1)), 1)


def polygon(size, points):
    """Inside a closed polygon by the even-odd rule: bool (N, size, size); `points` (N, K, 2)."""
    y, x = grid(size, points.device)
    inside = torch.zeros((len(points), size, size), dtype=torch.bool, device=points.device)
    following = points.roll(-1, 1)
    for i in range(points.shape[1]):
        ay, ax = points[:, i, 0, None, None], points[:, i, 1, None, None]
        by, bx = following[:, i, 0, None, None], following[:, i, 1, None, None]
        crosses = (ay > y) != (by > y)
        level = (by - ay).abs().clamp(min=1e-9) * torch.where(by < ay, -1.0, 1.0)
        inside ^= crosses & (x < ax + (y - ay) / level * (bx - ax))
    return inside


def blob(size, dice, centre, radius, roughness):
    """Inside a closed curve whose radius swings with a few harmonics: bool (N, size, size); `roughness` 0 gives an ellipse."""
    y, x = grid(size, dice.device)
    stretch = dice.uniform(0.65, 1.55)[:, None, None]
    turn = dice.uniform(0, math.pi)[:, None, None]
    dy, dx = y - centre[:, 0, None, None], x - centre[:, 1, None, None]
    dy, dx = dy * turn.cos() - dx * turn.sin(), dy * turn.sin() + dx * turn.cos()
    dy, dx = dy * stretch.sqrt(), dx / stretch.sqrt()
    angle = torch.atan2(dy, dx)
    reach = torch.ones_like(angle)
    for k in range(2, 7):
        size_k = dice.uniform(0, 0.55 / k)[:, None, None] * roughness
        reach = reach + size_k * (k * angle + dice.uniform(0, 2 * math.pi)[:, None, None]).cos()
    return (dy**2 + dx**2).sqrt() < radius[:, None, None] * reach.clamp(min=0.2)


def smooth_noise(size, dice, cells):
    """Noise without edges, mean 0 and variance about 1, with `cells` bumps along a side: (N, size, size)."""
    coarse = dice.normal(1, cells + 3, cells + 3)
    fine = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)[:, 0]
    return fine / fine.std((1, 2), keepdim=True).clamp(min=1e-6)


def quantile_mask(noise, share):
    """The highest `share` (N,) of each picture: bool."""
    flat = noise.flatten(1)
    ordered = flat.sort(1, descending=True).values
    index = (share * flat.shape[1]).long().clamp(0, flat.shape[1] - 1)
    return noise > ordered.gather(1, index[:, None])[:, :, None]
