"""The error against the number of labels, with its band, and whether further labels will help.

Where a test set is labeled, it judges each round's network. Where none is, the faces of the next
round do: their labels were not known when the network of the round before looked at them.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from scaf_jax.active_learning import pictures
from scaf_jax.data import sources
from scaf_jax.files import csv_tables
from scaf_jax.files.escaping import printable
from scaf_jax.files.places import Place
from scaf_jax.landmarks import metrics, schemes
from scaf_jax.reporting import drawing

Array = np.ndarray

NEW_FACES = "new faces, before they were learned"
CONFIDENCE = 0.95
# A doubling of the labels that surely lowers the error by less than this share is not worth much.
LITTLE = 0.05
_RESAMPLES = 2000


@dataclasses.dataclass(frozen=True)
class Point:
    """What one network does.

    Attributes:
      labels: How many faces it was trained on.
      errors: NME of each face, percent, by key; faces without one are left out.
    """

    labels: int
    errors: Mapping[str, float]

    @property
    def mean(self) -> float:
        """The mean NME, percent."""
        return float(np.mean(list(self.errors.values())))

    def band(self) -> tuple[float, float]:
        """Returns the 95 % interval of the mean, over draws of test faces (bootstrap)."""
        return _interval(np.array(list(self.errors.values())))


@dataclasses.dataclass(frozen=True)
class Curve:
    """The networks of a run, judged by the same kind of faces.

    Attributes:
      name: Of the faces.
      points: One for each network, by rising number of labels.
      same_faces: Whether all points are of the same faces, so that they can be compared in pairs.
    """

    name: str
    points: tuple[Point, ...]
    same_faces: bool = True


def test_curves(folders: Mapping[int, Place]) -> list[Curve]:
    """Returns a curve for each test set of the rounds' reports.

    Args:
      folders: Of the rounds that were evaluated, by their number of labels.

    Raises:
      csv_tables.TableError: A report's `per_face.csv` is damaged.
    """
    found: dict[str, list[Point]] = {}
    for count, folder in sorted(folders.items()):
        path = folder / "report" / "per_face.csv"
        if not path.is_file():
            continue
        errors: dict[str, dict[str, float]] = {}
        for place, row in csv_tables.read_table(path, ("split", "key", "nme")):
            if row["nme"]:
                value = csv_tables.number(row, "nme", place)
                errors.setdefault(row["split"], {})[row["key"]] = value
        for name, values in errors.items():
            found.setdefault(name, []).append(Point(count, values))
    return [Curve(name, tuple(points)) for name, points in found.items()]


def new_faces(
    folder: Place, learned: sources.Source, scheme: schemes.LandmarkScheme, normalizer: str
) -> dict[str, float]:
    """Returns how far the network of the round before was off on a round's faces.

    Args:
      folder: Of the round; it keeps what that network said of its faces.
      learned: The round's faces, with their labels.
      scheme: What the landmarks mean.
      normalizer: What errors are divided by.

    Returns:
      NME by key, percent; without faces that were not looked at or lack what errors are divided
      by.
    """
    predicted = pictures.read_landmarks(folder)
    records = [learned[i] for i, key in enumerate(learned.keys) if key in predicted]
    keys = [key for key in learned.keys if key in predicted]
    if not keys:
        return {}
    errors = metrics.nme(
        np.stack([predicted[key] for key in keys]),
        np.stack([record["landmarks"] for record in records]),
        scheme,
        normalizer,
        mask=np.stack([record["landmark_mask"] for record in records]),
        boxes=np.stack([record["box_ground_truth"] for record in records]),
        keys=keys,
    )
    return {key: float(nme) for key, nme in zip(keys, errors, strict=True) if np.isfinite(nme)}


def judgement(curve: Curve) -> str:
    """Returns, in a sentence, what the last labels brought and whether more will change much.

    The last network is compared with the last one that had at most half of its labels. Seeds are
    not repeated within a run, so that the interval knows of the faces' differences alone.
    """
    last = curve.points[-1]
    earlier = [point for point in curve.points if 2 * point.labels <= last.labels]
    if not earlier:
        return (
            f"{printable(curve.name)}: too few rounds to say whether further labels will help; "
            "wait until the labels have doubled."
        )
    low, gain, high = _gain(earlier[-1], last, paired=curve.same_faces)
    what = (
        f"{printable(curve.name)}: from {earlier[-1].labels} to {last.labels} labels the error "
        f"changed by {-gain:+.0%} (95 % interval {-high:+.0%} to {-low:+.0%})"
    )
    if high < LITTLE:
        return f"{what}: further labels will change little."
    if low > 0:
        return f"{what}: further labels are likely to help."
    return f"{what}: these faces cannot tell whether further labels will help."


def _gain(before: Point, after: Point, *, paired: bool) -> tuple[float, float, float]:
    """The fall of the error as a share of `before`: low, mean, high."""
    rng = np.random.default_rng(0)
    if paired:
        keys = sorted(before.errors.keys() & after.errors.keys())
        old = np.array([before.errors[key] for key in keys])
        new = np.array([after.errors[key] for key in keys])
        drawn = rng.integers(0, len(keys), (_RESAMPLES, len(keys)))
        falls = 1 - new[drawn].mean(axis=1) / old[drawn].mean(axis=1)
    else:
        old, new = (np.array(list(point.errors.values())) for point in (before, after))
        olds = old[rng.integers(0, len(old), (_RESAMPLES, len(old)))].mean(axis=1)
        news = new[rng.integers(0, len(new), (_RESAMPLES, len(new)))].mean(axis=1)
        falls = 1 - news / olds
    low, high = np.quantile(falls, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(1 - new.mean() / old.mean()), float(high)


def _interval(values: Array) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (_RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def draw(curves: Sequence[Curve]) -> drawing.Image:
    """Draws the curves with their bands, (500, 800, 3) uint8 RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for curve in curves:
        labels = [point.labels for point in curve.points]
        bands = [point.band() for point in curve.points]
        name = printable(curve.name).lstrip("_")
        line = axes.plot(labels, [point.mean for point in curve.points], marker="o", label=name)[0]
        axes.fill_between(
            labels,
            [low for low, _ in bands],
            [high for _, high in bands],
            color=line.get_color(),
            alpha=0.15,
            linewidth=0,
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("labeled faces")
    axes.set_ylabel("NME, percent")
    axes.set_title("Error against labels; bands: 95 % over draws of faces")
    axes.grid(color="0.92")
    for text in axes.legend().get_texts():
        text.set_parse_math(False)
    return drawing.rendered(FigureCanvasAgg(figure))
