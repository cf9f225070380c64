"""Boxes of face detectors in a run: fitted on its labeled faces, looked for in its test faces."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
from absl import logging

from scaf_jax.data import geometry, sources
from scaf_jax.data.box_corrections import BoxCorrection
from scaf_jax.detection import detectors
from scaf_jax.files.places import Place
from scaf_jax.inference import bundle, fitted_file, fitting, predictor
from scaf_jax.landmarks import schemes
from scaf_jax.reporting import results
from scaf_jax.weights import fitted

Array = npt.NDArray[Any]

# A correction of four numbers needs no more, and each takes a tenth of a second.
_MOST_FACES = 200


def check(boxes: Sequence[str]) -> None:
    """Loads the detectors among a config's boxes, before a training.

    Raises:
      detectors.DetectorMissingError: One's package is not installed.
    """
    for name in _detectors(boxes):
        detectors.load(name)


def with_fits(
    network: bundle.Bundle,
    labeled: sources.Source,
    boxes: Sequence[str],
    folder: Place | None,
) -> bundle.Bundle:
    """Returns a network that knows the boxes of detectors, fitted on faces that it learned from.

    Args:
      network: The network.
      labeled: The faces that it was trained on.
      boxes: Those of the config. The default detector is fitted as well, where it is installed and
        fits are kept: for `scaf_jax.predict`.
      folder: Of the run or its stage 2, where fits are kept; those of the same network that are
        there are not made again. None keeps none.
    """
    steps = int(network.provenance.get("steps", 0))
    known = network.fitted or (fitted_file.read(folder, steps) if folder else fitted.Fitted())
    wanted = _detectors(boxes)
    if folder and detectors.DEFAULT not in wanted and _is_installed():
        wanted.append(detectors.DEFAULT)
    missing = [name for name in wanted if name not in known.boxes]
    if missing:
        known = dataclasses.replace(known, boxes={**known.boxes, **_fits(labeled, missing)})
        if folder and known and jax.process_index() == 0:
            fitted_file.write(folder, steps, known)
    return dataclasses.replace(network, fitted=known)


def predict(
    looking: predictor.Predictor, source: sources.Source, box: str
) -> tuple[predictor.Predictions, Array | None]:
    """Predicts the landmarks of a test set in boxes of a kind.

    Args:
      looking: A network, with what was fitted to it; a detector's boxes without a fit are used as
        they are.
      source: The N faces.
      box: One of `config_rules.evaluation.BOXES`.

    Returns:
      The predictions; and (N,) bool, which faces the detector found, None where none had to. The
      others are looked at in their true boxes.
    """
    if box not in detectors.NAMES:
        kind: geometry.BoxKind = "detector" if box == "detector" else "ground_truth"
        return looking.predict(source, box=kind), None
    found = fitting.find(source, detectors.load(box))
    correction = looking.network.fitted.boxes.get(box)
    boxes = found.boxes if correction is None else correction.apply(found.boxes)
    detected = fitting.DetectedSource(source, boxes)
    return looking.predict(detected, box="detector"), found.there


def compared(
    splits: Sequence[results.SplitResults], scheme: schemes.LandmarkScheme, normalizer: str
) -> dict[str, str]:
    """Returns, for a report, how much worse landmarks are in boxes that a detector found.

    Args:
      splits: The test sets, in the boxes of the training and in others; the latter are called as
        the former, with more behind.
      scheme: What the landmarks mean.
      normalizer: What errors are divided by.
    """
    told = {}
    for split in splits:
        if split.found is None:
            continue
        named = (s for s in splits if s.found is None and split.name.startswith(f"{s.name} ("))
        own = next(named, None)
        count = f"found {int(np.sum(split.found))} of {len(split.found)} faces"
        if own is None:
            told[split.name] = count
            continue
        here, there = (s.nme(scheme, normalizer)[s.decoder] for s in (split, own))
        both = np.isfinite(here) & np.isfinite(there)
        if both.any():
            a, b = here[both].mean(), there[both].mean()
            count += f"; NME of those {a:.2f} %, in {own.name}'s boxes {b:.2f} % ({a / b - 1:+.1%})"
        told[split.name] = count
    return told


def _detectors(boxes: Sequence[str]) -> list[str]:
    return [box for box in boxes if box in detectors.NAMES]


def _is_installed() -> bool:
    try:
        detectors.load(detectors.DEFAULT)
    except detectors.DetectorMissingError:
        return False
    return True


def _fits(labeled: sources.Source, names: Sequence[str]) -> dict[str, BoxCorrection]:
    faces = sources.SubsetSource(labeled, range(min(len(labeled), _MOST_FACES)))
    fits = {}
    for name in names:
        found = fitting.find(faces, detectors.load(name))
        try:
            fits[name] = found.correction()
        except ValueError as error:
            count = int(found.there.sum())
            logging.warning(
                "the boxes of '%s', which found %d of %d labeled faces, are used as they are: %s",
                *(name, count, len(faces), error),
            )
    try:
        fits[fitted.LANDMARKS] = fitting.about_landmarks(faces)
    except ValueError as error:
        logging.info("no boxes about landmarks, for second looks: %s", error)
    return fits
