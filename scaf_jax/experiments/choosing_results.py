"""The table that compares strategies: differences to random drawn in pairs, with intervals."""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import stats

from scaf_jax.experiments.choosing_run import Outcome
from scaf_jax.files import atomic
from scaf_jax.reporting import drawing, tables

Array = np.ndarray

RANDOM = "random"
CONFIDENCE = 0.95
_WORST_SHARE = 0.1


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far a strategy is from random, over draws that both have.

    Attributes:
      mean: Per cent of the normalizer; below 0, the strategy is better.
      half: Half the width of the interval; NaN for a single draw.
      draws: How many.
    """

    mean: float
    half: float
    draws: int

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves 0 out."""
        return abs(self.mean) > self.half

    def text(self) -> str:
        """Returns `mean [low, high]`, marked where the interval leaves 0 out."""
        if np.isnan(self.half):
            return f"{self.mean:+.2f} (1 draw)"
        mark = " *" if self.is_sure else ""
        return (
            f"{self.mean:+.2f} [{self.mean - self.half:+.2f}, {self.mean + self.half:+.2f}]{mark}"
        )


def difference(own: Mapping[int, float], random: Mapping[int, float]) -> Difference | None:
    """Returns the paired difference of two rows by draw, None where no draw has both.

    The interval is Student's, of 95 %, over the draws.
    """
    draws = sorted(own.keys() & random.keys())
    if not draws:
        return None
    values = np.array([own[draw] - random[draw] for draw in draws])
    half = np.nan
    if len(values) > 1:
        quantile = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)
        half = float(quantile * values.std(ddof=1) / np.sqrt(len(values)))
    return Difference(float(values.mean()), half, len(values))


def mean_error(errors: Array) -> float:
    """Returns the mean of the faces that have an error."""
    return float(np.nanmean(errors))


def worst_tenth(errors: Array) -> float:
    """Returns the mean over the tenth of the faces (rounded up) with the largest errors."""
    known = np.sort(errors[~np.isnan(errors)])
    return float(known[-max(1, int(np.ceil(_WORST_SHARE * len(known)))) :].mean())


_MEASURES: dict[str, Callable[[Array], float]] = {"NME": mean_error, "worst tenth": worst_tenth}


def write(folder: pathlib.Path, outcomes: Sequence[Outcome], planned: int) -> str:
    """Writes the table of what is done so far; returns it for a terminal.

    Args:
      folder: Gets `choosing.md`, `.csv`, `.json` and a picture of the curves for each test set.
      outcomes: Of the networks that were trained.
      planned: How many there will be.
    """
    sets = list(outcomes[0].errors)
    found = {name: _table(outcomes, name) for name in sets}
    note = (
        "NME in percent, mean ± standard deviation over draws (their number); `worst tenth`: mean "
        "over the tenth of the test faces with the largest errors. Differences to `random` are "
        "paired: the same first faces, weights and order; in brackets the 95 % interval (Student's "
        f"t over draws), * where it leaves 0 out. {len(outcomes)} of {planned} networks are done; "
        f"a training with its evaluation took {np.mean([x.seconds for x in outcomes]):.0f} s.\n"
    )
    parts = [f"## {name}\n\n{table.markdown()}" for name, table in found.items()]
    atomic.write_text(folder / "choosing.md", "# Choosing faces\n\n" + "\n".join([*parts, note]))
    atomic.write_text(folder / "choosing.csv", _csv(outcomes))
    atomic.write_json(folder / "choosing.json", [_facts(outcome) for outcome in outcomes])
    for name in sets:
        atomic.write_png(folder / f"curves_{name.replace(' ', '_')}.png", _curves(outcomes, name))
    return "\n".join([*(f"{name}\n{table.text()}" for name, table in found.items()), note])


def _table(outcomes: Sequence[Outcome], test: str) -> tables.Table:
    rows = []
    for labels in sorted({x.labels for x in outcomes}):
        for row in dict.fromkeys(x.row for x in outcomes):
            cells: list[str] = []
            for measure in _MEASURES.values():
                own, random = (
                    _by_draw(outcomes, name, labels, test, measure) for name in (row, RANDOM)
                )
                apart = difference(own, random) if row != RANDOM else None
                cells += [_mean(list(own.values())), apart.text() if apart else "-"]
            rows.append((row, str(labels), *cells))
    header = ("strategy", "labels")
    for name in _MEASURES:
        header += (f"{name} %", "difference to random")
    return tables.Table(header, tuple(rows))


def _by_draw(
    outcomes: Sequence[Outcome],
    row: str,
    labels: int,
    test: str,
    measure: Callable[[Array], float],
) -> dict[int, float]:
    chosen = [x for x in outcomes if (x.row, x.labels) == (row, labels)]
    return {x.draw: measure(x.errors[test]) for x in chosen}


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "-"
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread} ({len(values)})"


def _facts(outcome: Outcome) -> dict[str, object]:
    facts = dataclasses.asdict(outcome)
    facts["errors"] = {
        test: {name: measure(errors) for name, measure in _MEASURES.items()}
        for test, errors in outcome.errors.items()
    }
    return facts


def _csv(outcomes: Sequence[Outcome]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["strategy", "draw", "labels", "test_set", "nme_percent", "worst_tenth_percent"]
    )
    for x in outcomes:
        for test, errors in x.errors.items():
            numbers = [f"{measure(errors):.4f}" for measure in _MEASURES.values()]
            writer.writerow([x.row, x.draw, x.labels, test, *numbers])
    return text.getvalue()


def _curves(outcomes: Sequence[Outcome], test: str) -> drawing.Image:
    """NME and worst tenth against labels; bars are the standard error over draws."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.5), dpi=100, layout="constrained")
    axes = figure.subplots(1, len(_MEASURES))
    rows = list(dict.fromkeys(x.row for x in outcomes))
    for axis, (name, measure) in zip(axes, _MEASURES.items(), strict=True):
        for number, row in enumerate(rows):
            labels = sorted({x.labels for x in outcomes if x.row == row})
            values = [list(_by_draw(outcomes, row, n, test, measure).values()) for n in labels]
            means = [np.mean(v) for v in values]
            bars = [np.std(v, ddof=1) / np.sqrt(len(v)) if len(v) > 1 else 0 for v in values]
            places = np.array(labels) + 0.35 * (number - len(rows) / 2)  # bars side by side
            style = {"color": "black", "linewidth": 2.5} if row == RANDOM else {}
            axis.errorbar(places, means, bars, marker="o", capsize=2, label=row, **style)
        axis.set_xlabel("labeled faces")
        axis.set_ylabel(f"{name}, percent")
        axis.grid(color="0.92")
    axes[0].legend(fontsize=8)
    figure.suptitle(f"Choosing faces, {test}: mean and standard error over draws")
    return drawing.rendered(FigureCanvasAgg(figure))
