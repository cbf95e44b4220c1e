"""Paints: fills of held-out photos by a run or an export, as a sheet to look at while training goes on.

    python training/sampling.py RUN_OR_EXPORT --vae RUN --tokenizer FOLDER --store STORE --sheet SHEET.png [--steps 12]

One row a photo: what is known, two fills with the photo's caption, one without words, the photo. The same pictures, holes and
noise every time, so that sheets of two runs can be laid side by side. DDIM over trailing timesteps, as the export is run. Called
by hand and by `words.py`. Never trains, never scores.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import checkpointing
import holes
from captions import Captions, load_tokenizer
from data import load, seeded
from schedule import Schedule, trailing
from train_unet import Batches, build_pair, conditioned, load_pair, load_vae


class Painter:
    """A UNet, its text encoder and its autoencoder, ready to paint."""

    def __init__(self, folder, vae, device):
        """`folder` holds a stage's state, a parcel or an export; an export brings its own autoencoder."""
        folder = Path(folder)
        if (folder / "unet" / "config.json").exists():
            self.config, unet, text = load_pair(folder)
            vae = folder / "vae"
        else:
            state = checkpointing.need(folder)
            self.config = state["config"]
            unet, text = build_pair(self.config, state["ema"])
        self.unet, self.text = unet.to(device).eval(), text.to(device).eval()
        self.vae, self.vae_config = load_vae(vae, device)
        self.schedule, self.device = Schedule(device), device

    @torch.no_grad()
    def latents(self, batch, tokens, nothing, generator, steps=12, guidance=4.0):
        """Latents painted for a batch of `Batches.draw`: `tokens` and `nothing` (N, TOKENS) are prompts and empty prompts."""
        latents = torch.randn(batch["known"].shape, generator=generator, device=self.device)
        words, empty = self.text(tokens)[0], self.text(nothing)[0]
        timesteps = [*trailing(steps).tolist(), -1]
        for now, following in zip(timesteps, timesteps[1:]):
            at, to = (torch.full((len(latents),), t, device=self.device) for t in (now, following))
            velocity = conditioned(self.unet, latents, at, batch, words)
            if guidance > 1:
                without = conditioned(self.unet, latents, at, batch, empty)
                velocity = without + guidance * (velocity - without)
            latents = self.schedule.ddim(latents, velocity, at, to)
        return latents

    @torch.no_grad()
    def decode(self, latents):
        return self.vae.decoder(latents / self.vae_config["scaling_factor"]).clamp(-1, 1)


def to_image(rows):
    """A list of rows of pictures (3, S, S) as one image."""
    whole = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
    return Image.fromarray(((whole.float().cpu() + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy().astype(np.uint8))


@torch.no_grad()
def sheet(painter, photos, tokenizer, size, count, steps, guidance):
    """The rows described above."""
    device = painter.device
    batches = Batches(photos, Captions(photos.rows, tokenizer, device), painter.vae, painter.vae_config, device)
    pictures, indices = photos.batch(count, size, 4242, 0, augment=False)
    hole, _ = holes.draw(count, size, seeded(4242, 0, "holes", device))
    both = batches.encode(torch.cat((pictures, pictures * (1 - hole))))
    batch = {"known": both[count:], "hole": holes.at_latents(hole)}
    tokens = batches.captions.draw(indices, seeded(4242, 0, "captions", device), dropout=0.0)
    nothing = batches.captions.empty(count)
    columns = [pictures * (1 - hole)]
    for seed, prompt in ((1, tokens), (2, tokens), (1, nothing)):
        made = painter.decode(painter.latents(batch, prompt, nothing, seeded(4242, seed, "noise", device), steps, guidance))
        columns.append(pictures * (1 - hole) + made * hole)
    return to_image(list(zip(*columns, pictures)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vae", type=Path, help="folder of the autoencoder; not needed for an export")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, required=True, help="PNG to write")
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--crop", type=int, help="left out: the size it was trained on")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    painter = Painter(args.folder, args.vae, args.device)
    size = args.crop or painter.config["unet"]["sample_size"] * 4
    photos = load(args.store, args.device)[1]
    sheet(painter, photos, load_tokenizer(args.tokenizer), size, args.photos, args.steps, args.guidance).save(args.sheet)


if __name__ == "__main__":
    main()
