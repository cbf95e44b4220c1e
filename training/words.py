"""Measures what words do: a classifier that has seen photos only picks, of four words, the one a picture was asked for.

    python training/words.py EXPORT --store STORE --sheet SHEET.png [--words rose,dandelion,…] [--minutes 2]

Trains a small classifier on the training photos of the words (a photo is a word's when one of its texts holds it), says how often it
is right on held-out photos, and lets it judge pictures painted from nothing but "a photo of a WORD", and fills of large holes in
other photos. Chance is one in four. The sheet has a row a word. Called by hand; never changes the model.
"""

import argparse
from pathlib import Path

import torch
from torch import nn

import holes
from captions import PHRASES, load_tokenizer, tokenize, variants
from data import load, seeded
from sampling import Painter, to_image
from train_unet import Batches

WORDS = ("rose", "dandelion", "sunflower", "tulip", "daisy", "dog", "cat", "airplane", "watch", "apple", "mountain", "fork")
SIDE = 64
RIVALS = 3


class Classifier(nn.Module):
    def __init__(self, classes, width=48):
        super().__init__()
        layers, before = [], 3
        for out in (width, 2 * width, 4 * width, 4 * width):
            layers += [nn.Conv2d(before, out, 3, 1, 1), nn.GroupNorm(8, out), nn.ReLU(), nn.Conv2d(out, out, 3, 2, 1), nn.GroupNorm(8, out),
                       nn.ReLU()]
            before = out
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(before, classes))

    def forward(self, pictures):
        return self.layers(nn.functional.interpolate(pictures, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False))


def labels_of(photos, words):
    """The index of the one word that a photo's texts hold, else −1."""
    found = []
    for row in photos.rows:
        texts = set(" ".join(variants(row)).replace(",", " ").split())
        texts |= {text.removesuffix("s") for text in texts} | {"daisy" for text in texts if text == "daisies"}
        own = [i for i, word in enumerate(words) if word in texts]
        found.append(own[0] if len(own) == 1 else -1)
    return torch.tensor(found)


def train_classifier(photos, labels, classes, device, seed, steps, batch=64):
    """As many photos of each word as of any other; other words' pictures are what it must tell apart."""
    torch.manual_seed(seed)
    model = Classifier(classes).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    counts = torch.bincount(labels[labels >= 0], minlength=classes).clamp(min=1)
    kept = photos.weights
    photos.weights = torch.where(labels >= 0, 1.0 / counts[labels.clamp(min=0)], 0.0).double()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, 4 * (1 - step / steps))
        pictures, indices = photos.batch(batch, 96, seed, step)
        loss = nn.functional.cross_entropy(model(pictures), labels[indices.cpu()].to(device), label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    photos.weights = kept
    return model.eval()


def picked(logits, asked, generator):
    """Whether the asked word has the largest logit among itself and three others, each picture with its own three."""
    rivals = torch.rand(logits.shape, generator=generator)
    rivals[torch.arange(len(asked)), asked] = -1
    chosen = torch.cat((asked[:, None], rivals.topk(RIVALS, 1).indices), 1)
    return logits.cpu().gather(1, chosen).argmax(1) == 0


@torch.no_grad()
def judge_photos(model, photos, labels, generator):
    known = (labels >= 0).nonzero()[:, 0]
    if not len(known):
        return None
    logits = torch.cat([model(photos.centre(part, 96)) for part in known.split(64)])
    return picked(logits, labels[known], generator).float().mean().item()


@torch.no_grad()
def paint(painter, batches, tokenizer, words, count, size, seed, whole, steps, guidance):
    """(pictures, asked): `count` of each word, from nothing (`whole`) or into the middle of other photos."""
    device, pictures, asked = painter.device, [], []
    for index, word in enumerate(words):
        under, _ = batches.photos.batch(count, size, seed, index, augment=False)
        hole = torch.zeros(count, 1, size, size, device=device)
        edge = 0 if whole else size // 8
        hole[:, :, edge : size - edge, edge : size - edge] = 1
        batch = {"known": batches.encode(under * (1 - hole)), "hole": holes.at_latents(hole)}
        tokens = tokenize(tokenizer, [PHRASES[0].format(f"a {word}")] * count).to(device)
        nothing = tokenize(tokenizer, [""] * count).to(device)
        noise = seeded(seed, index, "words", device)
        made = painter.decode(painter.latents(batch, tokens, nothing, noise, steps, guidance))
        pictures.append(under * (1 - hole) + made * hole)
        asked += [index] * count
    return torch.cat(pictures), torch.tensor(asked)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, required=True)
    parser.add_argument("--words", default=",".join(WORDS))
    parser.add_argument("--count", type=int, default=16, help="pictures a word and way")
    parser.add_argument("--train-steps", type=int, default=1500, help="of the classifier")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    words = args.words.split(",")
    if len(words) <= RIVALS:
        raise SystemExit(f"--words needs more than {RIVALS} words")
    photos, unseen = load(args.store, args.device)
    labels = labels_of(photos, words)
    for index, word in enumerate(words):
        if not (labels == index).any():
            raise SystemExit(f"no photo is called {word}; leave it out of --words")
    model = train_classifier(photos, labels, len(words), args.device, args.seed, args.train_steps)
    generator = torch.Generator().manual_seed(args.seed)
    right = judge_photos(model, unseen, labels_of(unseen, words), generator)
    print(f"classifier: right on {right:.0%} of held-out photos, one of four" if right is not None else "no held-out photo has a word")
    painter, tokenizer = Painter(args.export, None, args.device), load_tokenizer(args.export / "tokenizer")
    batches = Batches(unseen, None, painter.vae, painter.vae_config, args.device)
    size, rows = painter.config["unet"]["sample_size"] * 4, {word: [] for word in words}
    for whole, way in ((True, "from nothing"), (False, "into photos")):
        pictures, asked = paint(painter, batches, tokenizer, words, args.count, size, args.seed, whole, args.steps, args.guidance)
        with torch.no_grad():
            hits = picked(torch.cat([model(part) for part in pictures.split(64)]), asked, generator)
        shares = [hits[asked == i].float().mean().item() for i in range(len(words))]
        each = ", ".join(f"{word} {share:.0%}" for word, share in zip(words, shares))
        print(f"{way}: the asked word is picked in {hits.float().mean():.0%} (chance 25%); {each}", flush=True)
        for i, word in enumerate(words):
            rows[word] += list(pictures[asked == i][:5])
    to_image(rows.values()).save(args.sheet)


if __name__ == "__main__":
    main()
