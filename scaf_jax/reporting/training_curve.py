"""The loss of a training, step by step, beside what predictors have that do not look at images."""

from collections.abc import Mapping, Sequence
from typing import Any

from scaf_jax.reporting.drawing import Image, rendered

_STYLES = ("-", "--", ":", "-.")


def training_curve(
    lines: Sequence[Mapping[str, Any]], names: Mapping[str, str], *, title: str
) -> Image | None:
    """Draws numbers of a training against its steps, on a logarithmic axis.

    Args:
      lines: Of `metrics.jsonl`: dicts with `step` and the numbers, means since the line before.
      names: Which numbers to draw, and what to call them: at most four. Numbers that are missing,
        not finite or not positive are left out.
      title: Above the picture.

    Returns:
      (500, 1000, 3) uint8 RGB, or None where there is nothing to draw.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for (name, text), style in zip(names.items(), _STYLES, strict=False):
        points = [(line["step"], value) for line in lines if (value := _positive(line.get(name)))]
        if points:
            steps, values = zip(*points, strict=True)
            label = f"{text}: {values[-1]:.3g} in the end"
            # A marker, since a line of one point is not seen.
            axes.plot(steps, values, style, marker=".", markersize=3, label=label)
    if not axes.lines:
        return None
    axes.set_yscale("log")
    axes.set_xlabel("training step")
    axes.set_ylabel("mean since the point before")
    axes.set_title(title)
    axes.grid(which="both", color="0.92")
    axes.legend(fontsize=9)
    return rendered(FigureCanvasAgg(figure))


def _positive(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
