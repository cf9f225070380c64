"""Losses and the heatmap codec in PyTorch, for comparison only; loading it needs PyTorch.

They compute what `losses` and `landmarks/heatmaps` do, on images (B, 3, S, S) and heatmaps
(B, L, H, H).
"""

import torch  # pyright: ignore[reportMissingImports]
import torch.nn.functional as F  # pyright: ignore[reportMissingImports]
from torch import Tensor  # pyright: ignore[reportMissingImports]

from scaf_jax.landmarks import heatmaps
from scaf_jax.training import losses, preprocessing

_WINDOW_SIZE, _WINDOW_SIGMA = 31, 1.5
_CONTRAST_CONSTANT = 0.03


def normalize(images: Tensor) -> Tensor:
    """Maps bytes (B, S, S, 3) to (B, 3, S, S) in [0, 1] minus the mean, channels_last."""
    mean = torch.tensor(preprocessing.IMAGE_MEAN, device=images.device)
    return (images / 255.0 - mean).permute(0, 3, 1, 2)


def reconstruction(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Returns 255 * mean |X - R|."""
    return losses.RECONSTRUCTION_WEIGHT * F.l1_loss(reconstructions, images)


def gaussian_window(channels: int) -> Tensor:
    """Returns the structural loss's window along one axis, (C, 1, 31, 1)."""
    offsets = torch.arange(_WINDOW_SIZE) - _WINDOW_SIZE // 2
    window = torch.exp(-(offsets**2) / (2 * _WINDOW_SIGMA**2))
    return (window / window.sum()).reshape(1, 1, -1, 1).repeat(channels, 1, 1, 1)


def structural(images: Tensor, reconstructions: Tensor, window: Tensor) -> Tensor:
    """Returns the mean over images of 1 - cs; `window` is from `gaussian_window`."""

    def local_mean(x: Tensor) -> Tensor:
        x = F.conv2d(x, window, groups=x.shape[1])
        return F.conv2d(x, window.transpose(2, 3), groups=x.shape[1])

    low = images.amin(dim=(1, 2, 3), keepdim=True) < -0.5
    c2 = (_CONTRAST_CONSTANT * torch.where(low, 2.0, 1.0)) ** 2
    mean_x, mean_r = local_mean(images), local_mean(reconstructions)
    variances = local_mean(images**2 + reconstructions**2) - mean_x**2 - mean_r**2
    covariance = local_mean(images * reconstructions) - mean_x * mean_r
    return 1.0 - ((2.0 * covariance + c2) / (variances + c2)).mean()


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Returns -mean(log D(real) + log(1 - D(fake)))."""
    epsilon = losses.LOG_EPSILON
    return -(torch.log(real + epsilon) + torch.log(1.0 - fake + epsilon)).mean()


def adversary(fake: Tensor) -> Tensor:
    """Returns -mean log D(fake)."""
    return -torch.log(fake + losses.LOG_EPSILON).mean()


def heatmap(predicted: Tensor, target: Tensor, present: Tensor) -> Tensor:
    """Returns 300 * mean squared error over the maps of present landmarks; `present` is (B, L)."""
    squared = ((predicted - target) ** 2).sum((2, 3))
    count = present.sum().clamp(min=1) * target.shape[2] * target.shape[3]
    return losses.HEATMAP_WEIGHT * (squared * present).sum() / count


def encode(landmarks: Tensor, codec: heatmaps.HeatmapCodec) -> Tensor:
    """Returns the target heatmaps of landmarks (B, L, 2) in crop pixels, without rounding."""
    size, sigma = codec.heatmap_size, codec.sigma * codec.heatmap_size / 128
    centers = (landmarks + 0.5) * (size / codec.input_size) - 0.5
    offsets = (
        torch.arange(size, device=landmarks.device)[:, None, None] - centers[:, None]
    )  # (B, H, L, 2)
    profile = torch.exp(-0.5 * (offsets / sigma) ** 2)
    profile = profile * (offsets.abs() <= codec.support * sigma)
    columns, rows = profile.unbind(-1)
    # Landmarks last in memory, as the predicted heatmaps are.
    return (rows[:, :, None] * columns[:, None]).permute(0, 3, 1, 2)


def decode(predicted: Tensor, codec: heatmaps.HeatmapCodec) -> Tensor:
    """Returns the landmarks (B, L, 2) in crop pixels at the maxima of the blurred heatmaps."""
    size = codec.heatmap_size
    blurred = F.avg_pool2d(predicted, codec.blur_size, stride=1, padding=codec.blur_size // 2)
    peaks = blurred.flatten(2).argmax(2)
    points = torch.stack([peaks % size, peaks // size], -1)
    return (points + 0.5) * (codec.input_size / size) - 0.5
