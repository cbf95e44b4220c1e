"""Writes what Inlay embeds: a folder in diffusers' layout, weights in f16, with model card and attribution.

    python training/export.py --vae RUN --unet RUN --tokenizer FOLDER --store STORE --to FOLDER [--detector RUN]

`RUN` is the `--out` or the `--home` folder of a stage; averaged weights are taken. The folder appears whole or not at all: it is
refused, with its size, when it would take more than 18 MiB. `--detector` writes `detector/` beside the rest. Called by hand and by
`selfcheck.py`. Never trains, never measures.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

import checkpointing
import data
import networks
import schedule
from captions import END, START, TOKENS
from model_card import card, detector_card
from store import read
from train_unet import build_pair

INDEX = {
    "_class_name": "StableDiffusionInpaintPipeline", "_diffusers_version": "0.30.0", "vae": ["diffusers", "AutoencoderTiny"],
    "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"], "scheduler": ["diffusers", "DDIMScheduler"], "safety_checker": [None, None],
    "feature_extractor": [None, None], "image_encoder": [None, None], "requires_safety_checker": False,
}


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_vae(folder, state):
    config = state["config"]["vae"]
    vae = networks.build_vae(config)
    vae.load_state_dict(state["ema"]["vae"])
    vae.half().save_pretrained(folder, safe_serialization=True)
    return config


def write_tokenizer(folder, source):
    """The two files that make a tokenizer, and its settings; nothing that can be derived from them."""
    folder.mkdir(parents=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copyfile(source / name, folder / name)
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS, "bos_token": START, "eos_token": END, "unk_token": END,
        "pad_token": END,
    })


def write_detector(folder, state):
    config = state["config"]["detector"]
    folder.mkdir(parents=True)
    tensors = {name: tensor.half().contiguous() for name, tensor in state["ema"]["detector"].items()}
    save_file(tensors, folder / "model.safetensors")
    write_json(folder / "config.json", config | {"kinds": list(networks.DAMAGE_KINDS), "input": "rgb, -1 to 1", "output": "logits"})
    (folder / "README.md").write_text(detector_card(config, state["step"]), encoding="utf-8")


def sizes_of(folder):
    return {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}


def export(vae, unet, tokenizer, store, to, detector=None, limit=networks.EXPORT_BYTES):
    """Writes the folder and returns each file's bytes; raises `SystemExit`, leaving nothing, where it is too large."""
    to = Path(to)
    if to.exists():
        raise SystemExit(f"{to} exists; an export is never written over another")
    fresh = to.with_name(f".{to.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        vae_state, unet_state = checkpointing.need(vae), checkpointing.need(unet)
        vae_config = write_vae(fresh / "vae", vae_state)
        if unet_state["config"]["vae"] != vae_config:
            raise SystemExit(f"{unet} was trained over another autoencoder than {vae}")
        pair = build_pair(unet_state["config"], unet_state["ema"])
        for name, module in zip(("unet", "text_encoder"), pair):
            module.half().save_pretrained(fresh / name, safe_serialization=True)
        write_tokenizer(fresh / "tokenizer", Path(tokenizer))
        write_json(fresh / "scheduler" / "scheduler_config.json", schedule.CONFIG)
        write_json(fresh / "model_index.json", INDEX)
        if detector is not None:
            write_detector(fresh / "detector", checkpointing.need(detector))
        rows = [row for row in read(store)[0] if not data.is_held_out(row["name"])]
        steps = {"autoencoder": vae_state["step"], "unet": unet_state["step"]}
        if "distilled" in unet_state["config"]:
            teacher = unet_state["config"]["distilled"]["teacher_steps"]
            steps |= {"unet": teacher, "last distillation": unet_state["step"]}
        sizes = sizes_of(fresh)
        (fresh / "MODEL_CARD.md").write_text(card(unet_state["config"], steps, rows, sizes), encoding="utf-8")
        sizes = sizes_of(fresh)
        if sum(sizes.values()) > limit:
            raise SystemExit(f"the export takes {sum(sizes.values()):,} bytes; at most {limit:,} may ship:\n" + table(sizes))
        fresh.rename(to)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return sizes


def table(sizes):
    lines = [f"{size:>12,}  {name}" for name, size in sizes.items()]
    return "\n".join([*lines, f"{sum(sizes.values()):>12,}  of {networks.EXPORT_BYTES:,} that may ship"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--unet", type=Path, required=True, help="folder of train_unet.py's or distill.py's run")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True, help="for the list of photos")
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--to", type=Path, required=True, help="folder to make")
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    print(table(export(args.vae, args.unet, args.tokenizer, args.store, args.to, args.detector)))


if __name__ == "__main__":
    main()
