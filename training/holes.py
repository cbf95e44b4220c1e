"""Owns the holes that the inpainting model trains on: every kind that the editor's tools and extensions make.

Called by `train_unet.py`, `distill.py` and `evaluate.py`. A hole is 1 where the picture is to be repainted. Sizes are those of
the picture that the model sees: the editor leaves at least a quarter of the hole's longer side around it. Never looks at photos.
"""

import math

import torch

from shapes import Dice, blob, grid, path_distance, polygon, quantile_mask, smooth_noise, stroke_distance, wander

# Kind and share of a batch.
SHARES = {
    "object": 0.22, "band": 0.10, "scratches": 0.08, "text": 0.05, "border": 0.15, "corner": 0.08, "lasso": 0.09, "brush": 0.12,
    "box": 0.04, "wand": 0.04, "everything": 0.03,
}
KINDS = tuple(SHARES)


def draw(count, size, generator, kind=None):
    """(holes, kinds): float (count, 1, size, size) of 0 and 1, and each one's index in `KINDS`.

    One kind for all where `kind` is named. No hole is empty, and only `everything` covers the whole picture.
    """
    device = generator.device
    # Kinds are drawn on the CPU: asking the device which is which would wait for it.
    on_cpu = torch.Generator().manual_seed(generator.initial_seed())
    kinds = torch.multinomial(torch.tensor(list(SHARES.values())), count, replacement=True, generator=on_cpu)
    if kind is not None:
        kinds = torch.full((count,), KINDS.index(kind))
    holes = torch.zeros((count, size, size), dtype=torch.bool, device=device)
    for index, name in enumerate(KINDS):
        members = (kinds == index).nonzero()[:, 0]
        if len(members):
            holes[members.to(device)] = DRAW[name](Dice(generator, len(members)), size)
    middle = size // 2
    holes[:, middle, middle] |= ~holes.flatten(1).any(1)
    kinds = kinds.to(device)
    whole = holes.flatten(1).all(1) & (kinds != KINDS.index("everything"))
    holes[:, :, : size // 8] &= ~whole[:, None, None]
    return holes[:, None].float(), kinds


def near_middle(dice, spread=0.22):
    """The editor centres what the model sees on the hole, unless the photo ends there."""
    return (0.5 + dice.normal(2) * spread).clamp(0.05, 0.95)


def skewed(dice, low, high, power=1.5):
    """Small ones are commoner than large ones."""
    return low + (high - low) * dice.uniform(0, 1) ** power


def objects(dice, size):
    """One to three blobs that touch or lie near each other: something removed."""
    centre = near_middle(dice)
    hole = blob(size, dice, centre, skewed(dice, 0.06, 0.36), 1.0)
    for keep in (0.3, 0.12):
        beside = centre + dice.normal(2) * 0.18
        more = blob(size, dice, beside, skewed(dice, 0.04, 0.2), 1.0)
        hole |= more & dice.chance(keep)[:, None, None]
    return hole


def bands(dice, size):
    """A wide, gently bent stroke from one side of the picture towards another."""
    angle = dice.uniform(0, 2 * math.pi)
    along = torch.stack((angle.sin(), angle.cos()), -1)
    across = along.flip(1) * torch.tensor([1.0, -1.0], device=dice.device)
    middle, reach, bend = near_middle(dice, 0.15), dice.uniform(0.3, 0.9, 1), dice.uniform(-0.2, 0.2, 1)
    t = torch.linspace(-1, 1, 13, device=dice.device)[None, :, None]
    points = middle[:, None] + t * (along * reach)[:, None] + (1 - t**2) * (across * bend)[:, None]
    return path_distance(size, points, skewed(dice, 0.02, 0.13)) < 0


def scratches(dice, size):
    """Thin wiggling lines: damage. At least a pixel wide."""
    pieces = []
    for i in range(8):
        points = wander(dice, 11, dice.uniform(0.02, 0.12, 1), 0.12)
        radius = skewed(dice, 0.5 / size + 0.001, 0.012)
        if i >= 2:
            radius = torch.where(dice.chance(0.55), radius, -torch.ones_like(radius))
        pieces.append((points, radius[:, None].expand(-1, 10)))
    start = torch.cat([p[:, :-1] for p, _ in pieces], 1)
    end = torch.cat([p[:, 1:] for p, _ in pieces], 1)
    return stroke_distance(size, start, end, torch.cat([r for _, r in pieces], 1)) < 0


def text(dice, size):
    """Rows of letters, each three strokes between the points of a 3 × 3 grid: a date stamp, a watermark."""
    y, x = grid(size, dice.device)
    tall = dice.uniform(max(0.05, 7 / size), 0.16)[:, None, None]
    wide = tall * dice.uniform(0.6, 0.95)[:, None, None]
    top, left = dice.uniform(0.05, 0.75)[:, None, None], dice.uniform(0.02, 0.4)[:, None, None]
    slope = (dice.uniform(-0.2, 0.2) * dice.chance(0.3))[:, None, None]
    y = y + slope * x
    row, column = ((y - top) / tall).floor(), ((x - left) / wide).floor()
    rows, columns = dice.below(3)[:, None, None] + 1, dice.below(12)[:, None, None] + 3
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    cell = (row.clamp(0, 2) * 15 + column.clamp(0, 14)).long()
    v, u = (y - top) / tall - row, ((x - left) / wide - column)
    hole = torch.zeros_like(inside)
    skip = dice.chance(0.15, 45)
    for _ in range(3):
        corners = dice.below(3, 45, 4) * 0.3 + 0.15
        a_v, a_u, b_v, b_u = (corners[:, :, i].gather(1, cell.flatten(1)).view(cell.shape) for i in range(4))
        dv, du = b_v - a_v, b_u - a_u
        t = (((v - a_v) * dv + (u - a_u) * du) / (dv**2 + du**2).clamp(min=1e-6)).clamp(0, 1)
        hole |= ((v - a_v - t * dv) ** 2 + (u - a_u - t * du) ** 2) < (0.09**2)
    return hole & inside & ~skip.gather(1, cell.flatten(1)).view(cell.shape)


def border(dice, size):
    """An extension: one side, now and then two opposite ones or all four."""
    y, x = grid(size, dice.device)
    depth = dice.uniform(0.08, 0.55)[:, None, None]
    side = dice.below(4)[:, None, None]
    away = torch.where(side < 2, y, x)
    away = torch.where(side % 2 == 0, away, 1 - away)
    hole = away < depth
    opposite = dice.chance(0.15)[:, None, None]
    hole |= opposite & (1 - away < dice.uniform(0.05, 0.25)[:, None, None])
    frame = torch.minimum(torch.minimum(y, 1 - y), torch.minimum(x, 1 - x)) < depth * 0.4
    return torch.where(dice.chance(0.08)[:, None, None], frame, hole)


def corner(dice, size):
    """Two sides that meet: a canvas dragged by its corner."""
    y, x = grid(size, dice.device)
    y = torch.where(dice.chance(0.5)[:, None, None], y, 1 - y)
    x = torch.where(dice.chance(0.5)[:, None, None], x, 1 - x)
    return (y < dice.uniform(0.08, 0.4)[:, None, None]) | (x < dice.uniform(0.08, 0.4)[:, None, None])


def lasso(dice, size):
    """A polygon drawn by hand: 5 to 9 corners around a point, sometimes crossing themselves."""
    corners = 9
    turn = dice.uniform(0.3, 1.0, corners).cumsum(1)
    angle = turn / turn[:, -1:] * 2 * math.pi + dice.uniform(0, 2 * math.pi, 1)
    reach = skewed(dice, 0.1, 0.42)[:, None] * dice.uniform(0.45, 1.1, corners)
    points = near_middle(dice, 0.18)[:, None] + torch.stack((angle.sin(), angle.cos()), -1) * reach[..., None]
    fewer = dice.below(5)[:, None]
    index = torch.arange(corners, device=dice.device)[None]
    index = torch.where(index < corners - fewer, index, corners - 1 - fewer)
    return polygon(size, points.gather(1, index[..., None].expand(-1, -1, 2)))


def brush(dice, size):
    """One to three strokes with a round brush, back and forth over the same place."""
    hole = torch.zeros((dice.count, size, size), dtype=torch.bool, device=dice.device)
    start, radius = near_middle(dice), skewed(dice, 0.02, 0.11)
    for i, keep in enumerate((1.0, 0.5, 0.25)):
        points = wander(dice, 9, dice.uniform(0.02, 0.11, 1), 0.7, start=start + dice.normal(2) * 0.12 * (i > 0))
        stroke = path_distance(size, points, radius) < 0
        hole |= stroke & dice.chance(keep)[:, None, None]
    return hole


def box(dice, size):
    """The rectangle and ellipse tools."""
    y, x = grid(size, dice.device)
    centre = near_middle(dice)
    v = (y - centre[:, 0, None, None]) / skewed(dice, 0.05, 0.36)[:, None, None]
    u = (x - centre[:, 1, None, None]) / skewed(dice, 0.05, 0.36)[:, None, None]
    return torch.where(dice.chance(0.4)[:, None, None], v**2 + u**2 < 1, torch.maximum(v.abs(), u.abs()) < 1)


def wand(dice, size):
    """What magic wand and object select give: ragged regions of several sizes."""
    noise = smooth_noise(size, dice, 5) + 0.25 * smooth_noise(size, dice, 19)
    return quantile_mask(noise, dice.uniform(0.03, 0.4))


def everything(dice, size):
    """No known pixel at all: a picture from words."""
    return torch.ones((dice.count, size, size), dtype=torch.bool, device=dice.device)


DRAW = {
    "object": objects, "band": bands, "scratches": scratches, "text": text, "border": border, "corner": corner, "lasso": lasso,
    "brush": brush, "box": box, "wand": wand, "everything": everything,
}


def at_latents(holes, downscale=4):
    """The hole as the network is told it: each latent takes its first pixel's, as diffusers and Inlay resize masks."""
    return holes[:, :, ::downscale, ::downscale]


def touched(holes, downscale=4):
    """Every latent that a hole touches, and one more around: where the loss counts fully."""
    small = torch.nn.functional.max_pool2d(holes, downscale)
    return torch.nn.functional.max_pool2d(small, 3, 1, 1)
