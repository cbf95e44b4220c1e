"""Makes the golden files of tests/golden_sampling.rs and tests/golden_pipeline.rs with PyTorch and diffusers 0.42.1.

    python tests/golden/make_sampling.py            all of it
    python tests/golden/make_sampling.py noise      one part: noise, schedules, pipeline

`noise` writes sequences of torch.randn, `schedules` runs every scheduler over whole schedules with a made-up model output,
`pipeline` writes tiny random model folders and what StableDiffusionInpaintPipeline makes with them.
"""

import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import diffusers
import numpy as np
import torch
from make_networks import train_tokenizer
from PIL import Image
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file
from tiny_models import SD2, SD15, assemble, test_picture, text_encoder, unet, vae_kl, vae_tiny

warnings.filterwarnings("ignore")
diffusers.utils.logging.set_verbosity_error()

HERE = Path(__file__).resolve().parent
OUT = HERE / "sampling"

# What each name of the program stands for.
NAMES = {
    "ddim": ("DDIMScheduler", {}),
    "pndm": ("PNDMScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler-a": ("EulerAncestralDiscreteScheduler", {}),
    "dpm++2m": ("DPMSolverMultistepScheduler", {}),
    "euler-karras": ("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
    "dpm++2m-karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "ddim-trailing": ("DDIMScheduler", {"timestep_spacing": "trailing"}),
    "euler-trailing": ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpm++2m-sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "dpm++2m-sde-karras": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "tcd": ("TCDScheduler", {}),
}
# The first seven have been checked with every spacing and prediction; names that only fix a field need fewer cases.
FIXED = ("ddim-trailing", "euler-trailing", "dpm++2m-sde-karras")
# These cannot run a model trained to zero terminal signal: diffusers ignores the field, the program refuses.
NO_ZERO_SNR = ("pndm", "heun")

# Parts of the tiny models, and which of them make up each: tokenizer and text encoder, UNet, autoencoder, scheduler.
MODELS = {
    "sd1-inpaint": ("text1", "unet1-9", "vae-kl", SD15),
    "sd1-plain": ("text1", "unet1-4", "vae-kl", SD15),
    "sd1-inpaint-tiny": ("text1", "unet1-9", "vae-tiny", SD15),
    "sd1-plain-tiny": ("text1", "unet1-4", "vae-tiny", SD15 | {"_class_name": "EulerDiscreteScheduler"}),
    "sd2-inpaint": ("text2", "unet2-9", "vae-kl", SD2),
    "sd2-plain": ("text2", "unet2-4", "vae-kl", SD2),
}
# Samplers whose pictures are stored; the others' schedules are.
PICTURED = ("ddim", "pndm", "euler", "euler-a", "dpm++2m", "euler-karras", "dpm++2m-karras")
PROMPT = "a stone house by the lake"
NEGATIVE = "rain, people with umbrellas"
LONG = "a photograph of a wooden house by the lake, mountains in the background, clear sky, soft morning light"


# The same prompt with weights, as the program's language writes it and as what it means.
WEIGHTED = "a (stone:1.4) [house] BREAK by the ((lake))"
WEIGHTED_MEANS = [("a ", 1), ("stone", 1.4), (" ", 1), ("house", 1 / 1.1), None, ("by the ", 1), ("lake", 1.21)]
COMMA_REACH = 20


def scheduler_for(config, name):
    """The folder's own scheduler as the inpainting pipeline holds it, then the named one made from its configuration."""
    own = getattr(diffusers, config["_class_name"]).from_config(dict(config))
    pipe = diffusers.StableDiffusionInpaintPipeline(
        vae=None, text_encoder=None, tokenizer=None, unet=None, scheduler=own, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )
    return named_scheduler(pipe.scheduler, name)


def make_noise():
    sequences = {
        "rising": list(range(1, 41)),
        "mixed": [3, 16, 1, 17, 64, 5, 31, 2, 48, 15, 15, 33, 4],
        "large": [1000, 2, 1024, 1],
    }
    tensors = {}
    for seed in (0, 7, 123456789, 2**31, 2**32 + 7, 2**63 + 12345, 2**64 - 1):
        for title, sizes in sequences.items():
            if title == "large" and seed not in (7, 2**32 + 7):
                continue
            generator = torch.Generator("cpu").manual_seed(seed)
            tensors[f"{seed}/{title}/{','.join(map(str, sizes))}"] = torch.cat(
                [torch.randn(n, generator=generator) for n in sizes]
            )
    save_file(tensors, OUT / "noise.safetensors")


def schedule_cases():
    """(configuration, name, steps, strength) of every case."""
    for name in NAMES:
        for prediction in ("epsilon", "v_prediction", "sample"):
            for spacing in ("leading",) if name in (*FIXED, "lcm", "tcd") else ("leading", "linspace", "trailing"):
                config = SD15 | {"prediction_type": prediction, "timestep_spacing": spacing}
                for steps, strength in ((1, 1.0), (2, 1.0), (5, 1.0), (5, 0.6), (20, 1.0), (20, 0.75), (33, 0.3)):
                    yield config, name, steps, strength
    for name in (n for n in NAMES if n not in FIXED):
        for config in (
            SD15,
            SD15 | {"beta_schedule": "linear"},
            SD15 | {"beta_schedule": "squaredcos_cap_v2"},
            SD15 | {"num_train_timesteps": 100, "timestep_spacing": "trailing"},
            SD15 | {"num_train_timesteps": 10, "trained_betas": [0.01 * i + 0.02 for i in range(10)]},
            SD15 | {"clip_sample": True, "clip_sample_range": 0.7, "set_alpha_to_one": True},
            SD15 | {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"},
            SD15 | {"rescale_betas_zero_snr": True, "timestep_spacing": "leading"},
            SD15 | {"steps_offset": 0, "timestep_spacing": "leading"},
            {k: v for k, v in SD15.items() if k not in ("steps_offset", "skip_prk_steps", "clip_sample")},
            SD15 | {"sigma_min": 0.1, "sigma_max": 9.0},
            SD15 | {"use_karras_sigmas": True},
            SD15 | {"final_sigmas_type": "sigma_min"},
        ):
            if name in NO_ZERO_SNR and config.get("rescale_betas_zero_snr"):
                continue
            yield config, name, 7, 1.0
            yield config, name, 7, 0.6
    own = (
        ("PNDMScheduler", {}),
        ("PNDMScheduler", {"skip_prk_steps": False, "steps_offset": 0}),
        ("DDIMScheduler", {"steps_offset": 0}),
        ("EulerDiscreteScheduler", {"use_exponential_sigmas": True}),
        ("EulerDiscreteScheduler", {"interpolation_type": "log_linear"}),
        ("EulerDiscreteScheduler", {"interpolation_type": "log_linear", "use_karras_sigmas": True}),
        ("EulerDiscreteScheduler", {"timestep_type": "continuous", "prediction_type": "v_prediction"}),
        ("EulerAncestralDiscreteScheduler", {}),
        ("DPMSolverMultistepScheduler", {"solver_order": 1}),
        ("DPMSolverMultistepScheduler", {"solver_order": 3}),
        ("DPMSolverMultistepScheduler", {"solver_order": 3, "lower_order_final": False}),
        ("DPMSolverMultistepScheduler", {"solver_type": "heun"}),
        ("DPMSolverMultistepScheduler", {"lower_order_final": False}),
        ("DPMSolverMultistepScheduler", {"euler_at_final": True, "final_sigmas_type": "sigma_min"}),
        ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
        ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"}),
        ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "solver_order": 3}),
        ("DPMSolverMultistepScheduler", {"use_exponential_sigmas": True}),
        ("DPMSolverMultistepScheduler", {"use_lu_lambdas": True}),
        ("DPMSolverMultistepScheduler", {"beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1}),
        ("DPMSolverMultistepScheduler", {"beta_schedule": "squaredcos_cap_v2", "use_karras_sigmas": True}),
        ("DPMSolverMultistepScheduler", {"lambda_min_clipped": -float("inf")}),
        ("HeunDiscreteScheduler", {"use_exponential_sigmas": True}),
        ("HeunDiscreteScheduler", {"clip_sample": True, "clip_sample_range": 0.7}),
        ("UniPCMultistepScheduler", {"solver_order": 1}),
        ("UniPCMultistepScheduler", {"solver_order": 3}),
        ("UniPCMultistepScheduler", {"solver_order": 3, "solver_type": "bh1", "final_sigmas_type": "sigma_min"}),
        ("UniPCMultistepScheduler", {"solver_type": "bh1"}),
        ("UniPCMultistepScheduler", {"predict_x0": False, "prediction_type": "v_prediction"}),
        ("UniPCMultistepScheduler", {"predict_x0": False, "final_sigmas_type": "sigma_min"}),
        ("UniPCMultistepScheduler", {"lower_order_final": False}),
        ("UniPCMultistepScheduler", {"lower_order_final": False, "final_sigmas_type": "sigma_min"}),
        ("UniPCMultistepScheduler", {"disable_corrector": [0, 2]}),
        ("UniPCMultistepScheduler", {"use_karras_sigmas": True, "beta_schedule": "squaredcos_cap_v2"}),
        ("UniPCMultistepScheduler", {"use_exponential_sigmas": True, "final_sigmas_type": "sigma_min", "sigma_min": 0.1}),
        ("LCMScheduler", {"original_inference_steps": 16, "timestep_scaling": 1.0}),
        ("LCMScheduler", {"clip_sample": True, "clip_sample_range": 0.7}),
        ("TCDScheduler", {"original_inference_steps": 20, "clip_sample": True}),
    )
    for kind, extra in own:
        config = {k: v for k, v in SD15.items() if k not in ("steps_offset", "skip_prk_steps")}
        config |= {"_class_name": kind} | extra
        for steps, strength in ((4, 1.0), (16, 1.0), (16, 0.5)):
            yield config, None, steps, strength
    # Runge-Kutta warm-up by name: the field is absent, so the class's own default holds.
    prk = {k: v for k, v in SD15.items() if k != "skip_prk_steps"} | {"_class_name": "DDIMScheduler"}
    for steps, strength in ((3, 1.0), (4, 1.0), (10, 1.0), (25, 0.7), (10, 0.3)):
        yield prk, "pndm", steps, strength


def fake_output(model_input, i):
    """A model output that depends on latents and step, small enough that no scheduler blows up."""
    k = torch.arange(model_input.numel(), dtype=torch.float64).reshape(model_input.shape)
    return (0.25 * model_input.double() + 0.8 * torch.sin(0.37 * k + 1.3 * i + 0.11)).float()


def run_schedule(config, name, steps, strength):
    """The loop of StableDiffusionInpaintPipeline around a made-up model."""
    scheduler = scheduler_for(config, name)
    shape = (1, 4, 2, 2)
    generator = torch.Generator("cpu").manual_seed(11)
    original = torch.randn(shape, generator=generator)
    noise = torch.randn(shape, generator=generator)
    scheduler.set_timesteps(steps)
    timesteps = scheduler.timesteps
    begin = max(steps - min(int(steps * strength), steps), 0)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin * scheduler.order)
    timesteps = timesteps[begin * scheduler.order :]
    if steps - begin < 1:
        raise ValueError("no steps")
    if strength == 1.0:
        latents = noise * scheduler.init_noise_sigma
    else:
        latents = scheduler.add_noise(original, noise, timesteps[:1])
    started = latents
    takes_generator = "generator" in scheduler.step.__code__.co_varnames
    extra = {"generator": generator} if takes_generator else {}
    path, renoised = [], []
    for i, t in enumerate(timesteps):
        output = fake_output(scheduler.scale_model_input(latents, t), i)
        latents = scheduler.step(output, t, latents, **extra, return_dict=False)[0]
        path.append(latents.flatten()[5])
        if i < len(timesteps) - 1:
            renoised.append(scheduler.add_noise(original, noise, torch.tensor([timesteps[i + 1]])).flatten()[5])
    if not torch.isfinite(latents).all():
        raise ValueError("not finite")
    return {
        "timesteps": timesteps.float(),
        "started": started.flatten(),
        "path": torch.stack(path),
        "renoised": torch.stack(renoised) if renoised else torch.zeros(0),
        "final": latents.flatten(),
    }


def make_schedules():
    cases, tensors = [], {}
    configs = []
    for config, name, steps, strength in schedule_cases():
        key = f"{len(cases):04}"
        if config not in configs:
            configs.append(config)
        case = {"config": configs.index(config), "name": name, "steps": steps, "strength": strength}
        try:
            parts = run_schedule(config, name, steps, strength)
            tensors[key] = torch.cat([v.reshape(-1) for v in parts.values()])
            case["count"] = parts["timesteps"].numel()
        except Exception as error:  # the test expects a refusal wherever diffusers fails
            case["fails"] = str(error).splitlines()[0][:80]
        cases.append(case)
    save_file(tensors, OUT / "schedules.safetensors")
    lines = ",\n".join("  " + json.dumps(c) for c in configs)
    rows = ",\n".join("  " + json.dumps(c) for c in cases)
    (OUT / "schedules.json").write_text(f'{{"configs": [\n{lines}\n], "cases": [\n{rows}\n]}}\n')
    print(len(cases), "schedules,", sum("fails" in c for c in cases), "of which fail")


def make_parts(folder):
    """Small random networks, their weights in half precision."""
    for name, pad_token, activation in (("text1", "<|endoftext|>", "quick_gelu"), ("text2", "!", "gelu")):
        _, vocab = train_tokenizer(folder / name / "tokenizer", pad_token)
        text_encoder(folder / name / "text_encoder", 101, vocab, 20, 16, activation, vocab - 1)
    unet(folder / "unet1-9", 102, 9, 16)
    unet(folder / "unet1-4", 103, 4, 16)
    linear = {"use_linear_projection": True, "attention_head_dim": [2, 4], "upcast_attention": True}
    unet(folder / "unet2-9", 104, 9, 16, **linear)
    unet(folder / "unet2-4", 105, 4, 16, **linear)
    vae_kl(folder / "vae-kl", 106)
    vae_tiny(folder / "vae-tiny", 107)


def load_pipe(folder):
    pipe = diffusers.StableDiffusionInpaintPipeline.from_pretrained(
        folder, torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def named_scheduler(own, name):
    """What a name of the program makes of a loaded pipeline's own scheduler."""
    if name is None:
        return own
    kind, extra = NAMES[name]
    return getattr(diffusers, kind).from_config(own.config, **extra)


def chunks_of(tokenizer, spans):
    """Token ids and weights of each chunk: `None` begins a new one, a full one ends at a comma at most so many tokens back."""
    room = tokenizer.model_max_length - 2
    comma = tokenizer(",", add_special_tokens=False).input_ids
    chunks = [([], [])]
    for span in spans:
        if span is None:
            chunks.append(([], []))
            continue
        for token in tokenizer(span[0], add_special_tokens=False).input_ids:
            ids, weights = chunks[-1]
            if len(ids) == room:
                last = max((i for i, t in enumerate(ids) if [t] == comma), default=room - 1)
                cut = last + 1 if room - last - 1 <= COMMA_REACH else room
                chunks.append((ids[cut:], weights[cut:]))
                del ids[cut:], weights[cut:]
            chunks[-1][0].append(token)
            chunks[-1][1].append(float(span[1]))
    return chunks


def chunked_embeds(pipe, spans):
    """Embeddings of all chunks one after the other; weighted ones keep the mean of their chunk."""
    tokenizer, parts = pipe.tokenizer, []
    for ids, weights in chunks_of(tokenizer, spans):
        framed = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
        framed += [tokenizer.pad_token_id] * (tokenizer.model_max_length - len(framed))
        embeds = pipe.text_encoder(torch.tensor([framed]))[0]
        factors = torch.ones(len(framed))
        factors[1 : 1 + len(weights)] = torch.tensor(weights)
        weighted = embeds * factors[None, :, None]
        parts.append(weighted * (embeds.mean() / weighted.mean()) if any(w != 1 for w in weights) else embeds)
    return torch.cat(parts, dim=1)


def texts(pipe, prompt, guidance):
    """What the pipeline is called with. Prompts in the program's own language, and those that are too long, as embeddings."""
    spans = {LONG: [(LONG, 1)], WEIGHTED: WEIGHTED_MEANS}.get(prompt)
    if spans is None:
        return {"prompt": prompt, "negative_prompt": NEGATIVE}
    assert guidance == 1.0
    return {"prompt_embeds": chunked_embeds(pipe, spans)}


def pipeline_cases():
    """(model, sampler, steps, strength, guidance, prompt, width, height) of every case."""
    for model in MODELS:
        for name in (None, *PICTURED):
            for strength in (1.0, 0.6):
                yield model, name, 5, strength, 7.5, PROMPT, 32, 40
        for strength in (1.0, 0.6):
            yield model, None, 3, strength, 1.0, PROMPT, 32, 40
            yield model, "euler-a", 3, strength, 1.0, LONG, 64, 72
        yield model, None, 3, 1.0, 1.0, WEIGHTED, 32, 40
    # One model for the others: what is special about them is in their schedules.
    for name in NAMES:
        if name not in PICTURED:
            yield "sd1-plain-tiny", name, 5, 0.6, 7.5, PROMPT, 32, 40
            yield "sd2-inpaint", name, 4, 1.0, 7.5, PROMPT, 32, 40


def make_pipeline():
    shutil.rmtree(OUT / "parts", ignore_errors=True)
    make_parts(OUT / "parts")
    cases, arrays = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        pipes = {}
        for model, (text, net, vae, scheduler) in MODELS.items():
            parts = {"tokenizer": OUT / "parts" / text / "tokenizer", "text_encoder": OUT / "parts" / text / "text_encoder",
                     "unet": OUT / "parts" / net, "vae": OUT / "parts" / vae}
            assemble(Path(scratch) / model, parts, scheduler)
            pipe = load_pipe(Path(scratch) / model)
            pipes[model] = (pipe, pipe.scheduler)
        for model, name, steps, strength, guidance, prompt, width, height in pipeline_cases():
            image, mask = test_picture(width, height)
            arrays[f"image{width}"], arrays[f"mask{width}"] = image, mask
            pipe, own = pipes[model]
            pipe.scheduler = named_scheduler(own, name)
            result = pipe(
                **texts(pipe, prompt, guidance), image=Image.fromarray(image), mask_image=Image.fromarray(mask),
                height=height, width=width, strength=strength, num_inference_steps=steps, guidance_scale=guidance,
                # TCD's own; the pipeline would pass DDIM's 0 on to it.
                eta=0.3 if name == "tcd" else 0.0,
                generator=torch.Generator("cpu").manual_seed(7), output_type="np",
            ).images[0]
            assert np.isfinite(result).all()
            # The array is a view of planes, which safetensors would store in the planes' order.
            arrays[f"{len(cases):03}"] = np.ascontiguousarray((result * 65535).round().astype(np.uint16))
            cases.append({"model": model, "name": name, "steps": steps, "strength": strength, "guidance": guidance,
                          "prompt": prompt, "width": width})
    save_arrays(arrays, OUT / "pictures.safetensors")
    keys = ("text", "unet", "vae", "scheduler")
    index = {
        "negative_prompt": NEGATIVE,
        "models": {model: dict(zip(keys, parts)) for model, parts in MODELS.items()},
        "cases": cases,
    }
    (OUT / "pictures.json").write_text(json.dumps(index, indent=1) + "\n")
    print(len(cases), "pictures")


def main():
    parts = {"noise": make_noise, "schedules": make_schedules, "pipeline": make_pipeline}
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    for part in sys.argv[1:] or parts:
        parts[part]()


if __name__ == "__main__":
    main()
