"""Owns the table of fills: what `inlay bench quality --json` says, as medians and as shares of cases won.

Called by `evaluate.py`. Never runs anything.
"""

import math
from statistics import median

METHOD = "model"
# The bars of the model: hole kinds that count, and the share of them in which it must win on both scores.
COUNTED, SHARE = ("object", "border"), 0.65


def visibility(row):
    """|ln seam|, as Inlay computes it: root mean square of the logarithms of the seam's three ratios; 0 cannot be told from the photo."""
    seam = row["scores"]["seam"]
    logs = [math.log(seam[part]) for part in ("colour", "gradient", "noise")]
    return math.sqrt(sum(value**2 for value in logs) / 3)


SCORES = {
    "PSNR": lambda row: row["scores"]["psnr"], "SSIM": lambda row: row["scores"]["ssim"],
    "gradient": lambda row: row["scores"]["gradient"], "|ln seam|": visibility, "seconds": lambda row: row["seconds"],
}


def medians(rows):
    """Lines: one a kind of hole and method, then all kinds together."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    lines = [f"{'hole':<10} {'method':<14} {'cases':>5} " + " ".join(f"{name:>9}" for name in SCORES)]
    for kind in [*kinds, "all"]:
        for method in methods:
            own = [row for row in rows if row["method"] == method and kind in (row["kind"], "all")]
            if own:
                values = " ".join(f"{median(score(row) for row in own):>9.3f}" for score in SCORES.values())
                lines.append(f"{kind:<10} {method:<14} {len(own):>5} {values}")
    return lines


def wins(rows, method=METHOD, kinds=COUNTED):
    """{rival: (cases, share won in gradient, in |ln seam|, in both)}; a photo's cases of one kind are paired in their order."""
    cases = {}
    for row in rows:
        if row["kind"] in kinds:
            cases.setdefault((row["photo"], row["kind"]), {}).setdefault(row["method"], []).append(row)
    found = {}
    for rivals in cases.values():
        for rival, theirs in rivals.items():
            if rival != method:
                for own, other in zip(rivals.get(method, []), theirs):
                    nearer = own["scores"]["gradient"] < other["scores"]["gradient"], visibility(own) < visibility(other)
                    found.setdefault(rival, []).append(nearer)
    return {
        rival: (len(all_), *(sum(pick(c) for c in all_) / len(all_) for pick in (lambda c: c[0], lambda c: c[1], all)))
        for rival, all_ in found.items()
    }


def wins_lines(rows):
    lines = [f"{METHOD} against (objects and extensions; asked: {SHARE:.0%} against exemplar and Navier–Stokes)"]
    for rival, (cases, gradient, seam, both) in wins(rows).items():
        lines.append(f"  {rival:<14} {cases:>4} cases: gradient {gradient:.0%}, |ln seam| {seam:.0%}, both {both:.0%}")
    return lines
