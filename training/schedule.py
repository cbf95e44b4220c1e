"""Owns the noise schedule: scaled-linear betas stretched to zero terminal signal, v-prediction, DDIM steps, loss weights.

Called by `train_unet.py`, `distill.py`, `evaluate.py` and `export.py`. The same numbers as diffusers' DDIMScheduler with
`CONFIG`; the unit tests compare the two. Never draws random numbers.
"""

import torch

STEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012
# What `export.py` writes and diffusers and Inlay read.
CONFIG = {
    "_class_name": "DDIMScheduler", "num_train_timesteps": STEPS, "beta_schedule": "scaled_linear", "beta_start": BETA_START,
    "beta_end": BETA_END, "prediction_type": "v_prediction", "clip_sample": False, "set_alpha_to_one": True, "steps_offset": 1,
    "timestep_spacing": "trailing", "rescale_betas_zero_snr": True, "thresholding": False,
}


class Schedule:
    """Signal (`alpha`) and noise (`sigma`) of each timestep, f32 on a device; alpha² + sigma² = 1."""

    def __init__(self, device):
        betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, STEPS, dtype=torch.float64) ** 2
        root = (1 - betas).cumprod(0).sqrt()
        # Lin et al. 2023, algorithm 1: shift so that the last signal is 0, scale so that the first stays.
        root = (root - root[-1]) * root[0] / (root[0] - root[-1])
        self.alpha = root.float().to(device)
        self.sigma = (1 - root**2).clamp(min=0).sqrt().float().to(device)

    def at(self, timestep):
        """(alpha, sigma) of a batch of timesteps, shaped to multiply latents; -1 stands for the clean picture."""
        clean = timestep < 0
        index = timestep.clamp(min=0)
        alpha = torch.where(clean, torch.ones_like(self.alpha[index]), self.alpha[index])
        sigma = torch.where(clean, torch.zeros_like(self.sigma[index]), self.sigma[index])
        return alpha[:, None, None, None], sigma[:, None, None, None]

    def noisy(self, latents, noise, timestep):
        alpha, sigma = self.at(timestep)
        return alpha * latents + sigma * noise

    def velocity(self, latents, noise, timestep):
        """The network's target: alpha · noise − sigma · latents (Salimans and Ho 2022)."""
        alpha, sigma = self.at(timestep)
        return alpha * noise - sigma * latents

    def clean(self, noisy, velocity, timestep):
        alpha, sigma = self.at(timestep)
        return alpha * noisy - sigma * velocity

    def ddim(self, noisy, velocity, timestep, target):
        """One deterministic step (eta 0) from `timestep` to `target`, either may differ within the batch."""
        alpha, sigma = self.at(timestep)
        clean, noise = alpha * noisy - sigma * velocity, sigma * noisy + alpha * velocity
        alpha_to, sigma_to = self.at(target)
        return alpha_to * clean + sigma_to * noise

    def velocity_between(self, noisy, landed, timestep, target):
        """The velocity with which `ddim` from `noisy` lands on `landed`: what a student of fewer steps has to predict."""
        alpha, sigma = self.at(timestep)
        alpha_to, sigma_to = self.at(target)
        # landed = a·noisy + b·velocity, from the two lines of `ddim`.
        a = alpha_to * alpha + sigma_to * sigma
        b = sigma_to * alpha - alpha_to * sigma
        return (landed - a * noisy) / b

    def weight(self, timestep, kind, gamma=5.0):
        """Loss weights for v-prediction: `v` is 1 everywhere; `min-snr` is min(snr, gamma) / (snr + 1) with a floor of 0.1,
        since zero terminal signal would leave the last timesteps, where sampling starts, untrained."""
        if kind == "v":
            return torch.ones_like(self.alpha[timestep])
        snr = self.alpha[timestep] ** 2 / self.sigma[timestep] ** 2
        weight = (snr.clamp(max=gamma) / (snr + 1)).clamp(min=0.1)
        return weight / 0.35  # about 1 in the mean over timesteps


def trailing(count, device="cpu"):
    """The timesteps of a run of `count` steps, largest first, as diffusers spaces them."""
    steps = torch.arange(STEPS, 0, -STEPS / count, dtype=torch.float64).round() - 1
    return steps[:count].long().to(device)
