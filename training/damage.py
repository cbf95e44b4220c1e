"""Owns synthetic damage for the detector: scratches, dust, tears, folds and stains drawn onto photos, and what an old print is like.

Called by `train_detector.py` and `evaluate.py`. Everything is drawn here, on the device, from seeded numbers; no picture of real
damage goes in. A label is 1 where a kind of damage changed the picture visibly. Ageing (tone, grain, softness) comes without a
label: the detector must learn to leave it alone.
"""

import math

import torch
import torch.nn.functional as F

from networks import DAMAGE_KINDS
from shapes import Dice, blob, grid, path_distance, quantile_mask, smooth_noise, stroke_distance, wander

# How likely each kind is on one picture; a share of pictures stays undamaged.
CHANCES = {"scratch": 0.55, "dust": 0.55, "tear": 0.25, "fold": 0.35, "stain": 0.3}
UNDAMAGED = 0.12
# Least change, of a range of 2, that is labelled, in the mean over so many px to each side.
VISIBLE = {"scratch": (0.07, 0), "dust": (0.07, 0), "tear": (0.0, 0), "fold": (0.07, 2), "stain": (0.09, 6)}


def damage(pictures, generator):
    """(damaged pictures, labels): (N, 3, S, S) in −1…1, and (N, kinds, S, S) of 0 and 1."""
    dice = Dice(generator, len(pictures))
    size = pictures.shape[-1]
    pictures = age(pictures, dice)
    labels = []
    whole = dice.chance(UNDAMAGED)
    for kind in DAMAGE_KINDS:
        wanted = dice.chance(CHANCES[kind]) & ~whole
        after, where = DRAW[kind](pictures, dice, size)
        after = torch.where(wanted[:, None, None, None], after, pictures)
        labels.append((where > 0.25) & visible(after - pictures, kind) & wanted[:, None, None])
        pictures = after
    pictures = scan(pictures, dice)
    return pictures.clamp(-1, 1), torch.stack(labels, 1).float()


def visible(change, kind):
    """Where a change can be seen; that of wide damage is judged over its neighbourhood. Torn paper is damage in any colour."""
    change = change.abs().mean(1)
    least, around = VISIBLE[kind]
    if around:
        sides = (around,) * 4
        change = F.avg_pool2d(F.pad(change[:, None], sides, mode="replicate"), 2 * around + 1, 1)[:, 0]
    return change >= least


def column(values):
    return values[:, None, None, None]


def over(pictures, colour, amount):
    """Paints `colour` (N, 3 or 1, …) with `amount` (N, S, S) of 0…1."""
    return pictures + (colour - pictures) * amount[:, None]


def soft(distance, size, edge=1.0):
    """Coverage of a shape from its signed distance, its edge softened over `edge` px."""
    return (0.5 - distance * size / edge).clamp(0, 1)


def tint(dice, low, high):
    """Greys between two lightnesses, a little warm or cool: (N, 3, 1, 1)."""
    grey = dice.uniform(low, high, 1)
    warm = dice.uniform(-0.08, 0.12, 1)
    return torch.cat((grey + warm, grey, grey - warm), 1)[:, :, None, None]


def age(pictures, dice):
    """Half of the pictures become prints: grey or sepia, flat, faded to one side."""
    grey = (pictures * torch.tensor([0.3, 0.59, 0.11], device=pictures.device)[None, :, None, None]).sum(1, keepdim=True)
    sepia = torch.cat((grey + 0.12, grey, grey - 0.16), 1)
    kind = dice.uniform(0, 1)
    old = torch.where(column(kind < 0.3), grey.expand_as(pictures), torch.where(column(kind < 0.55), sepia, pictures))
    faded = dice.uniform(0, 0.45) * dice.chance(0.5)
    old = old * (1 - column(faded)) + 0.25 * column(faded)
    slope = smooth_noise(pictures.shape[-1], dice, 2)[:, None] * column(dice.uniform(0, 0.06))
    return (old + slope).clamp(-1, 1)


def scan(pictures, dice):
    """Softness, grain and a light copy of the scanner's noise."""
    blurred = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
    pictures = pictures + (blurred - pictures) * column(dice.uniform(0, 1) * dice.chance(0.5))
    grain = dice.normal(1, *pictures.shape[-2:])
    coarse = F.avg_pool2d(F.pad(grain, (1, 1, 1, 1), mode="reflect"), 3, 1) * 2.4
    grain = torch.where(column(dice.chance(0.5)), coarse, grain)
    return pictures + grain * column(dice.uniform(0, 0.09) * dice.chance(0.7))


def scratch(pictures, dice, size):
    """Fine lines, bright or dark, straight or wandering, here strong and there hardly to be seen."""
    starts, ends, radii = [], [], []
    straight = dice.chance(0.4)[:, None]
    for i in range(9):
        wiggle = torch.where(straight, 0.01, 0.16)
        points = wander(dice, 9, dice.uniform(0.02, 0.16, 1), wiggle)
        radius = dice.uniform(0.35, 1.3) / size * torch.where(dice.chance(0.15), 1.8, 1.0)
        if i > 0:
            radius = torch.where(dice.chance(0.5), radius, torch.full_like(radius, -1.0))
        starts.append(points[:, :-1])
        ends.append(points[:, 1:])
        radii.append(radius[:, None].expand(-1, 8))
    distance = stroke_distance(size, torch.cat(starts, 1), torch.cat(ends, 1), torch.cat(radii, 1))
    uneven = (0.8 + 0.5 * smooth_noise(size, dice, 9)).clamp(0.15, 1)
    amount = soft(distance, size, 1.2) * uneven * dice.uniform(0.45, 1)[:, None, None]
    bright = dice.chance(0.7)[:, None, None, None]
    colour = torch.where(bright, tint(dice, 0.55, 1.0), tint(dice, -1.0, -0.5))
    return over(pictures, colour, amount), soft(distance, size, 1.2) * (amount > 0.12)


def dust(pictures, dice, size):
    """Specks of all sizes and a few hairs."""
    y, x = grid(size, dice.device)
    cells = 24
    # At most one speck in each cell of a jittered lattice: as many as wanted at the cost of one.
    inside_y, inside_x = (y * cells).frac(), (x * cells).frac()
    cell = ((y * cells).long() * cells + (x * cells).long()).expand(dice.count, -1, -1).flatten(1)

    def of_cell(values):
        return values.gather(1, cell).view(dice.count, size, size)

    there = of_cell((dice.uniform(0, 1, cells * cells) < dice.uniform(0.005, 0.12, 1)).float())
    radius = of_cell(dice.uniform(0, 1, cells * cells) ** 3 * 0.32 + 0.02)
    cy, cx = (of_cell(dice.uniform(0.35, 0.65, cells * cells)) for _ in range(2))
    bent = 1 + 0.35 * smooth_noise(size, dice, 40)
    speck = (((inside_y - cy) ** 2 + (inside_x - cx) ** 2).sqrt() - radius * bent) / cells
    hairs = torch.cat([wander(dice, 8, dice.uniform(0.006, 0.02, 1), 0.5)[:, None] for _ in range(3)], 1)
    width = torch.where(dice.chance(0.3, 3), dice.uniform(0.3, 0.7, 3) / size, torch.full((dice.count, 3), -1.0, device=dice.device))
    hair = stroke_distance(size, hairs[:, :, :-1].flatten(1, 2), hairs[:, :, 1:].flatten(1, 2), width.repeat_interleave(7, 1))
    amount = torch.maximum(soft(speck, size, 1.3) * there, soft(hair, size, 1.2))
    amount = amount * dice.uniform(0.6, 1)[:, None, None]
    bright = dice.chance(0.65)[:, None, None, None]
    colour = torch.where(bright, tint(dice, 0.6, 1.0), tint(dice, -1.0, -0.6))
    return over(pictures, colour, amount), amount


def tear(pictures, dice, size):
    """A rip from an edge inward: torn paper, white and fibrous, sometimes with what lies behind showing through."""
    side = dice.below(4)
    along = dice.uniform(0.1, 0.9)
    edge = torch.stack((torch.where(side < 2, (side % 2).float(), along), torch.where(side < 2, along, (side % 2).float())), 1)
    inward = torch.atan2(0.5 - edge[:, 0], 0.5 - edge[:, 1])[:, None] + dice.uniform(-0.6, 0.6, 1)
    points = wander(dice, 12, dice.uniform(0.02, 0.075, 1), 0.35, start=edge, heading=inward)
    narrowing = torch.linspace(1, 0.1, 11, device=dice.device)[None]
    ragged = smooth_noise(size, dice, 30) * 0.004 + smooth_noise(size, dice, 70) * 0.002
    paper = path_distance(size, points, dice.uniform(0.008, 0.03, 1) * narrowing) + ragged
    gap = path_distance(size, points + dice.normal(1, 2) * 0.004, dice.uniform(-0.01, 0.022, 1).clamp(min=0) * narrowing) + ragged
    fibre = tint(dice, 0.55, 0.98) + smooth_noise(size, dice, 60)[:, None] * 0.07
    behind = tint(dice, -1.0, 0.9)
    torn = over(over(pictures, fibre, soft(paper, size)), behind, soft(gap, size))
    return torn, torch.maximum(soft(paper, size), soft(gap, size))


def fold(pictures, dice, size):
    """A crease right across: a broken bright line, light on one side of it and shade on the other."""
    y, x = grid(size, dice.device)
    angle = dice.below(2) * (math.pi / 2) + dice.normal() * torch.where(dice.chance(0.7), 0.05, 0.5)
    through = dice.uniform(0.1, 0.9, 2)
    ny, nx = angle.cos()[:, None, None], angle.sin()[:, None, None]
    away = (y - through[:, :1, None]) * ny + (x - through[:, 1:, None]) * nx + smooth_noise(size, dice, 6) * 0.002
    width = dice.uniform(0.5, 2.2)[:, None, None] / size
    broken = (smooth_noise(size, dice, 24) + dice.uniform(-0.6, 1.2)[:, None, None] > 0).float()
    line = soft(away.abs() - width, size, 1.5) * (0.35 + 0.65 * broken) * dice.uniform(0.5, 1)[:, None, None]
    reach = dice.uniform(0.006, 0.05)[:, None, None]
    shade = torch.tanh(away / reach * 2) * torch.exp(-((away / reach) ** 2)) * dice.uniform(0.05, 0.35)[:, None, None]
    bright = dice.chance(0.75)[:, None, None, None]
    colour = torch.where(bright, tint(dice, 0.5, 1.0), tint(dice, -0.9, -0.3))
    creased = over((pictures + shade[:, None]).clamp(-1, 1), colour, line)
    shaded = (away.abs() < reach) & (shade.abs().amax((1, 2), keepdim=True) > 0.07)
    return creased, (shaded | (soft(away.abs() - width, size, 1.5) > 0.3)).float()


def stain(pictures, dice, size):
    """Water and foxing: patches of another tone with a darker rim, and small brown spots."""
    patch = torch.zeros((dice.count, size, size), dtype=torch.bool, device=dice.device)
    for i, keep in enumerate((1.0, 0.4)):
        centre = dice.uniform(0.02, 0.98, 2)
        patch |= blob(size, dice, centre, dice.uniform(0.04, 0.26), 0.8) & dice.chance(keep)[:, None, None]
    spots = quantile_mask(smooth_noise(size, dice, 26), dice.uniform(0.003, 0.02)) & dice.chance(0.35)[:, None, None]
    patch = (patch | spots).float()
    near = F.avg_pool2d(F.pad(patch[:, None], (4, 4, 4, 4), mode="replicate"), 9, 1)[:, 0]
    rim = (near * (1 - near) * 4) * dice.uniform(0, 1)[:, None, None] * patch
    strength = dice.uniform(0.12, 0.55)[:, None, None] * (0.8 + 0.2 * smooth_noise(size, dice, 7))
    amount = (near * strength + 0.4 * rim).clamp(0, 0.9)
    brown = torch.cat((dice.uniform(-0.1, 0.4, 1), dice.uniform(-0.35, 0.15, 1), dice.uniform(-0.7, -0.1, 1)), 1)[:, :, None, None]
    pale = tint(dice, 0.3, 0.9)
    multiplied = (pictures + 1) * (brown + 1) / 2 * 1.25 - 1
    colour = torch.where(column(dice.chance(0.7)), multiplied, pale.expand_as(pictures))
    return over(pictures, colour, amount), (near > 0.4).float() * (amount > 0.08)


DRAW = {"scratch": scratch, "dust": dust, "tear": tear, "fold": fold, "stain": stain}
