"""Rules for `pretraining`: stage 1."""

from collections.abc import Iterator
from typing import Any

import ml_collections

from scaf_jax.data import folder_source, mixtures, photo_boxes
from scaf_jax.runs.config_rules import stages
from scaf_jax.runs.config_rules.rule import (
    FLAG,
    RATE,
    TEXT,
    Rule,
    is_finite,
    is_list,
    number,
    one_of,
    parsed,
    whole,
)

_START = whole(-1, text="the number of a step, or -1 for never")


def _is_box(x: Any) -> bool:
    if not (is_list(x) and len(x) == 4 and all(map(is_finite, x))):
        return False
    photo_boxes.checked_fractions(x, "the box")
    return True


FIELDS = stages.FIELDS | {
    "run": TEXT,
    "unlabeled_dir": TEXT,
    "unlabeled_box": Rule(
        "x0, y0, x1, y1 with x0 < x1 and y0 < y1, fractions of width and height", _is_box
    ),
    "unlabeled_boxes_csv": TEXT,
    "on_error": one_of(folder_source.ON_ERROR),
    "training_images": FLAG,
    "mixture": parsed("sets such as the300w:train=1,folder:/photos=2", mixtures.parse),
    "exclude": parsed("sets such as the300w:test_full", mixtures.parse),
    "exclude_file": TEXT,
    "learning_rate": number(0, above=True),
    "image_discriminator_rate": RATE,
    "embedding_start": _START,
    "image_start": _START,
    "structural_start": _START,
    "interpolation_start": _START,
    "interpolation_weight": RATE,
    "guide_weight": RATE,
    "dropout": FLAG,
}


def is_trained(config: ml_collections.ConfigDict) -> bool:
    """Returns whether a run trains a stage 1 of its own."""
    return config.alignment.initialization == "pretraining" and not config.pretraining.run


def problems(config: ml_collections.ConfigDict) -> Iterator[str]:
    """Yields what does not fit each other."""
    section = config.pretraining
    for field in ("exclude", "exclude_file"):
        if section[field] and not section.mixture:
            yield f"pretraining.{field} is of a mixture only: set pretraining.mixture as well"
    if not is_trained(config):
        return
    if section.steps < 1:
        yield (
            "pretraining.steps must be 1 or more, or pretraining.run the folder of a stage 1, or "
            "alignment.initialization=random"
        )
    yield from stages.problems_of_warmup("pretraining", section.warmup, section.steps)
