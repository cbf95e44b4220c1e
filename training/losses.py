"""Owns what stages minimise and what `evaluate.py` prints about pictures: gradients, SSIM, PSNR, overlap of masks.

Pictures are float (N, C, height, width). Never draws random numbers.
"""

import torch
import torch.nn.functional as F


def gradient_l1(a, b, scales=3):
    """Mean absolute difference of horizontal and vertical differences, summed over halved sizes."""
    loss = 0.0
    for _ in range(scales):
        loss = loss + (a.diff(dim=-1) - b.diff(dim=-1)).abs().mean() + (a.diff(dim=-2) - b.diff(dim=-2)).abs().mean()
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return loss


def ssim(a, b, span=2.0):
    """Mean structural similarity with the usual Gaussian window (11 px, sigma 1.5); `span` is the range of values."""
    line = torch.exp(-((torch.arange(11, device=a.device) - 5.0) ** 2) / 4.5)
    line = (line / line.sum()).to(a.dtype)
    channels = a.shape[1]
    across = line.view(1, 1, 1, 11).expand(channels, 1, 1, 11)
    down = line.view(1, 1, 11, 1).expand(channels, 1, 11, 1)

    def blur(x):
        return F.conv2d(F.conv2d(x, across, groups=channels), down, groups=channels)

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    both = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return (top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean((1, 2, 3))


def psnr(a, b, span=2.0):
    """Decibels a picture."""
    return -10 * torch.log10(((a - b) ** 2).mean((1, 2, 3)).clamp(min=1e-12) / span**2)


def latent_shape(latents):
    """How far latents are from what diffusion likes: mean 0, variance 1 and no correlation between channels; 0 is there."""
    flat = latents.transpose(0, 1).flatten(1)
    mean = flat.mean(1)
    centred = flat - mean[:, None]
    covariance = centred @ centred.T / flat.shape[1]
    return (mean**2).mean() + ((covariance - torch.eye(len(covariance), device=covariance.device)) ** 2).mean()


def dice_loss(logits, truth):
    """1 − overlap, kind by kind over the batch: keeps thin damage from drowning in undamaged pixels."""
    guess = logits.sigmoid()
    over = (0, 2, 3)
    return (1 - (2 * (guess * truth).sum(over) + 1) / (guess.sum(over) + truth.sum(over) + 1)).mean()


def overlap(logits, truth, threshold=0.5):
    """Intersection over union of each kind over the batch; NaN where a kind is neither there nor guessed."""
    guess, truth = logits.sigmoid() > threshold, truth > 0.5
    both, either = (guess & truth).sum((0, 2, 3)), (guess | truth).sum((0, 2, 3))
    return both / either
