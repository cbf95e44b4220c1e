"""Trains the inpainting UNet and its text encoder together, over a finished autoencoder.

    python training/train_unet.py --store STORE --vae RUN --tokenizer FOLDER --out RUN [--size pocket] [--init FOLDER]

The network's input is diffusers' [noisy latents | hole | latents of the picture without the hole]; it predicts the velocity under
the schedule of `schedule.py`. The loss counts the hole fully and the rest a little. Encoding pictures costs more than the UNet
itself, so each pair of picture and hole is used `--repeat` times, at timesteps spread over the schedule. `--init` goes on from
the `unet/` and `text_encoder/` of a saved pipeline. Never exports.
"""

import argparse
import json
from pathlib import Path

import torch

import checkpointing
import holes
import networks
from captions import DROPOUT, TOKENS, Captions, load_tokenizer
from data import load, seeded
from schedule import STEPS, Schedule
from stage import Run, arguments

KNOWN_WEIGHT = 0.15  # of a latent outside the hole, where the answer is given


def load_vae(folder, device):
    """The autoencoder of a stage's folder or of a `vae/` folder: averaged weights, frozen, and its config."""
    if (Path(folder) / "config.json").exists():
        from diffusers import AutoencoderTiny

        own = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        config = {key: own[key] for key in networks.vae_config("nano")}
        vae = AutoencoderTiny.from_pretrained(folder).float()
    else:
        state = checkpointing.need(folder)
        config = state["config"]["vae"]
        vae = networks.build_vae(config)
        vae.load_state_dict(state["ema"]["vae"])
    vae = vae.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    return vae, config


def load_pair(folder):
    """(config of both, UNet, text encoder) with the weights of a saved pipeline's folders."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel

    unet = UNet2DConditionModel.from_pretrained(Path(folder) / "unet").float()
    text = CLIPTextModel.from_pretrained(Path(folder) / "text_encoder").float()
    unet_config = {key: unet.config[key] for key in networks.unet_config("nano", 64)}
    text_config = {key: getattr(text.config, key) for key in networks.text_config("nano", 4, TOKENS)}
    as_json = json.loads(json.dumps({"unet": unet_config, "text": text_config}))
    return as_json, unet, text


def build_pair(config, weights=None):
    """UNet and text encoder of a config, with the averaged weights of a stage's state where one is given."""
    unet, text = networks.build_unet(config["unet"]), networks.build_text(config["text"])
    if weights is not None:
        unet.load_state_dict(weights["unet"], strict=True)
        text.load_state_dict(weights["text"], strict=False)  # position numbers are no parameters
    return unet, text


def conditioned(unet, noisy, timestep, batch, embeddings):
    """Velocity predicted for noisy latents, f32."""
    entering = torch.cat((noisy, batch["hole"], batch["known"]), 1)
    return unet(entering, timestep, encoder_hidden_states=embeddings).sample.float()


class Batches:
    """Pictures, holes and captions as latents on the device; shared with `distill.py` and `evaluate.py`."""

    def __init__(self, photos, captions, vae, config, device, ahead=None):
        self.photos, self.captions, self.vae, self.device = photos, captions, vae, device
        self.scale = config["scaling_factor"]
        # Holes are many small operations: a GPU draws those of 16 steps at once, a CPU gains nothing by it.
        self.ahead = ahead or (16 if torch.device(device).type == "cuda" else 1)
        self.drawn, self.bank = None, None

    def encode(self, pictures):
        return self.vae.encoder(pictures.contiguous(memory_format=torch.channels_last)).float() * self.scale

    def holes(self, count, size, seed, step):
        """(holes, kinds) of a step; the same whether or not the step before was drawn here."""
        wanted = (count, size, seed, step // self.ahead)
        if self.drawn != wanted:
            generator = seeded(seed, step // self.ahead, "holes", self.device)
            self.drawn, self.bank = wanted, holes.draw(count * self.ahead, size, generator)
        part = slice(step % self.ahead * count, (step % self.ahead + 1) * count)
        return self.bank[0][part], self.bank[1][part]

    @torch.no_grad()
    def draw(self, count, size, seed, step, dropout=DROPOUT, augment=True):
        """`latents`, `known`, `hole`, `weight` at the latents' size, `tokens`, `kinds`, for `count` pictures of `size` px."""
        pictures, photos = self.photos.batch(count, size, seed, step, augment)
        hole, kinds = self.holes(count, size, seed, step)
        tokens = self.captions.draw(photos, seeded(seed, step, "captions", self.device), dropout)
        both = self.encode(torch.cat((pictures, pictures * (1 - hole))))
        weight = KNOWN_WEIGHT + (1 - KNOWN_WEIGHT) * holes.touched(hole)
        return {"latents": both[:count], "known": both[count:], "hole": holes.at_latents(hole), "weight": weight,
                "tokens": tokens, "kinds": kinds}


def spread_timesteps(count, generator, device):
    """One timestep from each of `count` equal parts of the schedule, in random order."""
    part = torch.randperm(count, generator=generator, device=device)
    inside = torch.rand(count, generator=generator, device=device)
    return ((part + inside) / count * STEPS).long().clamp(max=STEPS - 1)


def hole_loss(predicted, target, weight, factor=None):
    """Squared error, weighted by `weight`; a sample whose hole is small still counts by the root of its area."""
    share = weight.mean((1, 2, 3), keepdim=True)
    error = ((predicted - target) ** 2 * weight).mean((1, 2, 3)) / share[:, 0, 0, 0].sqrt()
    return (error if factor is None else error * factor).mean()


class Trainer:
    def __init__(self, args):
        self.args = args
        torch.manual_seed(args.seed)
        device = args.device
        vae, vae_config = load_vae(args.vae, device)
        tokenizer = load_tokenizer(args.tokenizer)
        if args.init is not None:
            config, unet, text = load_pair(args.init)
            config["unet"]["sample_size"] = args.crop // 4
        else:
            vocabulary = len(tokenizer)
            config = {"unet": networks.unet_config(args.size, args.crop // 4),
                      "text": networks.text_config(args.size, vocabulary, TOKENS)}
            unet, text = build_pair(config)
        if config["text"]["vocab_size"] != len(tokenizer):
            raise SystemExit(f"the text encoder knows {config['text']['vocab_size']} pieces, the tokenizer {len(tokenizer)}")
        self.run = Run("unet", args, config | {"vae": vae_config}, {"unet": unet, "text": text})
        self.unet, self.text = unet, text
        self.forward = self.run.compiled(unet)
        self.schedule = Schedule(device)
        self.batches, self.unseen = (
            Batches(side, Captions(side.rows, tokenizer, device), vae, vae_config, device) for side in load(args.store, device)
        )

    def train(self, step):
        args, run = self.args, self.run
        if args.batch % args.repeat:
            raise SystemExit(f"--batch {args.batch} must be a multiple of --repeat {args.repeat}")
        with run.autocast():
            batch = self.batches.draw(args.batch // args.repeat, args.crop, args.seed, step, args.dropout)
            loss, figures = self.loss(batch, args.repeat, seeded(args.seed, step, "noise", args.device), args.weighting, self.forward)
        norm = run.descend(loss)
        return figures | {"norm": norm}

    def loss(self, batch, repeat, generator, weighting, network):
        """The weighted loss and figures of a batch whose every pair is used `repeat` times; `network` is the UNet, compiled or not."""
        batch = {key: value.repeat(repeat, *[1] * (value.dim() - 1)) for key, value in batch.items()}
        count, device = len(batch["latents"]), batch["latents"].device
        timestep = spread_timesteps(count, generator, device)
        noise = torch.randn(batch["latents"].shape, generator=generator, device=device)
        noisy = self.schedule.noisy(batch["latents"], noise, timestep)
        target = self.schedule.velocity(batch["latents"], noise, timestep)
        embeddings = self.text(batch["tokens"])[0]
        predicted = conditioned(network, noisy, timestep, batch, embeddings)
        factor = self.schedule.weight(timestep, weighting)
        loss = hole_loss(predicted, target, batch["weight"], factor)
        return loss, {"loss": loss, "mse": ((predicted - target) ** 2).mean()}

    def held_out(self):
        """The loss on unseen photos with fixed holes, noise and timesteps, v-weighted so that runs can be compared."""
        return held_out_loss(self, self.args)


def held_out_loss(trainer, args):
    """Mean over fixed batches; also without captions (`blind`), which tells what words are worth."""
    total, blind, rounds = 0.0, 0.0, args.held_out_rounds
    for i in range(rounds):
        batch = trainer.unseen.draw(args.held_out_batch, args.crop, 777, i, dropout=0.0, augment=False)
        total += trainer.loss(batch, 1, seeded(777, i, "noise", args.device), "v", trainer.unet)[0] / rounds
        batch["tokens"] = trainer.unseen.captions.empty(args.held_out_batch)
        blind += trainer.loss(batch, 1, seeded(777, i, "noise", args.device), "v", trainer.unet)[0] / rounds
    return {"loss": total, "blind": blind}


def unet_arguments(parser):
    """What this stage and distillation share."""
    parser.add_argument("--vae", type=Path, required=True, help="folder of the autoencoder's run, or a vae folder")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder with vocab.json and merges.txt")
    parser.add_argument("--repeat", type=int, default=4, help="how often each pair of picture and hole is used in a batch [4]")
    parser.add_argument("--dropout", type=float, default=DROPOUT, help=f"share of empty prompts [{DROPOUT}]")
    parser.add_argument("--weighting", choices=("v", "min-snr"), default="v")
    parser.add_argument("--held-out-rounds", type=int, default=4)
    parser.add_argument("--held-out-batch", type=int, default=64)
    return parser


def main():
    parser = arguments(argparse.ArgumentParser(description=__doc__), steps=16000, batch=256, lr=6e-4, crop=256)
    unet_arguments(parser)
    parser.add_argument("--size", choices=networks.UNET_SIZES, default="pocket")
    parser.add_argument("--init", type=Path, help="a saved pipeline whose unet and text_encoder to go on from, whatever --size says")
    args = parser.parse_args()
    trainer = Trainer(args)
    trainer.run.loop(trainer.train, trainer.held_out)


if __name__ == "__main__":
    main()
