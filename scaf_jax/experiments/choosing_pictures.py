"""What each strategy chose first: a row of faces for each."""

from collections.abc import Sequence

from scaf_jax.data import face_view, geometry, sources
from scaf_jax.experiments.choosing_run import Outcome
from scaf_jax.reporting import drawing

_COUNT = 20
_CELL = 96


def first_choices(
    outcomes: Sequence[Outcome], pool: sources.Source, crop: geometry.CropSettings, skip: int
) -> drawing.Image:
    """Returns a picture of the first 20 faces that each row chose in the first draw.

    Args:
      outcomes: Networks; of a row's those with most labels count.
      pool: The faces.
      crop: How they are cut out.
      skip: How many faces were there before the first choice.
    """
    place = {key: i for i, key in enumerate(pool.keys)}
    first = min(x.draw for x in outcomes)
    rows = {}
    for outcome in sorted(outcomes, key=lambda x: x.labels):
        if outcome.draw == first:
            rows[outcome.row] = outcome.chosen[skip : skip + _COUNT]
    width = max(map(len, rows.values()))
    cells = [
        [drawing.enlarge(face_view.face_view(pool[place[key]], crop).cut(), _CELL) for key in keys]
        for keys in sorted(rows.values(), key=len, reverse=True)
    ]
    labels = sorted(rows, key=lambda row: len(rows[row]), reverse=True)
    title = f"The first {width} faces that each strategy chose after the same {skip}"
    return drawing.compose(cells, title=title, row_labels=labels)
