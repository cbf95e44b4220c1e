"""Times diffusers' networks, and torch's own operations at their sizes, beside `inlay bench engine`: same folder, device, type and size.

    python engine.py FOLDER [--inlay PATH] [--size 512] [--runs 3] [--rounds 2] [--device cpu|cuda] [--dtype float32|float16] [--json]

Both run in turn, Inlay first, each round in a process of its own, so that neither's memory counts for the other. A time is the
median of a round's runs, of which the best round counts: what else the machine does only ever adds. Peak memory is the largest.
Needs torch, diffusers, transformers.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

STAGES = {
    "text": "text encoder",
    "text_2": "second text encoder",
    "unet_step": "UNet, one step",
    "vae_encode": "VAE encode",
    "vae_decode": "VAE decode",
}


class Torch:
    """The same measurements as Inlay's bench, in torch."""

    def __init__(self, args):
        import torch

        self.torch = torch
        self.args = args
        self.dtype = getattr(torch, args.dtype)
        self.stages = []
        self.ops = []

    def load(self, kind, part):
        model = kind.from_pretrained(self.args.folder, subfolder=part, torch_dtype=self.dtype)
        return model.to(self.args.device).eval()

    def random(self, *shape):
        return self.torch.randn(*shape, device=self.args.device, dtype=self.dtype)

    def wait(self):
        if self.args.device == "cuda":
            self.torch.cuda.synchronize()

    def stage(self, name, work):
        with self.torch.no_grad():
            work()
            self.wait()
            times = []
            for _ in range(self.args.runs):
                start = time.perf_counter()
                work()
                self.wait()
                times.append((time.perf_counter() - start) * 1e3)
        self.stages.append({"name": name, "milliseconds": statistics.median(times)})

    def op(self, name, shape, work):
        with self.torch.no_grad():
            times = []
            count = 1
            for sample in range(2 + max(self.args.runs, 3)):
                self.wait()
                start = time.perf_counter()
                for _ in range(count):
                    work()
                self.wait()
                took = (time.perf_counter() - start) / count
                if sample == 1:
                    count = min(256, max(1, int(0.02 / max(took, 1e-9)) + 1))
                if sample > 1:
                    times.append(took * 1e3)
        self.ops.append({"name": name, "shape": shape, "milliseconds": statistics.median(times)})

    def networks(self):
        from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
        from transformers import CLIPTextModel, CLIPTextModelWithProjection

        torch, args = self.torch, self.args
        text = self.load(CLIPTextModel, "text_encoder")
        tokens = text.config.max_position_embeddings
        ids = torch.ones(1, tokens, dtype=torch.long, device=args.device)
        is_xl = os.path.isdir(f"{args.folder}/text_encoder_2")
        self.stage("text", lambda: text(ids, output_hidden_states=is_xl))
        del text
        more = {}
        if is_xl:
            text = self.load(CLIPTextModelWithProjection, "text_encoder_2")
            self.stage("text_2", lambda: text(ids, output_hidden_states=True))
            ones = torch.ones(1, 6, device=args.device, dtype=self.dtype)
            pooled = {"text_embeds": self.random(1, text.config.projection_dim), "time_ids": ones}
            more = {"added_cond_kwargs": pooled}
            del text
        config = json.load(open(f"{args.folder}/vae/config.json"))
        side = args.size // 2 ** (len(config["block_out_channels"]) - 1)
        unet = self.load(UNet2DConditionModel, "unet")
        shape = unet.config
        latents = self.random(1, shape.in_channels, side, side)
        embeds = self.random(1, tokens, shape.cross_attention_dim)
        self.stage("unet_step", lambda: unet(latents, 500, embeds, **more))
        del unet
        kind = AutoencoderTiny if config["_class_name"] == "AutoencoderTiny" else AutoencoderKL
        vae = self.load(kind, "vae")
        image = self.random(1, 3, args.size, args.size)
        self.stage("vae_encode", lambda: vae.encode(image))
        small = self.random(1, vae.config.latent_channels, side, side)
        self.stage("vae_decode", lambda: vae.decode(small))
        return shape, side, tokens

    def hot_ops(self, config, side, tokens):
        f = self.torch.nn.functional
        count = len(config.block_out_channels)
        heads_of = config.num_attention_heads or config.attention_head_dim
        for level, channels in enumerate(config.block_out_channels):
            h = -(-side // 2**level)
            x = self.random(1, channels, h, h)
            weight, bias = self.random(channels, channels, 3, 3), self.random(channels)
            picture = f"{channels} channels, {h} × {h}"
            self.op("conv 3×3", picture, lambda: f.conv2d(x, weight, bias, padding=1))
            groups = config.norm_num_groups
            self.op("group norm + SiLU", picture, lambda: f.silu(f.group_norm(x, groups, bias, bias)))
            attends = "CrossAttn" in config.down_block_types[level] + config.up_block_types[count - 1 - level]
            if attends:
                heads = heads_of if isinstance(heads_of, int) else heads_of[level]
                self.transformer(h * h, channels, heads, tokens)

    def transformer(self, area, channels, heads, tokens):
        f = self.torch.nn.functional
        wide = channels // heads
        q = self.random(1, heads, area, wide)
        for name, keys in (("self-attention", area), ("cross-attention", tokens)):
            k, v = self.random(1, heads, keys, wide), self.random(1, heads, keys, wide)
            shape = f"{area} × {keys} tokens, {heads} heads of {wide}"
            self.op(name, shape, lambda: f.scaled_dot_product_attention(q, k, v))
        for inputs, outputs in ((channels, channels), (channels, channels * 8), (channels * 4, channels)):
            x, weight, bias = self.random(1, area, inputs), self.random(outputs, inputs), self.random(outputs)
            self.op("linear", f"{area} tokens, {inputs} to {outputs}", lambda: f.linear(x, weight, bias))
        x = self.random(1, area, channels * 8)

        def gate():
            a, b = x.chunk(2, dim=-1)
            return a * f.gelu(b)

        self.op("GEGLU", f"{area} tokens, {channels * 4} wide", gate)

    def report(self):
        shape, side, tokens = self.networks()
        peak = peak_memory()
        if self.args.device == "cuda":
            peak = self.torch.cuda.max_memory_reserved()
        self.hot_ops(shape, side, tokens)
        return {"stages": self.stages, "ops": self.ops, "peak_memory_bytes": peak}


def peak_memory():
    """This process's largest resident size; 0 where the system has no such count."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def inlay_report(args):
    command = [args.inlay, "bench", "engine", "--model", args.folder, "--size", f"{args.size}x{args.size}"]
    command += ["--runs", str(args.runs), "--json"]
    command += ["--device", "gpu" if args.device == "cuda" else "cpu"]
    command += ["--precision", "f16" if args.dtype == "float16" else "f32"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def torch_report(args):
    command = [sys.executable, __file__, args.folder, "--child", "--size", str(args.size), "--runs", str(args.runs)]
    command += ["--device", args.device, "--dtype", args.dtype]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def best(reports):
    """Label to the best of the rounds, in order; memory at its largest."""
    times = {}
    for report in reports:
        for row in report["stages"] + report["ops"]:
            label = f"{row['name']}, {row['shape']}" if "shape" in row else STAGES[row["name"]]
            times[label] = min(times.get(label, float("inf")), row["milliseconds"])
    memory = [report["device_memory_bytes"] if report.get("device_memory_bytes") else report["peak_memory_bytes"] or 0 for report in reports]
    return times, max(memory)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--inlay", default="inlay")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", default="float32", choices=("float32", "float16"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(Torch(args).report()))
        return
    ours, theirs = [], []
    for _ in range(args.rounds):
        ours.append(inlay_report(args))
        theirs.append(torch_report(args))
    if args.json:
        print(json.dumps({"inlay": ours, "diffusers": theirs}, indent=1))
        return
    (mine, memory), (other, other_memory) = best(ours), best(theirs)
    print(f"{args.folder}, {args.size}², {args.dtype}, {ours[0]['device']}, {ours[0]['threads']} threads")
    print(f"best of {args.rounds} rounds, each the median of {args.runs} runs; ms")
    print(f"{'':58}{'Inlay':>10}{'diffusers':>11}{'ratio':>7}")
    for label in [label for label in mine if label in other]:
        print(f"{label:58}{mine[label]:10.2f}{other[label]:11.2f}{mine[label] / other[label]:7.2f}")
    if memory and other_memory:
        print(f"{'peak memory, MiB':58}{memory / 2**20:10.0f}{other_memory / 2**20:11.0f}{memory / other_memory:7.2f}")


if __name__ == "__main__":
    main()
