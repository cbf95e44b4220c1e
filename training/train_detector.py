"""Trains the damage detector on photos with the damage of `damage.py`.

    python training/train_detector.py --store STORE --out RUN [--size pocket]

Loss: binary cross-entropy with damage counted four times, and 1 − Dice a kind. The held-out figures are the overlap (IoU) of
each kind on unseen photos with fixed damage, and the share of undamaged pixels that are marked. Never exports.
"""

import argparse

import torch
import torch.nn.functional as F

import networks
from damage import damage
from data import load, seeded
from losses import dice_loss, overlap
from stage import Run, arguments


class Trainer:
    def __init__(self, args):
        self.args = args
        torch.manual_seed(args.seed)
        config = networks.DETECTOR_SIZES[args.size]
        self.detector = networks.build_detector(config)
        if args.crop % self.detector.multiple:
            raise SystemExit(f"--crop {args.crop} must be a multiple of {self.detector.multiple}")
        self.run = Run("detector", args, {"detector": config}, {"detector": self.detector})
        self.forward = self.run.compiled(self.detector)
        self.photos, self.unseen = load(args.store, args.device)

    def train(self, step):
        args, run = self.args, self.run
        pictures, _ = self.photos.batch(args.batch, args.crop, args.seed, step)
        pictures, labels = damage(pictures, seeded(args.seed, step, "damage", args.device))
        with run.autocast():
            logits = self.forward(pictures.contiguous(memory_format=torch.channels_last))
        logits = logits.float()
        loss = F.binary_cross_entropy_with_logits(logits, labels, pos_weight=logits.new_tensor(4.0)) + 0.5 * dice_loss(logits, labels)
        return {"loss": loss, "norm": run.descend(loss)}

    def held_out(self):
        args, overlaps, wrong = self.args, [], []
        for i in range(args.held_out_rounds):
            pictures, _ = self.unseen.batch(args.held_out_batch, args.crop, 777, i, augment=False)
            pictures, labels = damage(pictures, seeded(777, i, "damage", args.device))
            logits = self.detector(pictures)
            overlaps.append(overlap(logits, labels))
            clean = labels.amax(1) < 0.5
            wrong.append((logits.amax(1)[clean] > 0).float().mean())
        means = torch.stack(overlaps).nanmean(0)
        return dict(zip(networks.DAMAGE_KINDS, means)) | {"mean": means.nanmean(), "wrongly": torch.stack(wrong).mean()}


def main():
    parser = arguments(argparse.ArgumentParser(description=__doc__), steps=5000, batch=64, lr=2e-3, crop=256)
    parser.add_argument("--size", choices=networks.DETECTOR_SIZES, default="pocket")
    parser.add_argument("--held-out-rounds", type=int, default=4)
    parser.add_argument("--held-out-batch", type=int, default=32)
    args = parser.parse_args()
    trainer = Trainer(args)
    trainer.run.loop(trainer.train, trainer.held_out)


if __name__ == "__main__":
    main()
