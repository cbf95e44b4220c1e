"""Makes the golden files of tests/golden_single.rs with PyTorch and diffusers 0.42.1.

    python tests/golden/make_single.py --clip DIR      DIR holds CLIP's vocab.json and merges.txt

For each tiny model: names and shapes of its tensors in the original (LDM) naming, which is the inverse of the program's own key
mapping, and in diffusers' naming; and the pictures that diffusers makes of the single file, loaded by `from_single_file` with a folder of
configurations, or of the folder itself. No weights are stored: `made_up.py` makes them from the names.
"""

import argparse
import json
import shutil
import tempfile
import warnings
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from ldm_names import hf, open_clip, unet_name, unet_places, vae_name
from made_up import tensor
from PIL import Image
from safetensors.numpy import save_file
from tiny_models import test_picture
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

warnings.filterwarnings("ignore")
diffusers.utils.logging.set_verbosity_error()

OUT = Path(__file__).resolve().parent / "single"
PROMPT = "a stone house by the lake"
NEGATIVE = "rain, people with umbrellas"

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
         "steps_offset": 1, "set_alpha_to_one": False, "clip_sample": False}
SCHEDULERS = {
    "sd1": BETAS | {"_class_name": "PNDMScheduler", "skip_prk_steps": True},
    "sd2": BETAS | {"_class_name": "DDIMScheduler"},
    "xl": BETAS | {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"},
}


def unet_config(family, channels):
    config = {
        "sample_size": 8, "in_channels": channels, "out_channels": 4, "block_out_channels": [32, 64], "layers_per_block": 1,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "cross_attention_dim": 32, "attention_head_dim": 8, "norm_num_groups": 32,
    }
    if family == "sd2":
        config |= {"use_linear_projection": True, "attention_head_dim": [1, 1], "upcast_attention": True}
    if family == "xl":
        config |= {
            "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"], "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
            "transformer_layers_per_block": [1, 2], "use_linear_projection": True, "attention_head_dim": [1, 1],
            "cross_attention_dim": 96, "addition_embed_type": "text_time", "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 72,
        }
    return config


def vae_config(family):
    return {
        "block_out_channels": [32, 32, 64], "down_block_types": ["DownEncoderBlock2D"] * 3,
        "up_block_types": ["UpDecoderBlock2D"] * 3, "layers_per_block": 1, "latent_channels": 4, "norm_num_groups": 32,
        "scaling_factor": 0.13025 if family == "xl" else 0.18215, "sample_size": 32,
    }


def text_config(width, layers, activation, projection):
    return CLIPTextConfig(
        vocab_size=49408, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
        num_attention_heads=max(1, width // 64), max_position_embeddings=77, hidden_act=activation, projection_dim=projection,
        bos_token_id=49406, eos_token_id=2,
    )


def shapes_of(model):
    return {k: list(v.shape) for k, v in model.state_dict().items() if "position_ids" not in k}


def build(family, channels):
    """Empty models of a family with their configurations."""
    models = {"unet": UNet2DConditionModel(**unet_config(family, channels)), "vae": AutoencoderKL(**vae_config(family))}
    if family == "sd1":
        models["text_encoder"] = CLIPTextModel(text_config(32, 2, "quick_gelu", 32))
    elif family == "sd2":
        models["text_encoder"] = CLIPTextModel(text_config(32, 2, "gelu", 32))
    else:
        models["text_encoder"] = CLIPTextModel(text_config(32, 3, "quick_gelu", 32))
        models["text_encoder_2"] = CLIPTextModelWithProjection(text_config(64, 3, "gelu", 24))
    return models


def single_shapes(family, channels, models):
    """Every tensor of the single file."""
    places = unet_places(unet_config(family, channels))
    out = {unet_name(k, places): v for k, v in shapes_of(models["unet"]).items()}
    for name, shape in shapes_of(models["vae"]).items():
        name = vae_name(name, 3)
        # The original code's attention in the middle is made of 1×1 convolutions.
        conv = ".attn_1." in name and len(shape) == 2
        out[name] = [*shape, 1, 1] if conv else shape
    text = shapes_of(models["text_encoder"])
    if family == "sd1":
        out |= {f"cond_stage_model.transformer.{hf(k)}": v for k, v in text.items()}
    elif family == "sd2":
        out |= open_clip({hf(k): v for k, v in text.items()}, "cond_stage_model.model.", 1)
    else:
        out |= {f"conditioner.embedders.0.transformer.{hf(k)}": v for k, v in text.items()}
        second = {hf(k): v for k, v in shapes_of(models["text_encoder_2"]).items()}
        out |= open_clip(second, "conditioner.embedders.1.model.")
    return out


def write_folder(folder, family, models, clip, scheduler, weights):
    """A diffusers folder; with `weights` made up, else as configuration only (but diffusers wants files, so they are there)."""
    for name, model in models.items():
        if weights:
            state = {k: torch.from_numpy(tensor(f"{name}/{hf_if_text(name, k)}", list(v.shape)).astype(np.float32))
                     for k, v in model.state_dict().items() if "position_ids" not in k}
            model.load_state_dict(state, strict=False)
        model.half().save_pretrained(folder / name, safe_serialization=True)
        model.float()
    names = ["tokenizer"] + (["tokenizer_2"] if family == "xl" else [])
    for name in names:
        pad = "!" if family == "sd2" or name == "tokenizer_2" else "<|endoftext|>"
        tokenizer = CLIPTokenizer(str(clip / "vocab.json"), str(clip / "merges.txt"), model_max_length=77, pad_token=pad)
        tokenizer.save_pretrained(folder / name)
    (folder / "scheduler").mkdir()
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(scheduler))
    kind = "StableDiffusionXLInpaintPipeline" if family == "xl" else "StableDiffusionInpaintPipeline"
    index = {"_class_name": kind, "_diffusers_version": "0.42.1", "scheduler": ["diffusers", scheduler["_class_name"]],
             "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}
    for name in models:
        if name.startswith("text"):
            index[name] = ["transformers", type(models[name]).__name__]
    for name in names:
        index[name] = ["transformers", "CLIPTokenizer"]
    if family == "xl":
        index["force_zeros_for_empty_prompt"] = True
    else:
        index |= {"safety_checker": [None, None], "feature_extractor": [None, None]}
    (folder / "model_index.json").write_text(json.dumps(index))


def hf_if_text(component, name):
    return hf(name) if component.startswith("text") else name


def pipeline_class(family):
    return diffusers.StableDiffusionXLInpaintPipeline if family == "xl" else diffusers.StableDiffusionInpaintPipeline


def load(source, config, family):
    extra = {"add_watermarker": False} if family == "xl" else {"safety_checker": None, "requires_safety_checker": False}
    kind = pipeline_class(family)
    if config is None:
        pipe = kind.from_pretrained(source, torch_dtype=torch.float32, **extra)
    else:
        pipe = kind.from_single_file(str(source), config=str(config), torch_dtype=torch.float32, local_files_only=True, **extra)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def paint(pipe, case):
    image, mask = test_picture(32, 40)
    negative = {"negative_prompt": case["negative"]} if case["negative"] else {}
    result = pipe(
        case["prompt"], image=Image.fromarray(image), mask_image=Image.fromarray(mask), height=40, width=32,
        strength=case["strength"], num_inference_steps=4, guidance_scale=case["guidance"],
        generator=torch.Generator("cpu").manual_seed(7), output_type="np", **negative,
    ).images[0]
    assert np.isfinite(result).all()
    return np.ascontiguousarray((result * 65535).round().astype(np.uint16))


CASES = (
    {"prompt": PROMPT, "negative": NEGATIVE, "strength": 1.0, "guidance": 5.0},
    {"prompt": PROMPT, "negative": "", "strength": 0.6, "guidance": 5.0},
    {"prompt": PROMPT, "negative": "", "strength": 1.0, "guidance": 1.0},
)
# Name, family, channels, prediction.
MODELS = (
    ("sd1-inpaint", "sd1", 9, "epsilon"),
    ("sd1-plain", "sd1", 4, "epsilon"),
    ("sd2-inpaint", "sd2", 9, "epsilon"),
    ("sd2-velocity", "sd2", 4, "v_prediction"),
    ("xl-inpaint", "xl", 9, "epsilon"),
    ("xl-plain", "xl", 4, "epsilon"),
)


# LoRAs of the plain models: which modules they change (diffusers' names), their rank and alpha, and how the file names them.
LORAS = {
    "kohya": ("sd1", 4, 2.0, ("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
                              "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
                              "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0",
                              "unet.up_blocks.1.attentions.1.transformer_blocks.0.ff.net.0.proj",
                              "unet.down_blocks.0.attentions.0.proj_in", "unet.up_blocks.1.resnets.0.conv1",
                              "unet.down_blocks.0.downsamplers.0.conv", "unet.up_blocks.1.resnets.1.conv_shortcut",
                              "text_encoder.text_model.encoder.layers.0.self_attn.q_proj",
                              "text_encoder.text_model.encoder.layers.1.mlp.fc1")),
    "peft": ("sd1", 3, None, ("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
                              "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_v",
                              "text_encoder.text_model.encoder.layers.1.self_attn.v_proj")),
    "xl": ("xl", 4, 4.0, ("unet.down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_v",
                          "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q",
                          "unet.up_blocks.0.attentions.1.transformer_blocks.0.attn2.to_k",
                          "text_encoder.text_model.encoder.layers.0.self_attn.k_proj",
                          "text_encoder_2.text_model.encoder.layers.1.mlp.fc2")),
}
# Which LoRAs with which weights make a picture of which model.
LORA_CASES = (("sd1-plain", (("kohya", 0.7),)), ("sd1-plain", (("peft", 1.0),)), ("sd1-plain", (("kohya", 0.5), ("peft", -0.4))),
              ("xl-plain", (("xl", 0.8),)))


def lora_shapes(name, models):
    """Names and shapes of a LoRA's file."""
    family, rank, alpha, modules = LORAS[name]
    places = unet_places(unet_config(family, 4))
    out = {}
    for module in modules:
        component, path = module.split(".", 1)
        state = {hf_if_text(component, k): v for k, v in shapes_of(models[component]).items()}
        outputs, inputs, *kernel = state[path + ".weight"]
        ones = [1] * len(kernel)
        if name == "peft":
            down, up = f"{module}.lora_A.weight", f"{module}.lora_B.weight"
        else:
            prefix = {"unet": "lora_unet_", "text_encoder": "lora_te1_" if family == "xl" else "lora_te_",
                      "text_encoder_2": "lora_te2_"}[component]
            if family == "xl" and component == "unet":
                # As the original code's block names, which diffusers translates, too.
                path = unet_name(path + ".weight", places).removeprefix("model.diffusion_model.").removesuffix(".weight")
            flat = prefix + path.replace(".", "_")
            down, up = f"{flat}.lora_down.weight", f"{flat}.lora_up.weight"
            out[f"{flat}.alpha"] = []
        out[down], out[up] = [rank, inputs, *kernel], [outputs, rank, *ones]
    return out


def lora_tensors(name, shapes):
    alpha = LORAS[name][2]
    return {k: np.float16(alpha) if k.endswith(".alpha") else tensor(k, v) for k, v in shapes.items()}


def fuse_texts(pipe, name, state, weight):
    """diffusers 0.42.1 cannot put LoRAs into the text models of the transformers beside it, so their sums are made here."""
    rank, alpha = LORAS[name][1], LORAS[name][2]
    for module in (m for m in LORAS[name][3] if m.startswith("text")):
        component, path = module.split(".", 1)
        key = {("text_encoder", "xl"): "lora_te1_", ("text_encoder", "sd1"): "lora_te_"}.get((component, LORAS[name][0]), "lora_te2_")
        flat = key + path.replace(".", "_")
        down, up = ((f"{module}.lora_A.weight", f"{module}.lora_B.weight") if name == "peft"
                    else (f"{flat}.lora_down.weight", f"{flat}.lora_up.weight"))
        owner = getattr(pipe, component)
        layer = owner.get_submodule(path if hasattr(owner, "text_model") else path.removeprefix("text_model."))
        layer.weight.data += weight * (alpha or rank) / rank * state[up] @ state[down]


def make_loras(clip):
    """Pictures with LoRAs fused by diffusers (and peft)."""
    cases, arrays, files = [], {}, {}
    for model, loras in LORA_CASES:
        family = model.split("-")[0]
        with tempfile.TemporaryDirectory() as scratch:
            scratch = Path(scratch)
            models = build(family, 4)
            tensors = single_shapes(family, 4, models)
            write_folder(scratch / "folder", family, models, clip, SCHEDULERS[family] | {"prediction_type": "epsilon"}, True)
            save_file({k: tensor(k, v) for k, v in tensors.items()}, scratch / "model.safetensors")
            pipe = load(scratch / "model.safetensors", scratch / "folder", family)
            for name, _ in loras:
                files[name] = lora_shapes(name, models)
                state = {k: torch.from_numpy(np.asarray(v, dtype=np.float32)) for k, v in lora_tensors(name, files[name]).items()}
                in_unet = {k: v for k, v in state.items() if k.startswith(("unet.", "lora_unet_"))}
                pipe.load_lora_weights(in_unet, adapter_name=name)
                fuse_texts(pipe, name, state, dict(loras)[name])
            pipe.set_adapters([n for n, _ in loras], [w for _, w in loras])
            pipe.fuse_lora(adapter_names=[n for n, _ in loras])
            arrays[f"{len(cases):03}"] = paint(pipe, CASES[0])
            cases.append({"model": model, "family": family, "loras": loras})
    save_file(arrays, OUT / "loras.safetensors")
    alphas = {name: LORAS[name][2] for name in files}
    (OUT / "loras.json").write_text(json.dumps({"cases": cases, "files": files, "alphas": alphas}) + "\n")
    print(len(cases), "pictures with LoRAs")


def make_pytorch():
    """PyTorch files of both formats: tensors beside other things, a view with strides, several types."""
    weights = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8
    state = {
        "plain": weights, "turned": weights.t(), "part": weights[1:3, 2:4], "half": weights.half(), "brain": weights.bfloat16(),
        "double": weights.double(), "parameter": torch.nn.Parameter(weights[0].clone()), "count": torch.tensor([3]),
    }
    whole = {"epoch": 3, "global_step": 1200, "state_dict": state, "note": "text", "list": [1, 2.5, None, {"a": True}]}
    torch.save(whole, OUT / "zip.ckpt")
    torch.save(whole, OUT / "legacy.ckpt", _use_new_zipfile_serialization=False)


TEXTS = (
    "", "a", "A photograph of an astronaut riding a horse", "don't you'll we've it's I'd", "  odd \t spaces\n\nand lines  ",
    "1234567890 3.14 2nd", "naïve café Ångström ÜBER", "naı\u0308ve cafe\u0301 combining", "слово ΣΊΣΥΦΟΣ 漢字 ひらがな 한국어 हिन्दी العربية",
    "emoji 🙂👩‍🚀🏳️‍🌈 ™ © ½ Ⅷ", "!!! ??? ... --- :-) <tag> & | \\ / #hash @you 100%", "under_score CamelCase snake-case",
    "supercalifragilisticexpialidocious antidisestablishmentarianism", "<|endoftext|> inside", "İstanbul ǅ ﬁ ẞ", "a\u00a0b\u2003c\u200bd",
    "8k, highly detailed, (masterpiece:1.2), [trending] on artstation", "x" * 150, "word " * 100,
)


def make_tokens(clip):
    """CLIP's token ids of odd texts, padded as both kinds of models pad."""
    out = []
    for pad in ("<|endoftext|>", "!"):
        tokenizer = CLIPTokenizer(str(clip / "vocab.json"), str(clip / "merges.txt"), model_max_length=77, pad_token=pad)
        for text in TEXTS:
            ids = tokenizer(text, padding="max_length", truncation=True).input_ids
            end = len(ids)
            while end > 0 and ids[end - 1] == ids[-1]:
                end -= 1
            out.append({"pad": pad, "text": text, "ids": ids[:end], "padding": ids[-1]})
    (OUT / "tokens.json").write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    clip = parser.parse_args().clip
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    image, mask = test_picture(32, 40)
    arrays, index, shapes = {"image": image, "mask": mask}, [], {}
    for model, family, channels, prediction in MODELS:
        scheduler = SCHEDULERS[family] | {"prediction_type": prediction}
        with tempfile.TemporaryDirectory() as scratch:
            scratch = Path(scratch)
            models = build(family, channels)
            tensors = single_shapes(family, channels, models)
            write_folder(scratch / "folder", family, models, clip, scheduler, True)
            save_file({k: tensor(k, v) for k, v in tensors.items()}, scratch / "model.safetensors")
            configs = {n: json.loads((scratch / "folder" / n / "config.json").read_text()) for n in models}
            components = {n: {hf_if_text(n, k): v for k, v in shapes_of(m).items()} for n, m in models.items()}
            for kind, pipe in (("file", load(scratch / "model.safetensors", scratch / "folder", family)),
                               ("folder", load(scratch / "folder", None, family))):
                if kind == "folder" and family != "xl":
                    continue  # other golden files hold those
                if kind == "folder":
                    # The tests' own small vocabularies.
                    for name, part in (("tokenizer", "text1"), ("tokenizer_2", "text2")):
                        shutil.rmtree(scratch / "folder" / name)
                        shutil.copytree(OUT.parent / "sampling/parts" / part / "tokenizer", scratch / "folder" / name)
                    pipe = load(scratch / "folder", None, family)
                for case in CASES:
                    arrays[f"{len(index):03}"] = paint(pipe, case)
                    index.append(case | {"model": model, "kind": kind, "family": family, "channels": channels,
                                         "scheduler": scheduler})
            # The plain models differ by the first convolution's inputs alone.
            shapes.setdefault(family, {"file": tensors, "configs": configs, "components": components})
    save_file(arrays, OUT / "pictures.safetensors")
    (OUT / "pictures.json").write_text(json.dumps(index, indent=1) + "\n")
    (OUT / "models.json").write_text(json.dumps(shapes, separators=(",", ":")) + "\n")
    make_pytorch()
    make_loras(clip)
    make_tokens(clip)
    print(len(index), "pictures")


if __name__ == "__main__":
    main()
