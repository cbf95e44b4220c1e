"""Trains the autoencoder: diffusers' AutoencoderTiny, downscale 4, 4 latent channels.

    python training/train_vae.py --store STORE --out RUN [--size pocket] [--init FOLDER] [--adversarial 0.05]

Loss: L1, gradients at three sizes and SSIM of the reconstruction, also from latents with a little noise on them (the UNet's
latents will not be perfect), and a pull of the latents to mean 0, variance 1 and no correlation. `--init` goes on from a saved
`vae/` folder. The last save carries the latents' spread, which becomes `scaling_factor`;
`off_centre`, the largest mean of a channel, should end under 0.2. Never exports: `export.py` does.
"""

import argparse
import json
from pathlib import Path

import torch

import networks
from data import load, seeded
from losses import gradient_l1, latent_shape, psnr, ssim
from stage import Run, arguments

LATENT_NOISE = 0.04
LATENT_PULL = 0.05  # towards latents that suit diffusion


def picture_loss(made, real, similarity=0.25):
    return (made - real).abs().mean() + 0.5 * gradient_l1(made, real) + similarity * (1 - ssim(made, real).mean())


def starting_point(args):
    """(config, weights or None)."""
    if args.init is None:
        return networks.vae_config(args.size), None
    from diffusers import AutoencoderTiny

    vae = AutoencoderTiny.from_pretrained(args.init)
    own = json.loads((args.init / "config.json").read_text(encoding="utf-8"))
    wanted = networks.vae_config("nano")
    return {key: own[key] for key in wanted} | {"scaling_factor": 1.0}, vae.float().state_dict()


@torch.no_grad()
def whiten(vae, pictures):
    """Folds into the encoder's last and the decoder's first convolution what makes the latents of `pictures` mean 0, variance 1 and
    uncorrelated. Exact but for the decoder's soft clamp, which training soon allows for. Latents off centre are what noise is
    measured against in vain: a UNet learns them many times more slowly, and paints blotches."""
    enter, leave = vae.decoder.layers[0], vae.encoder.layers[-1]
    flat = vae.encoder(pictures).transpose(0, 1).flatten(1).double()
    mean = flat.mean(1)
    values, vectors = torch.linalg.eigh((flat - mean[:, None]) @ (flat - mean[:, None]).T / flat.shape[1])
    there = (vectors * values.clamp(min=1e-6).rsqrt()) @ vectors.T
    back = torch.linalg.inv(there)
    leave.bias.copy_((there @ (leave.bias.double() - mean)).float())
    leave.weight.copy_(torch.einsum("ab,bchw->achw", there, leave.weight.double()).float())
    enter.bias += (enter.weight.double().sum((2, 3)) @ mean).float()
    enter.weight.copy_(torch.einsum("abhw,bc->achw", enter.weight.double(), back).float())


class Trainer:
    def __init__(self, args):
        self.args = args
        torch.manual_seed(args.seed)
        self.photos, self.unseen = load(args.store, args.device)
        config, weights = starting_point(args)
        vae = networks.build_vae(config)
        if weights is not None:
            vae.load_state_dict(weights)
            whiten(vae, self.photos.batch(32, args.crop, args.seed, 0)[0].cpu())
        spare = {"discriminator": networks.Discriminator()} if args.adversarial > 0 else {}
        self.run = Run("vae", args, {"vae": config}, {"vae": vae}, spare)
        self.vae, self.judge = vae, spare.get("discriminator")
        self.encode, self.decode = self.run.compiled(vae.encoder), self.run.compiled(vae.decoder)

    def train(self, step):
        args, run = self.args, self.run
        real, _ = self.photos.batch(args.batch, args.crop, args.seed, step)
        real = real.contiguous(memory_format=torch.channels_last)
        generator = seeded(args.seed, step, "noise", args.device)
        with run.autocast():
            latents = self.encode(real)
            noise = torch.randn(latents.shape, generator=generator, device=latents.device)
            # Half of the batch is decoded from latents that are a little off.
            share = (torch.arange(len(real), device=latents.device) % 2)[:, None, None, None]
            made = self.decode(latents + LATENT_NOISE * share * noise)
        latents, made = latents.float(), made.float()
        shape = latent_shape(latents)
        loss = picture_loss(made, real, args.similarity) + LATENT_PULL * shape
        figures = {"psnr": psnr(made.clamp(-1, 1), real).mean(), "latent_shape": shape}
        if self.judge is not None and step >= args.adversarial_from:
            with run.autocast():
                fooled = -self.judge(made).float().mean()
            loss = loss + args.adversarial * fooled
        run.descend(loss)
        if self.judge is not None:
            with run.autocast():
                on_real, on_made = self.judge(real).float(), self.judge(made.detach()).float()
            judged = torch.relu(1 - on_real).mean() + torch.relu(1 + on_made).mean()
            run.descend(judged, "spare")
            figures["judge"] = judged
        return figures | {"loss": loss}

    def held_out(self):
        """PSNR and SSIM of unseen photos at 256², or at the crop's size where that is larger; and the latents' spread."""
        size = max(256, self.args.crop) if self.args.device == "cuda" else self.args.crop
        figures = {"psnr": [], "ssim": [], "spread": [], "centre": []}
        for first in range(0, min(len(self.unseen.rows), self.args.held_out_photos), 16):
            photos = torch.arange(first, min(first + 16, len(self.unseen.rows), self.args.held_out_photos))
            real = self.unseen.centre(photos, size)
            latents = self.vae.encoder(real)
            made = self.vae.decoder(latents).clamp(-1, 1)
            figures["psnr"].append(psnr(made, real))
            figures["ssim"].append(ssim(made, real))
            figures["centre"].append(latents.mean((2, 3)))
            figures["spread"].append(latents.std((1, 2, 3)) ** 2 + latents.mean((1, 2, 3)) ** 2)
        centre = torch.cat(figures.pop("centre")).mean(0).abs().max()
        figures = {key: torch.cat(value).mean() for key, value in figures.items()} | {"off_centre": centre}
        figures["spread"] = figures["spread"].sqrt()
        self.run.config["vae"]["scaling_factor"] = float(1 / figures["spread"])
        return figures


def main():
    parser = arguments(argparse.ArgumentParser(description=__doc__), steps=6000, batch=128, lr=8e-4, crop=128)
    parser.add_argument("--size", choices=networks.VAE_SIZES, default="pocket")
    parser.add_argument("--init", type=Path, help="a vae folder in diffusers layout to go on from, whatever --size says")
    parser.add_argument("--similarity", type=float, default=0.25, help="weight of 1 - SSIM in the loss")
    parser.add_argument("--adversarial", type=float, default=0.0, help="weight of a patch discriminator; 0 leaves it out")
    parser.add_argument("--adversarial-from", type=int, default=2000, help="first step in which the judge is listened to")
    parser.add_argument("--held-out-photos", type=int, default=154)
    args = parser.parse_args()
    trainer = Trainer(args)
    trainer.run.loop(trainer.train, trainer.held_out)


if __name__ == "__main__":
    main()
