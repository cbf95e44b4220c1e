"""Weights that need no storing: a formula of a tensor's name makes its numbers, here and in tests/common/made_up.rs alike."""

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def uniform(name, count):
    """Numbers in -1 to 1 (splitmix64 from the name's hash on), in f32."""
    with np.errstate(over="ignore"):
        x = np.uint64(fnv1a(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GOLDEN)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)


def tensor(name, shape):
    """A tensor in half precision, of a size that keeps activations near 1."""
    count = int(np.prod(shape))
    values = uniform(name, count)
    if len(shape) < 2:
        values = values * np.float32(0.35) + np.float32(1 if name.endswith("weight") else 0)
    elif "embedding" in name and "time_embedding" not in name and "add_embedding" not in name:
        values = values * np.float32(0.6)
    else:
        values = values * np.float32(np.sqrt(4.5 / np.prod(shape[1:])))
    if "decoder.conv_out." in name:
        values = values * np.float32(0.3)
    return values.astype(np.float16).reshape(shape)
