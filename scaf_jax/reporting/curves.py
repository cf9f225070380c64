"""Cumulative error curves: which fraction of the faces has at most which error."""

from collections.abc import Mapping, Sequence

import numpy as np

from scaf_jax.files.escaping import printable
from scaf_jax.landmarks.metrics import ced_curve
from scaf_jax.reporting.drawing import Array, Image, rendered
from scaf_jax.reporting.results import MEAN_SHAPE, SplitResults


def error_curves(
    splits: Sequence[SplitResults],
    per_face: Mapping[str, Mapping[str, Array]],
    *,
    divisor: str,
    thresholds: Sequence[float],
) -> Image:
    """Draws the cumulative error distribution of each test set and predictor.

    A test set has one color: its decoder is drawn solid, other decoders dotted, the mean shape
    dashed.

    Args:
      splits: The test sets.
      per_face: NME of each face, percent, by test set and predictor.
      divisor: What errors are divided by, in words; the axis names it.
      thresholds: Per cent; drawn as thin upright lines.

    Returns:
      (600, 1200, 3) uint8 RGB.
    """
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    limit = _limit(splits, per_face, thresholds)
    palette = colormaps["tab10"]
    for number, split in enumerate(splits):
        for name, nme in per_face[split.name].items():
            finite = nme[np.isfinite(nme)]
            if not finite.size:
                continue
            errors, fractions = ced_curve(nme, limit)
            main = name == split.decoder
            axes.plot(
                errors,
                fractions,
                drawstyle="steps-post",
                color=palette(number % palette.N),
                linestyle="-" if main else "--" if name == MEAN_SHAPE else ":",
                linewidth=2 if main else 1.3,
                # A name that starts with an underscore would be left out of the legend.
                label=f"{printable(split.name)}, {name}: NME {finite.mean():.2f} %".lstrip("_"),
            )
    for threshold in thresholds:
        axes.axvline(threshold, color="0.5", linewidth=0.8, zorder=1)
    axes.set_xlim(0, limit)
    axes.set_ylim(0, 1)
    axes.set_xlabel(f"NME of a face, percent of {printable(divisor)}", parse_math=False)
    axes.set_ylabel("fraction of faces with at most this NME")
    axes.set_title("Cumulative error distribution")
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        # Beside the axes: anywhere inside it would hide a curve.
        legend = figure.legend(handles, labels, loc="outside right upper", fontsize=9)
        for text in legend.get_texts():
            text.set_parse_math(False)
    return rendered(FigureCanvasAgg(figure))


def _limit(
    splits: Sequence[SplitResults],
    per_face: Mapping[str, Mapping[str, Array]],
    thresholds: Sequence[float],
) -> float:
    """Where the curves end: past the thresholds where errors are large, but not for outliers."""
    nme = [per_face[split.name][split.decoder] for split in splits]
    counting = [values[np.isfinite(values)] for values in nme]
    largest = [float(np.percentile(values, 95)) for values in counting if values.size]
    return max([*thresholds, *(min(error, 30.0) for error in largest)], default=10.0)
