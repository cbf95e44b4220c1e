"""Owns the floor: how long a training step must take at least on this machine, before anything is trained.

    python training/floor.py [--vae-size pocket] [--unet-size pocket] [--batch 256] [--repeat 4] [--minutes 16]

Counts the operations of one sample forward and backward and the bytes that convolutions and matrix products must read and write,
measures this machine's two ceilings (a large matrix product, a large copy), and prints for each stage the time of a step at those
ceilings and the steps that fit into `--minutes`. Compare with `ms_a_step` in the log. Never trains.
"""

import argparse
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

import networks
from captions import TOKENS
from train_unet import build_pair


def ceilings(device, size, seconds=1.0):
    """(operations a second, bytes a second): the best of a few tries on random data."""
    kind = torch.bfloat16 if device == "cuda" else torch.float32
    a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    rate = 2 * size**3 / best(lambda: a @ b, device, seconds)
    source = torch.randn(2**28 if device == "cuda" else 2**24, device=device)
    target = torch.empty_like(source)
    return rate, 2 * source.numel() * 4 / best(lambda: target.copy_(source), device, seconds)


def best(work, device, seconds):
    def once():
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    once()
    stop, times = time.perf_counter() + seconds, []
    while time.perf_counter() < stop or len(times) < 3:
        times.append(once())
    return min(times)


def count(run, modules, backward):
    """(operations, numbers moved) of one call of `run`, which returns a tensor; activations of weighted layers, in and out."""
    moved = 0

    def hook(_, entering, leaving):
        nonlocal moved
        moved += entering[0].numel() + leaving.numel()

    kinds = (torch.nn.Conv2d, torch.nn.Linear, torch.nn.GroupNorm, torch.nn.LayerNorm)
    handles = [m.register_forward_hook(hook) for part in modules for m in part.modules() if isinstance(m, kinds)]
    counter = FlopCounterMode(display=False)
    with counter, torch.set_grad_enabled(backward):
        result = run()
        if backward:
            result.sum().backward()
    for handle in handles:
        handle.remove()
    return counter.get_total_flops(), moved * (3 if backward else 1)


def stages(args):
    """(name, samples a step, operations a sample, bytes a sample, weights that are updated)."""
    wide = 2 if args.device == "cuda" else 4
    crop, latents = args.vae_crop, args.crop // 4
    vae_config = networks.vae_config(args.vae_size)
    vae = networks.build_vae(vae_config)
    unet, text = build_pair({"unet": networks.unet_config(args.unet_size, latents),
                             "text": networks.text_config(args.unet_size, args.vocabulary, TOKENS)})
    picture = torch.randn(1, 3, crop, crop)
    work, moved = count(lambda: vae.decoder(vae.encoder(picture)), [vae], True)
    yield "autoencoder", args.vae_batch, work, moved * wide, networks.weights(vae)
    picture = torch.randn(2, 3, args.crop, args.crop)
    encode, encode_moved = count(lambda: vae.encoder(picture), [vae], False)
    entering, tokens = torch.randn(1, 9, latents, latents), torch.zeros(1, TOKENS, dtype=torch.long)
    step = torch.tensor([500])

    def predict():
        return unet(entering, step, encoder_hidden_states=text(tokens)[0]).sample

    work, moved = count(predict, [unet, text], True)
    forward, forward_moved = count(predict, [unet, text], False)
    encode, encode_moved = encode / args.repeat, encode_moved / args.repeat
    updated = networks.weights(unet, text)
    yield "unet", args.batch, work + encode, (moved + encode_moved) * wide, updated
    yield "distillation", args.batch, work + 2 * forward + encode, (moved + 2 * forward_moved + encode_moved) * wide, updated
    detector = networks.build_detector(networks.DETECTOR_SIZES["pocket"])
    picture = torch.randn(1, 3, args.crop, args.crop)
    work, moved = count(lambda: detector(picture), [detector], True)
    yield "detector", 64, work, moved * wide, networks.weights(detector)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae-size", choices=networks.VAE_SIZES, default="pocket")
    parser.add_argument("--unet-size", choices=networks.UNET_SIZES, default="pocket")
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--vae-crop", type=int, default=128)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--vae-batch", type=int, default=128)
    parser.add_argument("--repeat", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=2116)
    parser.add_argument("--minutes", type=float, default=16)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    rate, bandwidth = ceilings(args.device, 8192 if args.device == "cuda" else 1024)
    print(f"ceilings: {rate / 1e12:.2f} T operations a second, {bandwidth / 1e9:.0f} GB a second")
    print(f"{'stage':<14} {'weights':>10} {'samples':>8} {'G op':>8} {'MB':>7} {'ms by op':>9} {'ms by byte':>11} {'steps':>8}")
    for name, samples, work, moved, updated in stages(args):
        # Optimizer and average read and write about 44 bytes a weight.
        by_work, by_bytes = samples * work / rate * 1000, (samples * moved + 44 * updated) / bandwidth * 1000
        steps = args.minutes * 60000 / max(by_work, by_bytes)
        print(f"{name:<14} {updated:>10,} {samples:>8} {work / 1e9:>8.2f} {moved / 1e6:>7.1f} {by_work:>9.1f} {by_bytes:>11.1f} {steps:>8.0f}")
    print(f"steps: what fits into {args.minutes:g} minutes at the larger of the two; expect a third of it or less in practice")


if __name__ == "__main__":
    main()
