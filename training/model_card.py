"""Owns MODEL_CARD.md: what the model is, what it was trained on, and whom to thank for every photo.

Called by `export.py`. The attribution is generated from the rows of the store, photos of the training side only, grouped by source
repository, licence and, where the index knows one, linked photo by photo. Never measures: figures are handed in.
"""

from collections import defaultdict

import networks

FLICKR = "https://www.flickr.com/photo.gne?id="


def card(config, steps, rows, sizes):
    """The text. `steps` maps a stage to its steps, `sizes` a file of the export to its bytes."""
    unet, vae = config["unet"], config["vae"]
    lines = [
        "# Pocket: an inpainting model that fits in a pocket",
        "",
        "A small latent diffusion model, trained from scratch for Inlay with the scripts in `training/`, on the photos listed below and",
        "nothing else. It fills, extends and continues photographs; words steer it where it has learned them.",
        "",
        "| part | what |",
        "|---|---|",
        f"| vae | AutoencoderTiny, downscale 4, {vae['latent_channels']} latent channels, width {vae['encoder_block_out_channels'][0]} in and "
        f"{vae['decoder_block_out_channels'][0]} out |",
        f"| unet | 9 channels in, widths {'/'.join(map(str, unet['block_out_channels']))}, made for {unet['sample_size'] * 4} px |",
        f"| text_encoder | CLIP text model, width {config['text']['hidden_size']}, {config['text']['num_hidden_layers']} layers, "
        f"{config['text']['vocab_size']} pieces, {config['text']['max_position_embeddings']} a prompt |",
        "| scheduler | DDIM, v-prediction, scaled-linear betas, zero terminal signal, trailing spacing |",
        f"| weights and settings | {sum(sizes.values()):,} bytes, f16 |",
        "",
        "Trained steps: " + ", ".join(f"{name} {count}" for name, count in steps.items()) + ".",
    ]
    if "distilled" in config:
        d = config["distilled"]
        told = f", guidance {d['guidance']:g} folded in (run it at guidance 1)" if d["guidance"] > 1 else ""
        lines += ["", f"Distilled from {d['from']} to {d['to']} steps{told}."]
    lines += [
        "",
        "## Limits",
        "",
        "It knows what a few thousand photos show: flowers, groceries, five breeds of pets, some hundred kinds of objects and a few scenes.",
        "It cannot draw people, text or anything that needs to be right in detail. No filter judges what it paints.",
        "",
        "## Licence of the weights",
        "",
        "Same as Inlay's. The photos stay their authors' own, under the licences below.",
        "",
        *attribution(rows),
    ]
    return "\n".join(lines) + "\n"


def attribution(rows):
    """A section a source: licences, how many photos, and each photo's page where the index has it, else its path."""
    sources = defaultdict(list)
    for row in rows:
        sources[row["source"]].append(row)
    lines = ["## Photos it was trained on", "", f"{len(rows)} photos from {len(sources)} collections:", "",
             "| collection | photos | licence |", "|---|---|---|"]
    ordered = sorted(sources.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    for source, own in ordered:
        licences = "; ".join(sorted({row["licence"] for row in own}))
        lines.append(f"| [{source}](https://github.com/{source}) | {len(own)} | {licences} |")
    for source, own in ordered:
        linked = sorted({row["attribution_url"] for row in own if row["attribution_url"]})
        if linked:
            lines += ["", f"### {source}", "", *links(linked)]
        elif len(own) <= 50:
            lines += ["", f"### {source}", "", ", ".join(f"`{path}`" for path in sorted(row["path"] for row in own))]
    return lines


def links(urls):
    """Flickr's numbers alone, under their common beginning, and other addresses whole."""
    numbers = [url.removeprefix(FLICKR) for url in urls if url.startswith(FLICKR)]
    others = [url for url in urls if not url.startswith(FLICKR)]
    lines = []
    if numbers:
        lines += [f"Photos of Flickr, each at `{FLICKR}` and its number:", "", " ".join(numbers)]
    if others:
        lines += ["", *others]
    return lines


def detector_card(config, step):
    kinds = ", ".join(networks.DAMAGE_KINDS)
    return (
        "# Damage detector\n\n"
        f"A U-Net of widths {'/'.join(map(str, config['widths']))} that gives one logit a pixel for each of: {kinds}. Pictures go in as "
        "RGB in −1…1; sides are multiples of "
        f"{2 ** (len(config['widths']) - 1)}. Trained for {step} steps on the same photos as the model beside it, with damage "
        "drawn by `training/damage.py`. Weights in f16, names as in `training/networks.py`.\n"
    )
