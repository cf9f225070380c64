"""Looks at whether a run's test sets can be evaluated, before anything is trained."""

import numpy as np
from absl import logging

from scaf_jax.data import sources
from scaf_jax.landmarks import normalizers
from scaf_jax.runs import detected_boxes
from scaf_jax.runs.run import Run


def check(run: Run) -> None:
    """Opens the test sets and looks at whether their faces can be evaluated.

    Raises:
      DataNotPreparedError: The data set is not prepared.
      DetectorMissingError: A detector that the config names is not installed.
      MissingSplitError: It has none of the test sets.
      ValueError: Landmarks do not fit the scheme, or a set's faces lack what errors are divided by.
    """
    detected_boxes.check(run.evaluation.boxes)
    for name, source in run.faces.tests().items():
        _check_set(run, f"test set '{name}'", source)


def _check_set(run: Run, place: str, source: sources.Source) -> None:
    scheme, normalizer = run.scheme, run.evaluation.normalizer
    fields = ("landmarks", "landmark_mask", "box_ground_truth", "key")
    rows = []
    for i in range(len(source)):
        record = source[i]  # which holds the photo: not all of them at once
        rows.append([record[field] for field in fields])
    if not any(np.any(mask) for _, mask, *_ in rows):
        raise ValueError(f"evaluation.splits: {place} has no face with landmarks; leave it out")
    truth, mask, boxes, keys = zip(*rows, strict=True)
    if len(truth[0]) != scheme.num_landmarks:
        raise ValueError(
            f"data.scheme: '{scheme.name}' has {scheme.num_landmarks} landmarks, but the faces of "
            f"{place} have {len(truth[0])} (data.landmarks_feature chooses among several)"
        )
    points, known, around = map(np.array, (truth, mask, boxes))
    try:
        distances = normalizers.normalizing_distances(
            points, scheme, normalizer, mask=known, boxes=around, keys=keys
        )
    except ValueError as error:
        raise ValueError(f"evaluation.normalizer, {place}: {error}") from error
    without = np.flatnonzero(np.isnan(distances))
    if without.size:
        logging.warning(
            "%s: %d of %d faces count in no figure, since what errors are divided by (%s) is not "
            "known or 0; the first: %s",
            place,
            without.size,
            len(distances),
            normalizer,
            keys[without[0]],
        )
