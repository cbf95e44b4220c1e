"""Distils a trained UNet to few steps: progressive distillation (Salimans and Ho 2022), guidance folded in if asked.

    python training/distill.py --teacher RUN --store STORE --vae RUN --tokenizer FOLDER --out RUN --from-steps 16 --to-steps 8

The student of `--to-steps` learns to land in one DDIM step where the teacher lands in `--from-steps / --to-steps` of its own,
over the trailing spacing that the exported scheduler uses, so nothing about sampling changes but the number of steps. With
`--guidance 3` the teacher is guided and the student needs none (run it at guidance 1). Halve again from the result: 16 → 8 → 4,
the second time without `--guidance`. Text encoder and autoencoder stay as they are. Never exports.
"""

import argparse
from pathlib import Path

import torch

import checkpointing
from captions import Captions, load_tokenizer
from data import load, seeded
from schedule import Schedule, trailing
from stage import Run, arguments
from train_unet import Batches, build_pair, conditioned, hole_loss, load_vae, unet_arguments


class Distiller:
    def __init__(self, args):
        self.args = args
        if args.from_steps % args.to_steps or args.from_steps == args.to_steps:
            raise SystemExit(f"--from-steps {args.from_steps} must be a multiple of --to-steps {args.to_steps}, and larger")
        torch.manual_seed(args.seed)
        device = args.device
        state = checkpointing.need(args.teacher)
        vae, vae_config = load_vae(args.vae, device)
        config = {"unet": state["config"]["unet"], "text": state["config"]["text"], "vae": vae_config}
        self.teacher, self.text = build_pair(config, state["ema"])
        for module in (self.teacher, self.text):
            module.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
        student, text = build_pair(config, state["ema"])
        # The text encoder is carried along so that an export finds both in one place; no loss reaches it.
        text.requires_grad_(False)
        before = state["config"].get("distilled", {})
        steps = {"from": args.from_steps, "to": args.to_steps, "guidance": max(args.guidance, before.get("guidance", 1.0)),
                 "teacher_steps": before.get("teacher_steps", state["step"])}
        self.run = Run("distill", args, config | {"distilled": steps}, {"unet": student, "text": text})
        self.student = student
        self.predict, self.teach = self.run.compiled(student), self.run.compiled(self.teacher)
        self.schedule = Schedule(device)
        self.fine = torch.cat((trailing(args.from_steps, device), torch.tensor([-1], device=device)))
        tokenizer = load_tokenizer(args.tokenizer)
        self.batches, self.unseen = (
            Batches(side, Captions(side.rows, tokenizer, device), vae, vae_config, device) for side in load(args.store, device)
        )

    def teacher_velocity(self, noisy, timestep, batch):
        embeddings = self.text(batch["tokens"])[0]
        with_words = conditioned(self.teach, noisy, timestep, batch, embeddings)
        if self.args.guidance <= 1:
            return with_words
        nothing = self.text(self.batches.captions.empty(len(noisy)))[0]
        without = conditioned(self.teach, noisy, timestep, batch, nothing)
        return without + self.args.guidance * (with_words - without)

    def loss(self, batch, repeat, generator, network):
        batch = {key: value.repeat(repeat, *[1] * (value.dim() - 1)) for key, value in batch.items()}
        latents, each = batch["latents"], self.args.from_steps // self.args.to_steps
        count, device = len(latents), latents.device
        # Spread over the student's steps, in random order.
        at = torch.randperm(count, generator=generator, device=device) % self.args.to_steps * each
        noise = torch.randn(latents.shape, generator=generator, device=device)
        start, target = self.fine[at], self.fine[at + each]
        noisy = self.schedule.noisy(latents, noise, start)
        with torch.no_grad():
            landed = noisy
            for i in range(each):
                velocity = self.teacher_velocity(landed, self.fine[at + i], batch)
                landed = self.schedule.ddim(landed, velocity, self.fine[at + i], self.fine[at + i + 1])
            wanted = self.schedule.velocity_between(noisy, landed, start, target)
            embeddings = self.text(batch["tokens"])[0]
        predicted = conditioned(network, noisy, start, batch, embeddings)
        return hole_loss(predicted, wanted, batch["weight"])

    def train(self, step):
        args, run = self.args, self.run
        with run.autocast():
            batch = self.batches.draw(args.batch // args.repeat, args.crop, args.seed, step, args.dropout)
            loss = self.loss(batch, args.repeat, seeded(args.seed, step, "noise", args.device), self.predict)
        return {"loss": loss, "norm": run.descend(loss)}

    def held_out(self):
        """How far the averaged student lands from its teacher on unseen photos."""
        args, total = self.args, 0.0
        for i in range(args.held_out_rounds):
            batch = self.unseen.draw(args.held_out_batch, args.crop, 777, i, dropout=0.1, augment=False)
            total += self.loss(batch, 1, seeded(777, i, "noise", args.device), self.student) / args.held_out_rounds
        return {"loss": total}


def main():
    parser = arguments(argparse.ArgumentParser(description=__doc__), steps=3000, batch=256, lr=1e-4, crop=256)
    unet_arguments(parser)
    parser.add_argument("--teacher", type=Path, required=True, help="folder of the UNet's run, or of a distillation before")
    parser.add_argument("--from-steps", type=int, default=16)
    parser.add_argument("--to-steps", type=int, default=8)
    parser.add_argument("--guidance", type=float, default=1.0)
    args = parser.parse_args()
    distiller = Distiller(args)
    distiller.run.loop(distiller.train, distiller.held_out)


if __name__ == "__main__":
    main()
