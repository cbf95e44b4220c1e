"""Owns what a training run leaves on disk: the full state for an exact resume, and small parcels that travel.

Called by `stage.py` (writes, resumes) and by `export.py`, `evaluate.py` and the later stages (read weights). A state is a dict
of `step`, `config` (plain data that rebuilds the networks), `modules`, `ema`, `optimizers` and `random`. A file is either whole
or not there: everything is written beside its target and renamed. Never builds a network.
"""

import hashlib
import json
import os
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

LAST, PREVIOUS, MANIFEST = "last.pt", "previous.pt", "parcel.json"
PART_BYTES = 15 * 2**20  # a little under 16 MiB, the most that some machines send back in one file


def write_whole(path, write):
    """Calls `write(temporary path)`, makes sure that it is on disk, and renames it to `path`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save(folder, state):
    """Writes the full state; the one before stays as a spare, and both stay what they were when this one cannot be written."""
    last = Path(folder) / LAST
    fresh = last.with_name("next.pt")
    write_whole(fresh, lambda path: torch.save(state, path))
    if last.exists():
        os.replace(last, last.with_name(PREVIOUS))
    os.replace(fresh, last)


def load(folder):
    """The newest full state that can be read, or the parcel, or None where the folder holds neither."""
    folder = Path(folder)
    for name in (LAST, PREVIOUS):
        if (folder / name).exists():
            try:
                return torch.load(folder / name, map_location="cpu", weights_only=True)
            except Exception as error:  # a file damaged on the way raises whatever the reader stumbles over
                print(f"{folder / name} cannot be read ({error}); trying an older one", flush=True)
    return unpack(folder) if (folder / MANIFEST).exists() else None


def need(folder):
    """Like `load`, but a folder without a state ends the program with a line that says so."""
    state = load(folder)
    if state is None:
        raise SystemExit(f"{folder} holds no {LAST} and no {MANIFEST}; give the --out or --home folder of a stage")
    return state


def pack(folder, state, part_bytes=PART_BYTES, keep=("modules", "ema", "optimizers")):
    """Writes the state in 16 bits a number into files of at most `part_bytes`: weights and average as f16, moments as bf16.

    Good for export as it is; a resume from it differs from an exact one by that rounding. `keep=("ema",)` is a quarter of the
    size: a resume then starts from the average with a fresh optimizer. Tensors larger than a part are refused.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    travelling = {key: state[key] for key in ("step", "config", *keep)}  # every step seeds its own random generators
    tensors, plain = {}, flatten(travelling, tensors_of := {}, "")
    for name, tensor in tensors_of.items():
        if tensor.is_floating_point() and tensor.numel() > 1:  # counters stay exact
            tensor = tensor.to(torch.bfloat16 if name.startswith("optimizers") else torch.float16)
        tensors[name] = tensor.detach().cpu().contiguous()
    parts = split(tensors, part_bytes)
    old = set(folder.glob("parcel-*.safetensors"))
    names = []
    for index, part in enumerate(parts):
        name = f"parcel-{state['step']:07d}-{index}.safetensors"
        write_whole(folder / name, lambda path, part=part: save_file(part, path))
        names.append({"name": name, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()})
    text = json.dumps({"plain": plain, "parts": names})
    write_whole(folder / MANIFEST, lambda path: path.write_text(text, encoding="utf-8"))
    for path in old - {folder / row["name"] for row in names}:
        path.unlink()


def unpack(folder):
    """Reads what `pack` wrote, weights as f32 again, and refuses a part that is missing or damaged."""
    folder = Path(folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    tensors = {}
    for row in manifest["parts"]:
        path = folder / row["name"]
        if not path.exists():
            raise SystemExit(f"{path} is missing; fetch every part of the parcel")
        if hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
            raise SystemExit(f"{path} is damaged; fetch it again")
        tensors |= load_file(path)
    return rebuild(manifest["plain"], tensors)


def split(tensors, part_bytes):
    """Groups tensors, in order, into dicts that stay under the limit with their headers."""
    parts, room = [{}], part_bytes
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size() + 200 + len(name)
        if size > part_bytes:
            raise ValueError(f"{name} takes {size} bytes; a part holds {part_bytes}")
        if size > room:
            parts.append({})
            room = part_bytes
        parts[-1][name] = tensor
        room -= size
    return parts


def flatten(value, tensors, prefix):
    """Plain JSON data in which each tensor is replaced by `{"tensor": name}`; dicts keep number keys as such."""
    if isinstance(value, torch.Tensor):
        tensors[prefix] = value
        return {"tensor": prefix, "dtype": str(value.dtype).removeprefix("torch.")}
    if isinstance(value, dict):
        return {"dict": [[key, flatten(inner, tensors, f"{prefix}/{key}".strip("/"))] for key, inner in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"list": [flatten(inner, tensors, f"{prefix}/{i}") for i, inner in enumerate(value)]}
    return {"value": value}


def rebuild(plain, tensors):
    """Undoes `flatten`."""
    if "tensor" in plain:
        return tensors[plain["tensor"]].to(getattr(torch, plain["dtype"]))
    if "dict" in plain:
        return {key: rebuild(inner, tensors) for key, inner in plain["dict"]}
    if "list" in plain:
        return [rebuild(inner, tensors) for inner in plain["list"]]
    return plain["value"]
