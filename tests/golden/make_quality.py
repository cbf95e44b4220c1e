"""Makes quality.json: small pictures and what scikit-image says of them, for src/quality.

    python make_quality.py

Needs numpy and scikit-image. Pictures are 8-bit RGB, row by row; the values are for data in 0-1.
"""

import json
from pathlib import Path

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

rng = np.random.default_rng(5)
cases = []
for height, width in [(24, 31), (11, 11), (40, 17)]:
    y, x = np.mgrid[:height, :width]
    truth = np.stack([128 + 80 * np.sin(x / 3 + c) * np.cos(y / 4) for c in range(3)], 2) + rng.normal(0, 12, (height, width, 3))
    truth = truth.clip(0, 255).round().astype(np.uint8)
    fill = (truth * 0.8 + 20 + rng.normal(0, 20, truth.shape)).clip(0, 255).round().astype(np.uint8)
    hole = np.zeros((height, width), np.uint8)
    hole[3 : height - 4, 2 : width // 2] = 255
    a, b = truth / 255.0, fill / 255.0
    _, full = structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, channel_axis=2, full=True
    )
    inside = hole > 0
    cases.append({
        "width": width,
        "height": height,
        "truth": truth.ravel().tolist(),
        "fill": fill.ravel().tolist(),
        "hole": hole.ravel().tolist(),
        "psnr": float(peak_signal_noise_ratio(a[inside], b[inside], data_range=1.0)),
        "ssim": float(full.mean(2)[inside].mean()),
        "ssim_corner": float(full.mean(2)[0, 0]),
    })
Path(__file__).with_name("quality.json").write_text(json.dumps(cases) + "\n")
