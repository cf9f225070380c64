"""Reliability: whether confidences come true."""

import numpy as np
import numpy.typing as npt

from scaf_jax.files.escaping import printable
from scaf_jax.landmarks import confidence
from scaf_jax.reporting.drawing import Array, Image, rendered

_BINS = 10


def reliability(confidences: Array, right: Array, *, title: str, right_means: str) -> Image:
    """Draws confidences against the share of landmarks that were right, and how many there are.

    Args:
      confidences: (M,), 0 to 1.
      right: (M,) bool.
      title: Above the picture.
      right_means: When a landmark is right, in words.

    Returns:
      (700, 700, 3) uint8 RGB.

    Raises:
      ValueError: There is no landmark.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    confidences = np.asarray(confidences, np.float64)
    if not confidences.size:
        raise ValueError("a picture of reliability needs landmarks; there are none")
    rows = confidence.groups(confidences, right, _BINS)
    said, true, shares = (np.array(column) for column in zip(*rows, strict=True))
    figure = Figure(figsize=(7, 7), dpi=100, layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="if all came true")
    axes.plot(said, true, color="tab:blue", marker="o", label="landmarks, in tenths of confidence")
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("share that is right")
    error = confidence.expected_error(confidences, right, _BINS)
    lines = (title, f"right: {right_means}", f"expected calibration error {error:.3f}")
    axes.set_title("\n".join(map(printable, lines)), fontsize=11, parse_math=False)
    axes.legend(loc="lower right")
    counts = np.rint(shares * confidences.size).astype(int)
    below.bar(_middles(confidences), counts, width=0.9 / _BINS, color="tab:blue")
    for middle, count in zip(_middles(confidences), counts, strict=True):
        below.annotate(f"{count}", (middle, count), ha="center", va="bottom", fontsize=8)
    below.set_xlim(0, 1.02)
    # From 1 on: most landmarks are sure, and the others must be seen as well.
    below.set_yscale("log")
    below.set_ylim(0.7, 5 * counts.max())
    below.set_xlabel("confidence")
    below.set_ylabel("landmarks")
    for plot in (axes, below):
        plot.grid(color="0.92")
        plot.set_axisbelow(True)
    return rendered(FigureCanvasAgg(figure))


def _middles(confidences: Array) -> npt.NDArray[np.float64]:
    """Of the groups that are there, as `confidence.groups` makes them."""
    numbers = np.minimum((confidences * _BINS).astype(int), _BINS - 1)
    return (np.unique(numbers) + 0.5) / _BINS
