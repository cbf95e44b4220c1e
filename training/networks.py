"""Owns the networks' shapes and their budgets: autoencoder, UNet, text encoder, discriminator, damage detector.

Called by every stage, `export.py` and `evaluate.py`. A network is rebuilt from plain data (`config`) that its checkpoint carries.
Inlay and diffusers read the first three, so only what both can run may be set here. Never trains.
"""

import torch
from torch import nn

# Bytes of everything that ships, and weights that one part may have.
EXPORT_BYTES = 18 * 2**20
MOST_WEIGHTS = {"vae": 1_500_000, "detector": 1_000_000}

VAE_SIZES = {
    # The start's own layout, for the self-check and for going on from its weights.
    "nano": {"encoder": 32, "encoder_blocks": [1, 2, 2], "decoder": 32, "decoder_blocks": [2, 2, 1]},
    # An encoder cheap enough to run in every training step of the UNet, a decoder with most of the weights.
    "pocket": {"encoder": 48, "encoder_blocks": [1, 2, 2], "decoder": 64, "decoder_blocks": [3, 3, 1]},
}

UNET_SIZES = {
    "nano": {"channels": [48, 96, 144], "attend": [1, 2], "heads": [8, 8, 8], "text": 128, "text_layers": 2},
    # Four levels: attention over 16² and 8² latents of a 256² picture sees all of it, the wide levels above do texture.
    "pocket": {"channels": [64, 96, 112, 128], "attend": [2, 3], "heads": [4, 4, 7, 8], "text": 128, "text_layers": 2},
    # The alternative to measure against: three levels, wider, attention over 16² only.
    "wide": {"channels": [64, 96, 160], "attend": [2], "heads": [4, 4, 5], "text": 128, "text_layers": 2},
}

DAMAGE_KINDS = ("scratch", "dust", "tear", "fold", "stain")
DETECTOR_SIZES = {
    "nano": {"widths": [12, 24, 32], "blocks": 1},
    "pocket": {"widths": [20, 32, 48, 64], "blocks": 1},
}


def weights(*modules):
    return sum(p.numel() for m in modules for p in m.parameters())


def build_vae(config):
    from diffusers import AutoencoderTiny

    vae = AutoencoderTiny(**config)
    if weights(vae) > MOST_WEIGHTS["vae"]:
        raise SystemExit(f"the autoencoder has {weights(vae)} weights; at most {MOST_WEIGHTS['vae']} may ship")
    return vae


def vae_config(size):
    s = VAE_SIZES[size]
    levels = len(s["encoder_blocks"])
    return {
        "encoder_block_out_channels": [s["encoder"]] * levels, "decoder_block_out_channels": [s["decoder"]] * levels,
        "num_encoder_blocks": s["encoder_blocks"], "num_decoder_blocks": s["decoder_blocks"], "latent_channels": 4,
        "upsampling_scaling_factor": 2, "scaling_factor": 1.0,
    }


def unet_config(size, latents):
    """`latents`: the side of a training crop in latents, which diffusers and Inlay take for the model's native size."""
    s = UNET_SIZES[size]
    levels = range(len(s["channels"]))
    return {
        "sample_size": latents, "in_channels": 9, "out_channels": 4, "layers_per_block": 1, "block_out_channels": s["channels"],
        "norm_num_groups": 16, "cross_attention_dim": s["text"], "attention_head_dim": s["heads"],
        "down_block_types": ["CrossAttnDownBlock2D" if i in s["attend"] else "DownBlock2D" for i in levels],
        "up_block_types": ["CrossAttnUpBlock2D" if i in s["attend"] else "UpBlock2D" for i in reversed(levels)],
    }


def build_unet(config):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(**{k: tuple(v) if isinstance(v, list) else v for k, v in config.items()})


def text_config(size, vocabulary, tokens):
    """The last two pieces of the vocabulary are the start and end marks."""
    s = UNET_SIZES[size]
    return {
        "vocab_size": vocabulary, "hidden_size": s["text"], "intermediate_size": 4 * s["text"],
        "num_hidden_layers": s["text_layers"], "num_attention_heads": s["text"] // 32, "max_position_embeddings": tokens,
        "projection_dim": s["text"], "hidden_act": "quick_gelu", "bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1,
        "pad_token_id": vocabulary - 1,
    }


def build_text(config):
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(**config))


class Discriminator(nn.Module):
    """Says patch by patch (about 30 px wide) whether a picture is a photo or a reconstruction; for `train_vae.py` only."""

    def __init__(self, width=48):
        super().__init__()
        layers, before = [], 3
        for i in range(3):
            conv = nn.Conv2d(before, width << i, 4, 2, 1)
            layers += [nn.utils.parametrizations.spectral_norm(conv), nn.LeakyReLU(0.2)]
            before = width << i
        layers.append(nn.utils.parametrizations.spectral_norm(nn.Conv2d(before, 1, 3, 1, 1)))
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures):
        return self.layers(pictures)


class Block(nn.Module):
    """Two 3×3 convolutions around ReLU, added to their input."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x):
        return x + self.second(torch.relu(self.first(torch.relu(x))))


class Detector(nn.Module):
    """Marks damage: pictures in −1…1 to one logit a pixel for each of `DAMAGE_KINDS`. Sides must be multiples of `multiple`.

    A U-Net of convolutions, ReLU, strides of 2 down, nearest-neighbour doubling and addition up: all of it easy to run anywhere.
    """

    def __init__(self, widths, blocks):
        super().__init__()
        pairs = list(zip(widths, widths[1:]))
        self.multiple = 2 ** len(pairs)
        self.enter = nn.Conv2d(3, widths[0], 3, 1, 1)
        self.left = nn.ModuleList(nn.Sequential(*(Block(w) for _ in range(blocks))) for w in widths)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairs)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 3, 1, 1) for a, b in pairs)
        self.right = nn.ModuleList(nn.Sequential(*(Block(w) for _ in range(blocks))) for w in widths[:-1])
        self.leave = nn.Conv2d(widths[0], len(DAMAGE_KINDS), 3, 1, 1)
        self.begin()

    def begin(self):
        """Weights that keep the size of signals (there is no normalisation); residual branches start small, damage is rare."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
                if name.endswith("second"):
                    module.weight.data *= 0.3
        self.leave.weight.data *= 0.3
        nn.init.constant_(self.leave.bias, -3.0)

    def forward(self, x):
        x, beside = self.enter(x), []
        for level, block in enumerate(self.left):
            x = block(x)
            if level < len(self.down):
                beside.append(x)
                x = self.down[level](torch.relu(x))
        for level in reversed(range(len(self.up))):
            x = self.up[level](torch.relu(x))
            x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest") + beside[level]
            x = self.right[level](x)
        return self.leave(torch.relu(x))


def build_detector(config):
    detector = Detector(**config)
    if weights(detector) > MOST_WEIGHTS["detector"]:
        raise SystemExit(f"the detector has {weights(detector)} weights; at most {MOST_WEIGHTS['detector']} may ship")
    return detector
