"""A table of trials: mean and standard deviation over seeds, as Markdown, csv, JSON and a plot."""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from scaf_jax.experiments.trials import Trial
from scaf_jax.files import atomic
from scaf_jax.reporting import drawing, tables

Errors = Mapping[str, float]  # NME, percent, by test set


@dataclasses.dataclass(frozen=True)
class Result:
    """What a trial gave.

    Attributes:
      trial: The trial.
      nme: Of the last training, by test set, percent.
      curve: For active learning, NME by number of labels, in the rounds that were trained.
      seconds: How long the steps of stage 2 took; None where it was trained in rounds.
    """

    trial: Trial
    nme: Errors
    curve: Mapping[int, Errors]
    seconds: float | None = None


def write(folder: pathlib.Path, name: str, results: Sequence[Result], planned: int) -> str:
    """Writes the table of what is done so far; returns it for a terminal.

    Args:
      folder: Gets `NAME.md`, `NAME.csv`, `NAME.json` and `NAME.png`.
      name: Of the table.
      results: Of the trials that are done.
      planned: How many trials there are.
    """
    sets = list(dict.fromkeys(split for result in results for split in result.nme))
    table = _table(results, sets)
    note = (
        f"NME in percent, mean ± standard deviation (n - 1) over seeds, (number of seeds). "
        f"{len(results)} of {planned} trainings are done.\n{_seconds(results)}"
    )
    atomic.write_text(folder / f"{name}.md", f"# {name}\n\n{table.markdown()}\n{note}")
    atomic.write_text(folder / f"{name}.csv", _csv(results))
    atomic.write_json(folder / f"{name}.json", [dataclasses.asdict(result) for result in results])
    if sets:
        atomic.write_png(folder / f"{name}.png", _plot(name, results, sets[-1]))
    return f"{table.text()}\n{note}"


def _seconds(results: Sequence[Result]) -> str:
    """Says how long trainings took: a machine's own figure, which other work on it makes longer."""
    by_kind: dict[str, list[float]] = {}
    for result in results:
        if result.seconds is not None:
            kind = f"{result.trial.row}, {result.trial.column} labels"
            by_kind.setdefault(kind, []).append(result.seconds)
    if not by_kind:
        return ""
    listed = "; ".join(f"{kind}: {np.mean(times):.0f} s" for kind, times in by_kind.items())
    return f"A training's steps took, without compiling and the report: {listed}.\n"


def _table(results: Sequence[Result], sets: Sequence[str]) -> tables.Table:
    rows = list(dict.fromkeys(result.trial.row for result in results))
    columns = list(dict.fromkeys(result.trial.column for result in results))
    header = ("", *(f"{column} labels: {split}" for column in columns for split in sets))
    return tables.Table(
        header,
        tuple(
            (row, *(_cell(results, row, column, split) for column in columns for split in sets))
            for row in rows
        ),
    )


def _cell(results: Sequence[Result], row: str, column: str, split: str) -> str:
    found = [r.nme[split] for r in results if (r.trial.row, r.trial.column) == (row, column)]
    return _mean_and_deviation(found)


def _mean_and_deviation(values: Sequence[float]) -> str:
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.2f} (1)"
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f} ({len(values)})"


def _csv(results: Sequence[Result]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "column", "model", "seed", "labels", "test_set", "nme_percent"])
    for result in results:
        trial = result.trial
        steps = result.curve or {trial.column: result.nme}
        for labels, errors in steps.items():
            for split, nme in errors.items():
                start = [trial.row, trial.column, trial.model, trial.seed]
                writer.writerow([*start, labels, split, f"{nme:.4f}"])
    return text.getvalue()


def _plot(name: str, results: Sequence[Result], split: str) -> drawing.Image:
    """NME against number of labels; the band is one standard deviation over the seeds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for row in dict.fromkeys(result.trial.row for result in results):
        points = _points([r for r in results if r.trial.row == row], split)
        labels = sorted(points)
        means = np.array([np.mean(points[x]) for x in labels])
        spread = np.array([np.std(points[x], ddof=1) if len(points[x]) > 1 else 0 for x in labels])
        places = range(len(labels)) if isinstance(labels[0], str) else labels
        (line,) = axes.plot(places, means, marker="o", label=row)
        axes.fill_between(
            places, means - spread, means + spread, color=line.get_color(), alpha=0.15
        )
        if isinstance(labels[0], str):
            axes.set_xticks(list(places), [str(label) for label in labels])
    axes.set_xlabel("labeled faces")
    axes.set_ylabel(f"NME on {split}, percent")
    axes.set_title(f"{name}: mean and standard deviation over seeds")
    axes.grid(color="0.92")
    axes.legend(fontsize=9)
    return drawing.rendered(FigureCanvasAgg(figure))


def _points(results: Sequence[Result], split: str) -> dict[int | str, list[float]]:
    """NME of all seeds by number of labels; a number's last training counts."""
    points: dict[tuple[int | str, int], float] = {}
    for result in results:
        column = result.trial.column
        own: dict[int | str, Errors] = {int(column) if column.isdigit() else column: result.nme}
        for labels, errors in {**result.curve, **own}.items():
            points[labels, result.trial.seed] = errors[split]
    by_labels: dict[int | str, list[float]] = {}
    for (labels, _), nme in points.items():
        by_labels.setdefault(labels, []).append(nme)
    return by_labels
