"""Owns the loop that all training stages share: steps, learning rate, average, log, saving, resuming, stopping in time.

A stage gives its networks and a function that makes the loss of a step; everything else is here. A run is a pure function of its
arguments and seed: each step seeds its own generators (`data.seeded`), so a run that is cut off and resumed goes on as if nothing
had happened. Called by the `train_*.py` and `distill.py`. Never knows what a network is for.
"""

import argparse
import math
import signal
import time
from pathlib import Path

import torch

import checkpointing
from runlog import RunLog

EMA_POWER = 6.94  # averages over about the last tenth of the run so far (Karras et al. 2024, sigma_rel 0.1)


def arguments(parser, steps, batch, lr, crop):
    """What every stage can be told; the defaults are the stage's recipe."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--store", type=Path, required=True, help="packed photos, made by store.py")
    parser.add_argument("--out", type=Path, required=True, help="full state and log; a run resumes from what it finds here")
    parser.add_argument("--home", type=Path, help="also write small parcels (files under 16 MiB) here with every save")
    parser.add_argument("--parcel", choices=("full", "average"), default="full", help="what --home gets: 8 or 2 bytes a weight")
    parser.add_argument("--steps", type=int, default=steps, help=f"length of the whole run, over all calls [{steps}]")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop this call in time, saved, after so many minutes")
    parser.add_argument("--stop-at", type=int, help="stop this call, saved, before this step")
    parser.add_argument("--save-minutes", type=float, default=3.0)
    parser.add_argument("--batch", type=int, default=batch, help=f"[{batch}]")
    parser.add_argument("--crop", type=int, default=crop, help=f"side of the training pictures [{crop}]")
    parser.add_argument("--lr", type=float, default=lr, help=f"[{lr}]")
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--decay", type=float, default=0.25, help="share of the run, at its end, in which the rate falls to 0")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--held-out-every", type=int, default=1000)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="torch.compile: a minute of waiting, then faster steps")
    parser.add_argument("--quiet", action="store_true")
    return parser


def learning_rate(step, steps, lr, warmup, decay):
    """Up over `warmup` steps, level, then down along a straight line over the last share of the run."""
    left = max(steps - step, 0) / max(decay * steps, 1)
    return lr * min(1.0, (step + 1) / max(warmup, 1), left)


def shape(config):
    """A config without the one figure that training itself finds."""
    return {part: {k: v for k, v in values.items() if k != "scaling_factor"} if isinstance(values, dict) else values
            for part, values in config.items()}


class Average:
    """Exponential moving average of weights whose horizon grows with the run, so that short and long runs need no tuning."""

    def __init__(self, modules):
        self.names = [(name, key) for name, module in modules.items() for key, _ in module.named_parameters()]
        self.live = [p for module in modules.values() for p in module.parameters()]
        self.kept = [p.detach().clone() for p in self.live]

    @torch.no_grad()
    def update(self, step):
        decay = (1 - 1 / (step + 1)) ** (EMA_POWER + 1)
        torch._foreach_lerp_(self.kept, [p.detach() for p in self.live], 1 - decay)

    @torch.no_grad()
    def swap(self):
        """Exchanges live and averaged weights; a second call puts them back."""
        for live, kept in zip(self.live, self.kept):
            held = live.detach().clone()
            live.copy_(kept)
            kept.copy_(held)

    def state(self):
        state = {}
        for (name, key), tensor in zip(self.names, self.kept):
            state.setdefault(name, {})[key] = tensor
        return state

    def load(self, state):
        with torch.no_grad():
            for (name, key), tensor in zip(self.names, self.kept):
                tensor.copy_(state[name][key])


class Run:
    """One call of one stage."""

    def __init__(self, name, args, config, modules, spare=None):
        """`modules` are averaged and trained together; `spare` (a discriminator) has an optimizer of its own and no average."""
        self.args, self.config, self.device = args, config, torch.device(args.device)
        self.modules, self.spare = modules, spare or {}
        self.log = RunLog(args.out, name, args.quiet)
        for module in [*self.modules.values(), *self.spare.values()]:
            module.to(self.device, memory_format=torch.channels_last).train()
        fused = self.device.type == "cuda"
        self.optimizers = {
            which: torch.optim.AdamW([p for m in group.values() for p in m.parameters()], lr=args.lr, betas=betas,
                                     weight_decay=0.01, fused=fused)
            for which, group, betas in (("main", self.modules, (0.9, 0.99)), ("spare", self.spare, (0.5, 0.9))) if group
        }
        self.average, self.step, self.stopping = Average(self.modules), 0, False
        state = checkpointing.load(args.out)
        if state is None and args.home is not None:
            state = checkpointing.load(args.home)
        if state is not None:
            self.resume(state)
        if self.device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True

    def autocast(self):
        """bf16 on a GPU; plain f32 on a CPU, where bf16 is slow or not there."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda")

    def compiled(self, function):
        return torch.compile(function) if self.args.compile else function

    def descend(self, loss, which="main"):
        """One optimizer step; gradients are clipped to norm 1. Returns the norm before."""
        optimizer = self.optimizers[which]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.args.steps, self.args.lr, self.args.warmup, self.args.decay)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1.0)
        optimizer.step()
        return norm

    def loop(self, train, held_out=None):
        """`train(step)` makes one step and returns figures (0-dim tensors); `held_out()` figures of the averaged weights."""
        args, started = self.args, time.monotonic()
        count = sum(p.numel() for m in self.modules.values() for p in m.parameters())
        self.log.write("start", step=self.step, of=args.steps, weights=count, batch=args.batch, crop=args.crop, lr=args.lr,
                       device=torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu")
        before = {number: signal.signal(number, self.ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
        last = min(args.steps, args.stop_at or args.steps)
        saved, sums, since, at = started, {}, 0, time.monotonic()
        try:
            while self.step < last and not self.stopping and (time.monotonic() - started) / 60 < args.minutes:
                figures = train(self.step)
                self.average.update(self.step)
                self.step += 1
                since += 1
                for key, value in figures.items():
                    sums[key] = sums.get(key, 0) + value.detach()
                if self.step % args.log_every == 0 or self.step == last:
                    means = {key: float(value) / since for key, value in sums.items()}
                    now = time.monotonic()
                    self.log.write("step", step=self.step, **means, ms_a_step=(now - at) / since * 1000)
                    if not all(math.isfinite(value) for value in means.values()):
                        raise SystemExit(f"figures are no longer finite at step {self.step}: {means}; lower --lr and resume")
                    sums, since, at = {}, 0, now
                if held_out is not None and self.step % args.held_out_every == 0:
                    self.evaluate(held_out)
                if time.monotonic() - saved > args.save_minutes * 60:
                    self.save_or_go_on()
                    saved = time.monotonic()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if held_out is not None:
            self.evaluate(held_out)
        self.save()
        done = self.step >= args.steps
        self.log.write("stop", step=self.step, done=done, minutes=(time.monotonic() - started) / 60)
        return done

    def ask_to_stop(self, *_):
        """A call that is being ended saves after the step it is in."""
        self.stopping = True

    def evaluate(self, held_out):
        modules = list(self.modules.values())
        for module in modules:
            module.eval()
        self.average.swap()
        with torch.no_grad():
            figures = {key: float(value) for key, value in held_out().items()}
        self.average.swap()
        for module in modules:
            module.train()
        self.log.write("held_out", step=self.step, **figures)

    def state(self):
        everything = self.modules | self.spare
        return {
            "step": self.step, "config": self.config,
            "modules": {name: module.state_dict() for name, module in everything.items()},
            "ema": self.average.state(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "random": {"cpu": torch.get_rng_state()},
        }

    def save(self):
        state = self.state()
        checkpointing.save(self.args.out, state)
        if self.args.home is not None:
            kept = ("modules", "ema", "optimizers") if self.args.parcel == "full" else ("ema",)
            checkpointing.pack(self.args.home, state, keep=kept)
        self.log.write("saved", step=self.step)

    def save_or_go_on(self):
        """A save in the middle that fails (a full disk, say) costs no training; the one at the end must succeed."""
        try:
            self.save()
        except (OSError, RuntimeError) as error:
            self.log.write("note", step=self.step, problem=f"not saved: {error}")

    def resume(self, state):
        if shape(state["config"]) != shape(self.config):
            raise SystemExit(f"{self.args.out} holds a run of another shape ({state['config']}); give another --out")
        self.config = state["config"]
        self.average.load(state["ema"])
        if "modules" in state:
            for name, module in (self.modules | self.spare).items():
                module.load_state_dict(state["modules"][name])
        else:  # a small parcel: go on from the average
            self.average.swap()
            self.average.load(state["ema"])
        for name, optimizer in self.optimizers.items():
            if "optimizers" in state:
                optimizer.load_state_dict(state["optimizers"][name])
        if "random" in state:
            torch.set_rng_state(state["random"]["cpu"])
        self.step = state["step"]
