"""diffusers' names of tensors to those of single files (the original code's, LDM), the inverse of the program's own mapping.

    python tests/golden/ldm_names.py FOLDER OUT.safetensors      writes a diffusers folder as a single file
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}


def unet_places(config):
    """diffusers' module -> the original code's, for every block."""
    places = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
              "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2", "conv_norm_out": "out.0",
              "conv_out": "out.2", "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1",
              "mid_block.resnets.1": "middle_block.2"}
    levels, layers = len(config["block_out_channels"]), config["layers_per_block"]
    n = 1
    for level in range(levels):
        for layer in range(layers):
            places[f"down_blocks.{level}.resnets.{layer}"] = f"input_blocks.{n}.0"
            places[f"down_blocks.{level}.attentions.{layer}"] = f"input_blocks.{n}.1"
            n += 1
        if level + 1 < levels:
            places[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{n}.0.op"
            n += 1
    n = 0
    for level in range(levels):
        attends = config["up_block_types"][level].startswith("Cross")
        for layer in range(layers + 1):
            places[f"up_blocks.{level}.resnets.{layer}"] = f"output_blocks.{n}.0"
            places[f"up_blocks.{level}.attentions.{layer}"] = f"output_blocks.{n}.1"
            if layer == layers and level + 1 < levels:
                places[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{n}.{1 + attends}.conv"
            n += 1
    return places


def unet_name(name, places):
    module = max((m for m in places if name.startswith(m + ".")), key=len)
    rest = name[len(module) + 1 :]
    if ".resnets." in module:
        part, _, last = rest.rpartition(".")
        rest = f"{RESNET[part]}.{last}"
    return f"model.diffusion_model.{places[module]}.{rest}"


def vae_name(name, levels):
    for old, new in (("mid_block.resnets.0", "mid.block_1"), ("mid_block.resnets.1", "mid.block_2"),
                     ("mid_block.attentions.0", "mid.attn_1"), ("conv_norm_out", "norm_out"), ("conv_shortcut", "nin_shortcut"),
                     ("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out"),
                     ("downsamplers.0", "downsample"), ("upsamplers.0", "upsample"), ("resnets", "block")):
        name = name.replace(old, new)
    for level in range(levels):
        name = name.replace(f"down_blocks.{level}.", f"down.{level}.").replace(f"up_blocks.{level}.", f"up.{levels - 1 - level}.")
    return "first_stage_model." + name


def open_clip(shapes, prefix, extra_layers=0):
    """Names and shapes of an OpenCLIP text model from a Hugging Face one's; `extra_layers` more, as SD 2 files have."""
    out = {}
    rename = {"embeddings.token_embedding.weight": "token_embedding.weight",
              "embeddings.position_embedding.weight": "positional_embedding",
              "final_layer_norm.weight": "ln_final.weight", "final_layer_norm.bias": "ln_final.bias"}
    inner = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "self_attn.out_proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc",
             "mlp.fc2": "mlp.c_proj"}
    layers = 0
    for name, shape in shapes.items():
        short = name.removeprefix("text_model.")
        if name == "text_projection.weight":
            out[prefix + "text_projection"] = shape[::-1]
        elif short in rename:
            out[prefix + rename[short]] = shape
        else:
            _, _, layer, rest = short.split(".", 3)
            layers = max(layers, int(layer) + 1)
            part, kind = rest.rsplit(".", 1)
            start = f"{prefix}transformer.resblocks.{layer}."
            if part == "self_attn.q_proj":
                out[f"{start}attn.in_proj_{kind}"] = [3 * shape[0], *shape[1:]]
            elif part not in ("self_attn.k_proj", "self_attn.v_proj"):
                out[f"{start}{inner[part]}.{kind}"] = shape
    for layer in range(layers, layers + extra_layers):
        first = f"{prefix}transformer.resblocks.0."
        out |= {k.replace("resblocks.0.", f"resblocks.{layer}."): v for k, v in out.items() if k.startswith(first)}
    width = out[prefix + "token_embedding.weight"][1]
    out.setdefault(prefix + "text_projection", [width, width])
    return out


def hf(name):
    """Newer transformers leave out the prefix that checkpoints have."""
    return name if name.startswith(("text_model.", "text_projection")) else "text_model." + name


def part(folder, name):
    """A component's configuration and tensors."""
    files = sorted((folder / name).glob("*.safetensors"))
    tensors = {k: v for file in files for k, v in load_file(file).items() if "position_ids" not in k}
    return json.loads((folder / name / "config.json").read_text()), tensors


def open_clip_tensors(tensors, prefix, extra_layers=0):
    """As `open_clip`, of tensors; the layers that the model leaves out repeat the first one."""
    out = {}
    shapes = open_clip({k: list(v.shape) for k, v in tensors.items()}, prefix, extra_layers)
    layers = 1 + max(int(k.split(".")[3]) for k in tensors if ".layers." in k)
    back = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj", "mlp.c_fc": "mlp.fc1",
            "mlp.c_proj": "mlp.fc2"}
    simple = {"token_embedding.weight": "embeddings.token_embedding.weight",
              "positional_embedding": "embeddings.position_embedding.weight",
              "ln_final.weight": "final_layer_norm.weight", "ln_final.bias": "final_layer_norm.bias"}
    for name, shape in shapes.items():
        short = name.removeprefix(prefix)
        if short == "text_projection":
            found = tensors.get("text_projection.weight")
            out[name] = found.t().contiguous() if found is not None else torch.eye(*shape, dtype=torch.float16)
        elif short in simple:
            out[name] = tensors["text_model." + simple[short]]
        else:
            _, _, layer, rest = short.split(".", 3)
            start = f"text_model.encoder.layers.{int(layer) if int(layer) < layers else 0}."
            if rest.startswith("attn.in_proj_"):
                kind = rest.removeprefix("attn.in_proj_")
                out[name] = torch.cat([tensors[f"{start}self_attn.{p}_proj.{kind}"] for p in "qkv"])
            else:
                inner, kind = rest.rsplit(".", 1)
                out[name] = tensors[f"{start}{back[inner]}.{kind}"].clone()
    return out


def single_file(folder):
    """Every tensor of the single file."""
    config, tensors = part(folder, "unet")
    places = unet_places(config)
    out = {unet_name(k, places): v for k, v in tensors.items()}
    config, tensors = part(folder, "vae")
    levels = len(config["block_out_channels"])
    for name, value in tensors.items():
        name = vae_name(name, levels)
        out[name] = value[:, :, None, None] if ".attn_1." in name and value.ndim == 2 else value
    config, tensors = part(folder, "text_encoder")
    text = {hf(k): v for k, v in tensors.items()}
    if (folder / "text_encoder_2").exists():
        out |= {f"conditioner.embedders.0.transformer.{k}": v for k, v in text.items()}
        _, tensors = part(folder, "text_encoder_2")
        out |= open_clip_tensors({hf(k): v for k, v in tensors.items()}, "conditioner.embedders.1.model.")
    elif config.get("hidden_act") == "gelu":
        out |= open_clip_tensors(text, "cond_stage_model.model.", 1)
    else:
        out |= {f"cond_stage_model.transformer.{k}": v for k, v in text.items()}
    return out


if __name__ == "__main__":
    save_file({k: v.contiguous() for k, v in single_file(Path(sys.argv[1])).items()}, sys.argv[2])
