"""Owns the packed store: every photo decoded once, as raw bytes in one file a shard, to be memory-mapped.

    python training/store.py --data PHOTOS --store STORE

Packs the shards that `--data` holds and `--store` does not, so that shards may arrive one by one and be deleted again. Each
photo is kept at its own size and at halves of it down to a short side of 64 px, rows of RGB bytes. Called by `data.py` and
`selfcheck.py`. Never crops, never chooses: that is `data.py`'s.
"""

import argparse
import io
import json
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from checkpointing import write_whole

SMALLEST_SIDE = 64  # no half has a shorter short side
ADDED = json.loads((Path(__file__).parent / "captions_added.json").read_text(encoding="utf-8"))


def levels_of(blob):
    """A photo and its halves, largest first: uint8 arrays (height, width, 3)."""
    image = Image.open(io.BytesIO(blob)).convert("RGB")
    levels = [np.asarray(image)]
    while min(image.size) // 2 >= SMALLEST_SIDE:
        image = image.reduce(2)
        levels.append(np.asarray(image))
    return levels


def pack_shard(archive, rows, store, number):
    """Writes `pack-NN.u8` and, last, `pack-NN.json` with each photo's row and where its levels lie."""
    with tarfile.open(archive) as tar:
        blobs = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
    rows = [row for row in rows if row["name"] in blobs and row["name"] not in ADDED["left_out"]]
    described = []

    def write(path):
        offset = 0
        with open(path, "wb") as file, ThreadPoolExecutor(os.cpu_count()) as pool:
            for row, levels in zip(rows, pool.map(lambda row: levels_of(blobs[row["name"]]), rows)):
                places = []
                for level in levels:
                    file.write(level.tobytes())
                    places.append([offset, level.shape[0], level.shape[1]])
                    offset += level.size
                described.append(row | {"levels": places})

    write_whole(store / f"pack-{number:02d}.u8", write)
    text = json.dumps(described, ensure_ascii=False)
    write_whole(store / f"pack-{number:02d}.json", lambda path: path.write_text(text, encoding="utf-8"))
    return len(described)


def add_shards(data, store, limit=None):
    """Packs what is new; `limit` takes only the first photos of each shard (for the self-check). Returns photos added."""
    data, store = Path(data), Path(store)
    store.mkdir(parents=True, exist_ok=True)
    index = data / "index.jsonl"
    if not index.exists():
        raise SystemExit(f"{index} is missing; --data names the folder with the shards and their index.jsonl")
    rows = [json.loads(line) for line in index.read_text(encoding="utf-8").splitlines() if line.strip()]
    added = 0
    for archive in sorted(data.glob("train-*.tar")):
        number = int(archive.stem.removeprefix("train-"))
        if (store / f"pack-{number:02d}.json").exists():
            continue
        of_shard = [row for row in rows if row["shard"] == number][:limit]
        count = pack_shard(archive, of_shard, store, number)
        print(f"{archive.name}: {count} photos", flush=True)
        added += count
    return added


def read(store):
    """(rows, packs): the rows of all packs, each with its `pack` number, and the packs' bytes, memory-mapped."""
    store = Path(store)
    rows, packs = [], []
    for described in sorted(store.glob("pack-*.json")):
        packs.append(np.memmap(described.with_suffix(".u8"), dtype=np.uint8, mode="c"))
        for row in json.loads(described.read_text(encoding="utf-8")):
            rows.append(row | {"pack": len(packs) - 1})
    if not rows:
        raise SystemExit(f"{store} holds no packs; make them with store.py --data PHOTOS --store {store}")
    return rows, packs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train-NN.tar and index.jsonl")
    parser.add_argument("--store", type=Path, required=True, help="folder for the packs, about 1.6 GB for all photos")
    parser.add_argument("--limit", type=int, help="only the first photos of each shard")
    args = parser.parse_args()
    added = add_shards(args.data, args.store, args.limit)
    rows, packs = read(args.store)
    print(f"{added} photos added; {len(rows)} in the store, {sum(len(p) for p in packs) / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
