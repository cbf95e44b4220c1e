"""Owns the log of a training run: one JSON object a line, appended and flushed, so that a run cut off keeps what it wrote.

Called by every stage and by `evaluate.py`. Never reads or decides anything about training.
"""

import json
import math
import time
from pathlib import Path


class RunLog:
    """Appends to `<folder>/log.jsonl` and, unless quiet, prints a short form of each line."""

    def __init__(self, folder, stage, quiet=False):
        self.path = Path(folder) / "log.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.stage, self.quiet, self.started = stage, quiet, time.monotonic()

    def write(self, event, **values):
        """`event` says what the line is: start, step, held_out, saved, stop, note."""
        row = {"stage": self.stage, "event": event, "seconds": round(time.monotonic() - self.started, 2)}
        row |= {key: tidy(value) for key, value in values.items()}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        if not self.quiet:
            text = " ".join(f"{key} {value}" for key, value in row.items() if key not in ("stage", "event"))
            print(f"[{self.stage}] {event}: {text}", flush=True)


def tidy(value):
    """Six significant digits, and no NaN, which JSON does not know."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {key: tidy(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [tidy(inner) for inner in value]
    return value


def read(folder):
    """All rows of a run's log, oldest first; a last line cut in half is left out."""
    rows = []
    path = Path(folder) / "log.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows
