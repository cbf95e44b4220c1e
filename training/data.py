"""Owns the photos on the training device: split, sampling weights, batches of augmented crops made where they are used.

Called by all stages and by `evaluate.py`. All bytes of the store lie on the device (1.6 GB; on a CPU they stay memory-mapped);
a batch is one gather of windows and two batched matrix products that resample them, so nothing waits for a decoder. A batch is a
pure function of (seed, step): a resumed run sees what an uninterrupted one would have seen. Never reads image files.
"""

import hashlib
from collections import Counter, defaultdict

import torch

from store import read

HELD_OUT_SHARE = 0.04
# Share of draws by kind of source; within a kind, labels count by the square root of their photos. The few, varied scenes
# are drawn about six times as often as a grocery shelf.
SHARES = {
    "marcusklasson/GroceryStoreDataset": 0.13,
    "Oldpel/flower_photos": 0.15,
    "MachineLearning2020/Homework2-Caltech101": 0.34,
    "kritzerenkrieg/multiclass-deeplearning-oxford-pets": 0.14,
}
MOST_ENLARGED = 1.1  # a photo whose short side is below the crop's by more than this is left out at that crop size


def seeded(seed, step, stream, device="cpu"):
    """A generator for one use (`stream`) in one step, the same whenever and wherever the step runs."""
    text = f"{seed}/{step}/{stream}".encode()
    value = int.from_bytes(hashlib.sha256(text).digest()[:7], "big")
    return torch.Generator(device=device).manual_seed(value)


def is_held_out(name):
    """By the name's hash, so that a photo stays on its side when others come or go."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32 < HELD_OUT_SHARE


def sampling_weights(rows):
    """Probability of each row; rows of sources without a share of their own share the rest."""
    kinds = [row["source"] if row["source"] in SHARES else "scenes" for row in rows]
    labels = [(kind, row.get("label") or row["name"] if kind == "scenes" else row.get("label")) for kind, row in zip(kinds, rows)]
    size = Counter(labels)
    raw = [size[label] ** -0.5 for label in labels]
    total = defaultdict(float)
    for kind, value in zip(kinds, raw):
        total[kind] += value
    shares = {kind: SHARES.get(kind, 1 - sum(SHARES.values())) for kind in total}
    whole = sum(shares.values())
    return torch.tensor([shares[k] / whole * v / total[k] for k, v in zip(kinds, raw)], dtype=torch.float64)


def load(store, device):
    """(training photos, held-out photos): two `Photos` over the same bytes on the device."""
    rows, packs = read(store)
    starts = [0]
    for pack in packs:
        starts.append(starts[-1] + len(pack))
    if torch.device(device).type == "cpu" and len(packs) == 1:
        pixels = torch.from_numpy(packs[0])  # stays memory-mapped
    else:
        pixels = torch.empty(starts[-1], dtype=torch.uint8, device=device)
        for pack, start in zip(packs, starts):
            pixels[start : start + len(pack)] = torch.from_numpy(pack).to(device)
    return Photos(rows, pixels, starts, held_out=False), Photos(rows, pixels, starts, held_out=True)


class Photos:
    """One side of the split. `starts` says where each pack begins in `pixels`, the bytes of all packs on a device."""

    def __init__(self, rows, pixels, starts, held_out):
        self.rows = [row for row in rows if is_held_out(row["name"]) == held_out]
        if not self.rows:
            raise SystemExit(f"the store holds no photo of the {'held-out' if held_out else 'training'} side; pack more shards")
        self.bytes, self.device = pixels, pixels.device
        most = max(len(row["levels"]) for row in self.rows)
        table = torch.zeros((len(self.rows), most, 3), dtype=torch.int64)
        for i, row in enumerate(self.rows):
            for k in range(most):
                offset, height, width = row["levels"][min(k, len(row["levels"]) - 1)]
                table[i, k] = torch.tensor([starts[row["pack"]] + offset, height, width])
        self.table = table  # (photo, level): where its bytes begin, height, width
        self.depth = torch.tensor([len(row["levels"]) for row in self.rows])
        self.weights = sampling_weights(self.rows)

    def batch(self, count, size, seed, step, augment=True):
        """(pictures, photos): float (count, 3, size, size) in −1…1 on the device, and each one's index into `rows`."""
        generator = seeded(seed, step, "crops")
        short = self.table[:, 0, 1:].amin(1)
        weights = torch.where(short * MOST_ENLARGED >= size, self.weights, 0.0)
        if weights.sum() == 0:
            raise SystemExit(f"no photo is large enough for crops of {size} px; pack more shards or train on smaller crops")
        photos = torch.multinomial(weights, count, replacement=True, generator=generator)
        pictures = self.cut(photos, *place(self.table[photos, 0, 1:], size, generator), size)
        if augment:
            flip = torch.rand(count, generator=generator) < 0.5
            pictures = torch.where(flip.to(self.device)[:, None, None, None], pictures.flip(-1), pictures)
            pictures = light(pictures, generator)
        return pictures, photos.to(self.device)

    def centre(self, photos, size):
        """The largest middle squares, without augmentation, for evaluation."""
        sides = self.table[photos, 0, 1:].float()
        scale = (sides.amin(1) / size)[:, None].expand(-1, 2)
        return self.cut(photos, (sides - scale * size) / 2, scale, size)

    def cut(self, photos, origin, scale, size):
        """Squares of `size`, one a photo: `origin` (N, 2) is the upper left corner and `scale` (N, 2) photo px a picture px."""
        level = torch.minimum(scale.amin(1).clamp(min=1).log2().floor().long(), self.depth[photos] - 1)
        place = self.table[photos, level]
        shrink = place[:, 1:] / self.table[photos, 0, 1:]
        origin, scale = origin * shrink, scale * shrink
        window = int((scale.amax() * size).ceil()) + 10  # on the CPU: asking the device would wait for it
        origin, scale = origin.to(self.device), scale.to(self.device)
        corner = origin.floor().long() - 4
        steps = torch.arange(window, device=self.device)
        place = place.to(self.device)
        rows = (corner[:, :1] + steps).clamp(min=0).minimum(place[:, 1:2] - 1)
        columns = (corner[:, 1:] + steps).clamp(min=0).minimum(place[:, 2:] - 1)
        index = (rows * place[:, 2:])[:, :, None] + columns[:, None, :]
        index = place[:, :1, None] + index * 3
        pixels = torch.stack([self.bytes[index + c] for c in range(3)], 1).float()
        down = taps(origin[:, 0] - corner[:, 0], scale[:, 0], size, window)
        across = taps(origin[:, 1] - corner[:, 1], scale[:, 1], size, window)
        with torch.autocast(self.device.type, enabled=False):  # 16-bit pixels would be coarser than the photo's own
            pixels = torch.einsum("nih,nchw->nciw", down, pixels)
            pixels = torch.einsum("nciw,njw->ncij", pixels, across)
        return pixels.clamp(0, 255) / 127.5 - 1


def place(sides, size, generator):
    """Where crops lie: (origin, scale). A third of them at the photo's own scale on whole pixels, sharp as they come; the
    others at any scale from there up to the whole photo, their aspect ratio off by up to 6 %."""
    count = len(sides)
    draw = torch.rand(count, 5, generator=generator)
    sides = sides.float()
    most = sides.amin(1) / size
    scale = torch.exp(draw[:, 0] * most.clamp(min=1).log())
    scale = torch.where(most < 1, most, scale)
    own = (draw[:, 1] < 0.35) & (most >= 1)
    stretch = (draw[:, 2] - 0.5) * 0.12
    scale = scale[:, None] * torch.stack((torch.exp(stretch / 2), torch.exp(-stretch / 2)), 1)
    scale = torch.minimum(torch.where(own[:, None], torch.ones_like(scale), scale), sides / size)
    origin = draw[:, 3:] * (sides - scale * size)
    return torch.where(own[:, None], origin.round(), origin), scale


def taps(start, scale, size, window):
    """Resampling weights (N, size, window): Catmull–Rom, stretched where it shrinks, as image libraries resize."""
    wide = scale.clamp(min=1)[:, None, None]
    centre = start[:, None] + (torch.arange(size, device=start.device) + 0.5) * scale[:, None] - 0.5
    x = ((torch.arange(window, device=start.device)[None, None] - centre[:, :, None]) / wide).abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    weight = torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
    return weight / weight.sum(2, keepdim=True)


def light(pictures, generator):
    """Another hour, another camera: exposure, contrast, saturation and warmth, each off by a little, in half of the pictures."""
    count, device = len(pictures), pictures.device
    draw = (torch.rand(count, 4, generator=generator) * 2 - 1) * (torch.rand(count, 1, generator=generator) < 0.5)
    gain, contrast, saturation, warmth = (draw.to(device)[:, i, None, None, None] for i in range(4))
    grey = pictures.mean(1, keepdim=True)
    pictures = grey + (pictures - grey) * (1 + 0.25 * saturation)
    tint = torch.tensor([1.0, 0.0, -1.0], device=device)[None, :, None, None] * warmth * 0.04
    return (((pictures + 1) * (1 + 0.12 * gain + tint) - 1) * (1 + 0.12 * contrast)).clamp(-1, 1)
