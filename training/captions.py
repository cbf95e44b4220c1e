"""Owns what the model is told about each photo: the captions, their variants, the tokenizer, and drawing with dropout.

    python training/captions.py --store STORE --tokenizer FOLDER      trains a tokenizer on the store's captions

Called by `train_unet.py`, `distill.py`, `evaluate.py`. Captions are tokenized once; a draw picks rows of a table on the device.
"""

import argparse
import json
from pathlib import Path

import torch

from store import ADDED, read

TOKENS = 32
START, END = "<|startoftext|>", "<|endoftext|>"
PHRASES = ("a photo of {}", "{}", "a picture of {}", "{}, photo")
DROPOUT = 0.12


def variants(row):
    """All texts that a photo may be called, each as likely as the others; none for a photo without any."""
    if row.get("captions"):
        return [" ".join(text.lower().split()) for text in row["captions"]]
    caption = ADDED["captions"].get(row["name"])
    if caption:
        return [phrase.format(caption) for phrase in PHRASES]
    caption = (row.get("caption") or "").lower()
    if not caption:
        return []
    thing = caption.removeprefix("a photo of ")
    texts = [phrase.format(thing) for phrase in PHRASES]
    words = (row.get("label") or "").lower()
    if ", " in words:  # a list of what is seen: each alone is true as well
        texts += words.split(", ")
    elif "/" in words:  # a kind and a name: dog/havanese
        kind, name = words.split("/", 1)
        texts += [name, f"{name} {kind}" if kind in ("dog", "cat") else name]
    elif words:
        texts.append(words)
    return texts


class Captions:
    """The token table of a list of rows, on a device."""

    def __init__(self, rows, tokenizer, device):
        texts, first, count = [""], [], []
        for row in rows:
            own = variants(row) or [""]
            first.append(len(texts))
            count.append(len(own))
            texts += own
        self.texts, self.device = texts, device
        self.tokens = tokenize(tokenizer, texts).to(device)
        self.first, self.count = torch.tensor(first, device=device), torch.tensor(count, device=device)

    def draw(self, photos, generator, dropout=DROPOUT):
        """Token rows (N, TOKENS) for photo indices (N,); a share of `dropout` gets the empty prompt."""
        pick = torch.rand(len(photos), generator=generator, device=self.device)
        chosen = self.first[photos] + (pick * self.count[photos]).long()
        chosen = torch.minimum(chosen, self.first[photos] + self.count[photos] - 1)
        dropped = torch.rand(len(photos), generator=generator, device=self.device) < dropout
        return self.tokens[torch.where(dropped, torch.zeros_like(chosen), chosen)]

    def empty(self, count):
        return self.tokens[:1].expand(count, -1)


def tokenize(tokenizer, texts):
    options = {"padding": "max_length", "truncation": True, "max_length": TOKENS, "return_tensors": "pt"}
    return torch.cat([tokenizer(texts[i : i + 2048], **options).input_ids for i in range(0, len(texts), 2048)])


def load_tokenizer(folder):
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(folder, model_max_length=TOKENS)


def train_tokenizer(texts, folder, vocabulary=2275):
    """Byte-pair pieces in CLIP's manner (lower case, `</w>` ends a word) as vocab.json, merges.txt, tokenizer_config.json."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    learner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), bytes_of])
    wanted = vocabulary - 2 - 2 * len(alphabet)
    trainer = trainers.BpeTrainer(vocab_size=wanted + 2 * len(alphabet), end_of_word_suffix="</w>", show_progress=False,
                                  initial_alphabet=alphabet)
    learner.train_from_iterator(sorted(set(texts)), trainer)
    merges = json.loads(learner.to_str())["model"]["merges"]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in merges][:wanted]
    # CLIP's order: bytes, bytes that end a word, merges, the two marks.
    pieces = [*alphabet, *(byte + "</w>" for byte in alphabet)]
    for left, right in merges:
        if left + right not in pieces:
            pieces.append(left + right)
    pieces += [START, END]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    vocab = {piece: index for index, piece in enumerate(pieces)}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    lines = "\n".join(" ".join(merge) for merge in merges)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{lines}\n", encoding="utf-8")
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS, "bos_token": START, "eos_token": END,
              "unk_token": END, "pad_token": END}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    return len(pieces)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder to write")
    parser.add_argument("--vocabulary", type=int, default=2275)
    args = parser.parse_args()
    rows, _ = read(args.store)
    texts = [text for row in rows for text in variants(row)]
    size = train_tokenizer(texts, args.tokenizer, args.vocabulary)
    length = tokenize(load_tokenizer(args.tokenizer), sorted(set(texts))).ne(size - 1).sum(1).float() + 1
    print(f"{len(set(texts))} texts, {size} pieces; a text takes {length.mean():.1f} of {TOKENS} tokens, {length.max():.0f} at most")


if __name__ == "__main__":
    main()
