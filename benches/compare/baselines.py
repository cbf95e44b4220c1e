"""Fills a hole with OpenCV's classical methods, for comparison: Telea's fast marching and Navier-Stokes.

    python baselines.py PHOTO MASK --telea OUT --ns OUT [--radius 5]
    python baselines.py --jobs < jobs.jsonl

PHOTO is any picture OpenCV reads (8 or 16 bit; 16-bit pictures are filled in 8 bits, as OpenCV can't do better, and written
in 16), MASK a picture of the same size, above 127 = fill. Writes PNG. Pixels outside the mask are written as they were.

With --jobs, every line of standard input is {"photo": ..., "mask": ..., "telea": ..., "ns": ...} (either output may be left
out), and for every line one line {"telea": seconds, "ns": seconds} or {"error": text} is printed.

Needs numpy and opencv. Called by `inlay bench quality`; knows nothing of Inlay.
"""

import argparse
import json
import sys
import time

import cv2
import numpy as np

METHODS = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}


def read(path, flags, what):
    picture = cv2.imread(path, flags)
    if picture is None:
        raise ValueError(f"can't read the {what} {path}")
    return picture


def fill(photo, hole, method, radius):
    """The photo with the hole filled; what was in the hole is blanked first, so that nothing of it can leak."""
    low = photo if photo.dtype == np.uint8 else (photo / 257.0).round().astype(np.uint8)
    blanked = low.copy()
    blanked[hole] = 0
    filled = cv2.inpaint(blanked, hole.astype(np.uint8) * 255, radius, METHODS[method])
    out = photo.copy()
    out[hole] = filled[hole] if photo.dtype == np.uint8 else filled[hole].astype(np.uint16) * 257
    return out


def run(photo_path, mask_path, outputs, radius):
    """Fills by every method with an output path; returns seconds by method."""
    photo = read(photo_path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH, "photo")
    if photo.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{photo_path} is neither 8 nor 16 bit")
    hole = read(mask_path, cv2.IMREAD_GRAYSCALE, "mask") > 127
    if hole.shape != photo.shape[:2]:
        raise ValueError(f"the mask is {hole.shape[1]} x {hole.shape[0]}, the photo {photo.shape[1]} x {photo.shape[0]}")
    seconds = {}
    for method, path in outputs.items():
        start = time.perf_counter()
        filled = fill(photo, hole, method, radius)
        seconds[method] = time.perf_counter() - start
        if not cv2.imwrite(path, filled):
            raise ValueError(f"can't write {path}")
    return seconds


def attempt(photo, mask, outputs, radius):
    try:
        return run(photo, mask, {m: p for m, p in outputs.items() if p}, radius)
    except (ValueError, cv2.error, OSError) as error:
        return {"error": str(error)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?")
    parser.add_argument("mask", nargs="?")
    parser.add_argument("--telea")
    parser.add_argument("--ns")
    parser.add_argument("--radius", type=float, default=5.0, help="neighbourhood in px (OpenCV's inpaintRadius)")
    parser.add_argument("--jobs", action="store_true", help="read jobs from standard input, one JSON object a line")
    given = parser.parse_args()
    if given.jobs:
        for line in filter(str.strip, sys.stdin):
            try:
                job = json.loads(line)
                photo, mask = job["photo"], job["mask"]
            except (ValueError, KeyError, TypeError) as error:
                print(json.dumps({"error": f"not a job: {error}"}), flush=True)
                continue
            answer = attempt(photo, mask, {m: job.get(m) for m in METHODS}, given.radius)
            print(json.dumps(answer), flush=True)
        return
    if not given.photo or not given.mask or not (given.telea or given.ns):
        parser.error("give PHOTO, MASK and at least one of --telea and --ns, or --jobs")
    answer = attempt(given.photo, given.mask, {"telea": given.telea, "ns": given.ns}, given.radius)
    print(json.dumps(answer))
    if "error" in answer:
        sys.exit(1)


if __name__ == "__main__":
    main()
