"""Pictures of a choice: the least sure faces, their heatmaps, where the chosen lie among all.

Source: SCAF, fig. 2 and 4.
"""

import numpy as np

from scaf_jax.active_learning import scoring
from scaf_jax.choosing import strategies
from scaf_jax.data import face_view, sources
from scaf_jax.files import atomic, strict_json
from scaf_jax.files.places import Place
from scaf_jax.inference import predictor
from scaf_jax.reporting import drawing

Array = np.ndarray

POINTS_FILE = "points.json"
_COUNT = 5
_LEGEND = (("predicted", drawing.BLUE),)


def write_landmarks(folder: Place, scores: scoring.PoolScores, places: Array) -> None:
    """Keeps the network's landmarks of the chosen faces, as pre-labels for a person."""
    points = {scores.keys[i]: scores.landmarks[i].round(3) for i in places}
    atomic.write_json(folder / POINTS_FILE, points)


def read_landmarks(folder: Place) -> dict[str, Array]:
    """Returns what `write_landmarks` kept, (L, 2) photo pixels by key; nothing where there is none.

    Raises:
      ValueError: The file is damaged.
    """
    path = folder / POINTS_FILE
    if not path.is_file():
        return {}
    try:
        content = strict_json.read_json(path)
        return {key: np.array(points, np.float64) for key, points in content.items()}
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path}: damaged; delete the round's folder to choose again") from error


def draw(
    pool: sources.Source,
    strategy: strategies.Strategy,
    scores: scoring.PoolScores,
    rest: Array,
    chosen: Array,
    looking: predictor.Predictor,
) -> dict[str, drawing.Image]:
    """Returns `highest_scores.png`, `heatmaps.png` and `scores.png`; all processes must call it.

    Args:
      pool: All faces.
      strategy: How faces were chosen; it has an uncertainty.
      scores: Of the whole pool.
      rest: Places of the faces that could be chosen.
      chosen: Places of those that were, the first choice first.
      looking: Gives heatmaps.
    """
    values = scores.uncertainty(strategy.uncertainty)
    assert values is not None
    # Equal scores in the order of their keys, as in the choice.
    by_key = np.array(sorted(rest, key=scores.keys.__getitem__), np.int64)
    ranked = by_key[np.argsort(-values[by_key], kind="stable")]
    kept = ranked[strategy.num_discarded(len(ranked)) :]
    drawer = _Drawer(looking, pool, scores, values)
    rows = {
        "highest scores": ranked[:_COUNT],
        f"without {strategy.discard_percent:g} %": kept[:_COUNT],
        "chosen": chosen[:_COUNT],
    }
    if not strategy.discard_percent:
        del rows["without 0 %"]
    return {
        "highest_scores.png": drawer.faces(rows, strategy),
        "heatmaps.png": drawer.heatmaps(ranked[::-1][:_COUNT], kept[:_COUNT]),
        "scores.png": _histogram(values[rest], values[chosen], strategy),
    }


class _Drawer:
    """Draws faces of a pool with a network's landmarks."""

    def __init__(
        self,
        looking: predictor.Predictor,
        pool: sources.Source,
        scores: scoring.PoolScores,
        values: Array,
    ) -> None:
        self._looking, self._pool = looking, pool
        self._scores, self._values = scores, values

    def faces(self, rows: dict[str, Array], strategy: strategies.Strategy) -> drawing.Image:
        cells = [[self._face(i)[1] for i in places] for places in rows.values()]
        captions = [[self._caption(i) for i in places] for places in rows.values()]
        title = f"The least sure faces by {strategy.uncertainty.upper()}"
        return drawing.compose(
            cells, title=title, legend=_LEGEND, row_labels=list(rows), captions=captions
        )

    def heatmaps(self, sure: Array, unsure: Array) -> drawing.Image:
        rows, captions = [], []
        for places in (sure, unsure):
            crops = [self._face(i) for i in places]
            maps, _ = self._looking.inspect(np.stack([image for image, _ in crops]))
            rows.append([cell for _, cell in crops])
            rows.append([drawing.color_heatmap(face_maps.max(axis=-1)) for face_maps in maps])
            captions += [None, [self._caption(i) for i in places]]
        return drawing.compose(
            rows,
            title="Heatmaps of sure and of unsure faces (black is 0, brightest is 1)",
            legend=_LEGEND,
            row_labels=["sure", "heatmaps", "unsure", "heatmaps"],
            captions=captions,
        )

    def _face(self, place: int) -> tuple[Array, drawing.Image]:
        """Returns a crop, and it enlarged with its landmarks."""
        view = face_view.face_view(self._pool[int(place)], self._looking.network.crop)
        image = view.cut()
        points = view.to_crop(self._scores.landmarks[place], "centers")
        cell = drawing.enlarge(image)
        drawing.draw_points(
            cell, points, None, drawing.BLUE, source_size=image.shape[0], radius=2.2
        )
        return image, cell

    def _caption(self, place: int) -> str:
        return f"score {self._values[place]:.4g}\n{self._scores.keys[place]}"


def _histogram(values: Array, chosen: Array, strategy: strategies.Strategy) -> drawing.Image:
    """Shows how the scores of all faces are spread, and where the chosen ones are."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.hist(values, bins=60, color="0.75", label=f"all {len(values)} faces of the pool")
    label = f"the {len(chosen)} chosen"
    for i, value in enumerate(chosen):
        axes.axvline(value, color="tab:red", linewidth=1, label=label if i == 0 else None)
    if strategy.discard_percent:
        # The highest score that is kept.
        limit = np.sort(values)[::-1][strategy.num_discarded(len(values))]
        left_out = f"above: the {strategy.discard_percent:g} % left out"
        axes.axvline(limit, color="0.2", linestyle="--", linewidth=1.2, label=left_out)
    axes.set_xlabel(f"{strategy.uncertainty.upper()} (higher: less sure)")
    axes.set_ylabel("faces")
    axes.set_title(f"Scores of the pool and the choice of {strategy.name}")
    axes.legend(fontsize=9)
    return drawing.rendered(FigureCanvasAgg(figure))
