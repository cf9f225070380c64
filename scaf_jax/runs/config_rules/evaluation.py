"""Rules for `evaluation`."""

from collections.abc import Iterator

import ml_collections

from scaf_jax.data import geometry
from scaf_jax.detection import detectors
from scaf_jax.landmarks import heatmaps, normalizers
from scaf_jax.runs.config_rules.rule import (
    COUNT,
    FLAG,
    TEXT,
    is_finite,
    is_name,
    one_of,
    several,
)

# Boxes that the data have, and those of detectors.
BOXES = (*geometry.BOX_KINDS, *detectors.NAMES)

FIELDS = {
    "splits": several("names", is_name, least=0),
    "full": TEXT,
    "boxes": several(f"boxes, of {', '.join(BOXES)}", BOXES.__contains__),
    "decoder": one_of(heatmaps.DECODERS),
    "flip": FLAG,
    "normalizer": one_of(normalizers.NORMALIZERS),
    "thresholds": several("percentages above 0", lambda x: is_finite(x) and x > 0),
    "batch_size": COUNT,
    "num_pictures": COUNT,
}


def problems(config: ml_collections.ConfigDict) -> Iterator[str]:
    """Yields what does not fit each other."""
    section = config.evaluation
    trains = config.alignment.steps and not config.active_learning.strategy
    if trains and not section.splits:
        yield "evaluation.splits must name at least one test set"
    if section.full in section.splits:
        yield f"evaluation.full='{section.full}' must differ from the names in evaluation.splits"
