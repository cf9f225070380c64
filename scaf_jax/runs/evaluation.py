"""Evaluation of an aligner: predictions for whole test sets, a report with pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging

from scaf_jax.data import face_view, geometry, images, sources
from scaf_jax.files.places import Place
from scaf_jax.inference import bundle, fitted_file, predictor
from scaf_jax.landmarks import metrics
from scaf_jax.reporting import report, results, training_curve
from scaf_jax.runs import detected_boxes, evaluation_pictures
from scaf_jax.runs.run import Run
from scaf_jax.training import blindness, metric_files, pace

Array = np.ndarray

_SCALARS = metric_files.SCALARS_FILE
_LOSSES = {
    blindness.LOSS: "training",
    blindness.CONSTANT: "the same maps for every face",
    blindness.EMPTY: "empty maps",
}
_DECODER_NAMES = {"argmax": "arg-max", "subpixel": "sub-pixel"}


def mean_shape(crop: geometry.CropSettings, source: sources.Source) -> Array:
    """Returns the mean shape (L, 2) of labeled faces, in crop pixels."""
    points, masks = [], []
    for i in range(len(source)):
        record = source[i]
        points.append(face_view.face_view(record, crop).to_crop(record["landmarks"]))
        masks.append(record["landmark_mask"])
    return metrics.mean_shape(np.stack(points), np.stack(masks))


def evaluate(
    run: Run,
    network: bundle.Bundle,
    folder: Place,
    *,
    labeled: sources.Source | None = None,
    rebuilder: bundle.Bundle | None = None,
    training: Place | None = None,
) -> report.Report:
    """Evaluates a network on the run's test sets and writes the report.

    Args:
      run: The run.
      network: The network; its provenance names `steps` and `stage1`.
      folder: Gets the report, the numbers and the pictures.
      labeled: The faces that it was trained on; by default those that the config names.
      rebuilder: See `predictor.Predictor`.
      training: Folder of the training's metrics, whose loss the report then shows.
    """
    labeled, settings = labeled or run.faces.training(), run.evaluation
    network = detected_boxes.with_fits(network, labeled, settings.boxes, training)
    looking = predictor.Predictor(
        network, run.pass_settings, flip=settings.flip, rebuilder=rebuilder
    )
    test_sets = run.faces.tests()
    splits, reconstruction = _measure(run, looking, test_sets, mean_shape(network.crop, labeled))
    pictures = evaluation_pictures.draw(run, looking, splits)
    lines = [] if training is None else metric_files.read_scalars(training / _SCALARS)
    empty = [name for name in run.faces.test_names() if name not in test_sets]
    facts = _facts(run, network, len(labeled)) | {
        **({"test sets left out, being empty": empty} if empty else {}),
        **pace.summary(lines),
        **detected_boxes.compared(splits, network.scheme, settings.normalizer),
        "reconstruction L1 (gray levels)": reconstruction,
        "config": run.config,
    }
    if jax.process_index() != 0:
        return report.Report(folder / "report.md", {}, "")
    steps = int(network.provenance.get("steps", 0))
    blind = blindness.last_sighting(lines, run.landmark_stage().stage.steps)
    return report.write_report(
        folder,
        splits=splits,
        scheme=network.scheme,
        normalizer=settings.normalizer,
        thresholds=settings.thresholds,
        extra=facts,
        pictures=[*_loss_picture(lines), *_reliability_picture(steps, training), *pictures],
        warnings=[str(blind)] if blind else [],
    )


def _measure(
    run: Run,
    looking: predictor.Predictor,
    test_sets: Mapping[str, sources.Source],
    shape: Array,
) -> tuple[list[results.SplitResults], dict[str, float]]:
    """Returns the results of each test set with each kind of box, and L1 of reconstructions."""
    splits: list[results.SplitResults] = []
    reconstruction: dict[str, float] = {}
    for box in run.evaluation.boxes:
        suffix = "" if box == run.crop.box else f" ({box} box)"
        parts = []
        for split, source in test_sets.items():
            name = split + suffix
            predictions, found = detected_boxes.predict(looking, source, box)
            parts.append(_split_results(looking.network, name, source, predictions, shape, found))
            reconstruction[name] = float(predictions.reconstruction_l1.mean())
        splits += parts
        if run.evaluation.full and len(parts) > 1:
            splits.append(_union(run.evaluation.full + suffix, parts))
    return splits, reconstruction


def _facts(run: Run, network: bundle.Bundle, num_labeled: int) -> dict[str, Any]:
    """What a report tells of a network and its training."""
    shape = network.architecture
    skips = f"SCAF (skips with {shape.skip_gain} gain)"
    return {
        "training steps": network.provenance.get("steps"),
        "labeled faces": num_labeled,
        "model": skips if shape.skips else "3FabRec (without skips)",
        "stage 1": network.provenance.get("stage1", ""),
        "seed": run.seed,
        "mirrored copies averaged": run.evaluation.flip,
    }


def _loss_picture(lines: Sequence[dict[str, Any]]) -> list[report.Picture]:
    curve = training_curve.training_curve(lines, _LOSSES, title="Stage 2: loss of the heatmaps")
    if curve is None:
        return []
    note = "Where the loss stays at that of constant maps, the network does not look at the faces."
    return [report.Picture("loss.png", "Loss of the training", curve, note)]


def _reliability_picture(steps: int, training: Place | None) -> list[report.Picture]:
    """What `scaf_jax.fit` drew of the network of so many steps, if it did."""
    path = None if training is None else training / fitted_file.PICTURE
    if training is None or path is None or not path.is_file():
        return []
    try:
        sure = fitted_file.read(training, steps).confidence
        pixels, _ = images.decode_image(images.read_encoded(path), str(path))
    except (OSError, ValueError) as error:
        logging.warning("the report lacks the picture of confidences: %s", error)
        return []
    if sure is None:
        return []
    note = f"Fitted on {sure.origin}."
    return [report.Picture(fitted_file.PICTURE, "How confidences came true", pixels, note)]


def _split_results(
    network: bundle.Bundle,
    name: str,
    source: sources.Source,
    predictions: predictor.Predictions,
    shape: Array,
    found: Array | None,
) -> results.SplitResults:
    chosen = network.decoder
    decoded = {_DECODER_NAMES[key]: points for key, points in predictions.landmarks.items()}
    baseline = geometry.to_photo(
        np.broadcast_to(shape, predictions.photo_landmarks.shape),
        predictions.matrix,
        network.crop.pixel_convention,
    )
    return results.SplitResults(
        name=name,
        keys=source.keys,
        subsets=[source[i]["subset"] for i in range(len(source))],
        predicted=decoded.pop(_DECODER_NAMES[chosen]),
        truth=predictions.photo_landmarks.astype(np.float64),
        mask=predictions.landmark_mask,
        boxes=predictions.box_ground_truth,
        decoder=_DECODER_NAMES[chosen],
        others=decoded,
        baseline=baseline,
        found=found,
    )


def _union(name: str, parts: Sequence[results.SplitResults]) -> results.SplitResults:
    """Returns several test sets as one."""

    def joined(pick: Any) -> Array:
        return np.concatenate([pick(part) for part in parts])

    return results.SplitResults(
        name=name,
        keys=[key for part in parts for key in part.keys],
        subsets=[subset for part in parts for subset in part.subsets],
        predicted=joined(lambda part: part.predicted),
        truth=joined(lambda part: part.truth),
        mask=joined(lambda part: part.mask),
        boxes=joined(lambda part: part.boxes),
        decoder=parts[0].decoder,
        others={key: joined(lambda part, key=key: part.others[key]) for key in parts[0].others},
        baseline=joined(lambda part: part.baseline),
        found=None if parts[0].found is None else joined(lambda part: part.found),
    )
