"""Trains the autoencoder: diffusers' AutoencoderTiny, downscale 4, 4 latent channels.

    python training/train_vae.py --store STORE --out RUN [--size pocket] [--init FOLDER] [--adversarial 0.05]

Loss: L1, gradients at three sizes and SSIM of the reconstruction, also from latents with a little noise on them (the UNet's
latents will not be perfect), and a pull of the latents to mean 0, variance 1 and no correlation. `--init` goes on from a saved
`vae/` folder. The last save carries the latents' spread, which becomes `scaling_factor`. Never exports: `export.py` does.
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


class Trainer:
    def __init__(self, args):
        self.args = args
        torch.manual_seed(args.seed)
        config, weights = starting_point(args)
        vae = networks.build_vae(config)
        if weights is not None:
            vae.load_state_dict(weights)
        spare = {"discriminator": networks.Discriminator()} if args.adversarial > 0 else {}
        self.run = Run("vae", args, {"vae": config}, {"vae": vae}, spare)
        self.vae, self.judge = vae, spare.get("discriminator")
        self.photos, self.unseen = load(args.store, args.device)
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
        loss = picture_loss(made, real, args.similarity) + 0.02 * shape
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
        figures = {"psnr": [], "ssim": [], "spread": []}
        for first in range(0, min(len(self.unseen.rows), self.args.held_out_photos), 16):
            photos = torch.arange(first, min(first + 16, len(self.unseen.rows), self.args.held_out_photos))
            real = self.unseen.centre(photos, size)
            latents = self.vae.encoder(real)
            made = self.vae.decoder(latents).clamp(-1, 1)
            figures["psnr"].append(psnr(made, real))
            figures["ssim"].append(ssim(made, real))
            figures["spread"].append(latents.std((1, 2, 3)) ** 2 + latents.mean((1, 2, 3)) ** 2)
        figures = {key: torch.cat(value).mean() for key, value in figures.items()}
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
