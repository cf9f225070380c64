"""Evaluation of an aligner: predictions for whole test sets, a report with pictures."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from flax import nnx

from scaf_jax.data import face_view, geometry, pipelines, sources
from scaf_jax.landmarks import metrics, normalizers
from scaf_jax.models import aligner
from scaf_jax.reporting import report, results, training_curve
from scaf_jax.runs import evaluation_pictures, settings
from scaf_jax.training import alignment, blindness, metric_writers, progress, sharding, state

ConfigDict = ml_collections.ConfigDict
Array = np.ndarray
GraphDef = nnx.GraphDef[aligner.Aligner]

_SCALARS = metric_writers.SCALARS_FILE
_LOSSES = {
    blindness.LOSS: "training",
    blindness.CONSTANT: "the same maps for every face",
    blindness.EMPTY: "empty maps",
}
_DECODER_NAMES = {"argmax": "arg-max", "subpixel": "sub-pixel"}


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What the network says of a source's N faces, in the source's order.

    Attributes:
      landmarks: (N, L, 2) float64 by decoder, photo pixels.
      photo_landmarks: (N, L, 2) float32, the true ones.
      landmark_mask: (N, L) bool.
      matrix: (N, 2, 3) float32, photo to crop.
      box_ground_truth: (N, 4) float32, whichever box was cropped: errors must not be divided by
        what a detector thinks.
      reconstruction_l1: (N,) float32, grey levels.
    """

    landmarks: dict[str, Array]
    photo_landmarks: Array
    landmark_mask: Array
    matrix: Array
    box_ground_truth: Array
    reconstruction_l1: Array


class Predictor:
    """The jitted, sharded prediction step of one trained network."""

    def __init__(
        self,
        config: ConfigDict,
        graphdef: GraphDef,
        train_state: state.TrainState,
        *,
        rebuilder: state.TrainState | None = None,
    ) -> None:
        """Takes a config and a network of it.

        Args:
          config: The run's config.
          graphdef: The network's definition.
          train_state: Its state.
          rebuilder: A state whose encoder and generator rebuild faces in pictures, instead of this
            network's own: stage 2 bends the encoder towards landmarks.
        """
        self._rebuilder = rebuilder or train_state
        self._config = config
        self._train_state = train_state
        self._scheme = settings.scheme(config)
        self.mesh = sharding.make_mesh(config.mesh.data, config.mesh.fsdp)
        step = functools.partial(
            alignment.predict_step,
            graphdef=graphdef,
            codec=settings.codec(config),
            flip_permutation=self._scheme.flip_permutation if config.evaluation.flip else (),
        )

        def predict(params: Any, batch_stats: Any, batch: dict[str, jax.Array]) -> dict[str, Any]:
            return step(params, batch_stats, batch["image"]) | {
                name: value for name, value in batch.items() if name != "image"
            }

        # Every process gets all results: they are small, and each may need them.
        self._step = jax.jit(predict, out_shardings=sharding.replicated(self.mesh))
        self._inspect = jax.jit(
            functools.partial(alignment.inspect_step, graphdef=graphdef),
            out_shardings=sharding.replicated(self.mesh),
        )

    def predict(
        self, source: sources.Source, *, box: geometry.BoxKind | None = None
    ) -> Predictions:
        """Predicts the landmarks of all faces of a source.

        Args:
          source: The faces.
          box: Which of a record's boxes to crop from; by default the configured one.
        """
        size = _divisible(self._config.evaluation.batch_size, self.mesh)
        batches = pipelines.evaluation_batches(
            source,
            crop=settings.crop(self._config, box),
            scheme=self._scheme,
            batch_size=size,
            num_threads=self._config.loader.num_threads,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        rows = []
        for batch in progress.track(batches, "evaluate"):
            outputs = self._step(
                self._train_state.params,
                self._train_state.batch_stats,
                sharding.to_global(batch, self.mesh),
            )
            outputs = {name: np.asarray(value) for name, value in outputs.items()}
            rows.append({name: value[outputs["valid"]] for name, value in outputs.items()})
        columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        convention = self._config.data.pixel_convention
        landmarks = {
            name.removeprefix("landmarks_"): geometry.to_photo(value, columns["matrix"], convention)
            for name, value in columns.items()
            if name.startswith("landmarks_")
        }
        fields = [field.name for field in dataclasses.fields(Predictions)]
        return Predictions(landmarks, **{name: columns[name] for name in fields[1:]})

    def inspect(self, images: Array) -> tuple[Array, Array]:
        """Returns heatmaps (N, H, H, L) and reconstructions (N, S, S, 3) uint8 of crops."""
        count = _divisible(len(images), self.mesh)
        padded = np.concatenate([images, np.zeros((count - len(images), *images.shape[1:]), "u1")])
        # Every process holds all of these few images.
        placed = jax.device_put(padded, sharding.replicated(self.mesh))
        own, other = self._train_state, self._rebuilder
        heatmaps, reconstructions = self._inspect(own.params, own.batch_stats, placed)
        if other is not own:
            _, reconstructions = self._inspect(other.params, other.batch_stats, placed)
        return np.asarray(heatmaps)[: len(images)], np.asarray(reconstructions)[: len(images)]


def _divisible(batch_size: int, mesh: jax.sharding.Mesh) -> int:
    return -(-batch_size // mesh.size) * mesh.size


def check_test_sets(config: ConfigDict) -> None:
    """Opens the test sets and looks at whether their faces can be evaluated, before a training.

    Raises:
      DataNotPreparedError: The data set is not prepared.
      MissingSplitError: It has none of the test sets.
      ValueError: Landmarks do not fit the scheme, or a set's faces lack what errors are divided by.
    """
    scheme = settings.scheme(config)
    for name, source in settings.test_sources(config).items():
        fields = ("landmarks", "landmark_mask", "box_ground_truth", "key")
        rows = []
        for i in range(len(source)):
            record = source[i]  # which holds the photo: not all of them at once
            rows.append([record[field] for field in fields])
        place = f"test set '{name}'"
        if not any(np.any(mask) for _, mask, *_ in rows):
            raise ValueError(f"evaluation.splits: {place} has no face with landmarks; leave it out")
        truth, mask, boxes, keys = zip(*rows, strict=True)
        if len(truth[0]) != scheme.num_landmarks:
            raise ValueError(
                f"data.scheme: '{scheme.name}' has {scheme.num_landmarks} landmarks, but the faces "
                f"of {place} have {len(truth[0])} (data.landmarks_feature chooses among several)"
            )
        try:
            normalizers.normalizing_distances(
                np.array(truth),
                scheme,
                config.evaluation.normalizer,
                mask=np.array(mask),
                boxes=np.array(boxes),
                keys=keys,
            )
        except ValueError as error:
            raise ValueError(f"evaluation.normalizer, {place}: {error}") from error


def mean_shape(config: ConfigDict, source: sources.Source) -> Array:
    """Returns the mean shape (L, 2) of labelled faces, in crop pixels."""
    crop = settings.crop(config)
    points, masks = [], []
    for i in range(len(source)):
        record = source[i]
        points.append(face_view.face_view(record, crop).to_crop(record["landmarks"]))
        masks.append(record["landmark_mask"])
    return metrics.mean_shape(np.stack(points), np.stack(masks))


def evaluate(
    config: ConfigDict,
    graphdef: GraphDef,
    train_state: state.TrainState,
    folder: pathlib.Path,
    *,
    labeled: sources.Source | None = None,
    rebuilder: state.TrainState | None = None,
    training: pathlib.Path | None = None,
    origin: str = "",
) -> report.Report:
    """Evaluates a network on the config's test sets and writes the report.

    Args:
      config: The run's config.
      graphdef: The network's definition.
      train_state: Its state.
      folder: Gets the report, the numbers and the pictures.
      labeled: The faces that it was trained on; by default those that the config names.
      rebuilder: See `Predictor`.
      training: Folder of the training's metrics, whose loss the report then shows.
      origin: The stage 1 that it began with, in words.
    """
    labeled = labeled or settings.labeled_source(config)
    predictor = Predictor(config, graphdef, train_state, rebuilder=rebuilder)
    shape = mean_shape(config, labeled)
    splits: list[results.SplitResults] = []
    errors: dict[str, float] = {}
    test_sources = settings.test_sources(config)
    for box in config.evaluation.boxes:
        parts = []
        for split, source in test_sources.items():
            predictions = predictor.predict(source, box=box)
            name = split if box == config.data.box else f"{split} ({box} box)"
            parts.append(_split_results(config, name, source, predictions, shape))
            errors[name] = float(predictions.reconstruction_l1.mean())
        splits += parts
        if config.evaluation.full and len(parts) > 1:
            full = config.evaluation.full
            name = full if box == config.data.box else f"{full} ({box} box)"
            splits.append(_union(name, parts))
    pictures = evaluation_pictures.draw(config, predictor.inspect, splits)
    lines = [] if training is None else metric_writers.read_scalars(training / _SCALARS)
    blind = blindness.last_sighting(lines, config.alignment.steps)
    facts = {
        "training steps": int(train_state.step),
        "labelled faces": len(labeled),
        "model": "SCAF (with skips)" if config.alignment.skips else "3FabRec (without skips)",
        "stage 1": origin,
        "seed": config.seed,
        "test sets left out, being empty": [
            name for name in config.evaluation.splits if name not in test_sources
        ],
        "mirrored copies averaged": bool(config.evaluation.flip),
        "reconstruction L1 (grey levels)": errors,
        "config": config.to_dict(),
    }
    if jax.process_index() != 0:
        return report.Report(folder / "report.md", {}, "")
    return report.write_report(
        folder,
        splits=splits,
        scheme=settings.scheme(config),
        normalizer=config.evaluation.normalizer,
        thresholds=tuple(config.evaluation.thresholds),
        extra=facts,
        pictures=[*_loss_picture(lines), *pictures],
        warnings=[str(blind)] if blind else [],
    )


def _loss_picture(lines: Sequence[dict[str, Any]]) -> list[report.Picture]:
    curve = training_curve.training_curve(lines, _LOSSES, title="Stage 2: loss of the heatmaps")
    if curve is None:
        return []
    note = "Where the loss stays at that of constant maps, the network does not look at the faces."
    return [report.Picture("loss.png", "Loss of the training", curve, note)]


def _split_results(
    config: ConfigDict,
    name: str,
    source: sources.Source,
    predictions: Predictions,
    shape: Array,
) -> results.SplitResults:
    chosen = config.evaluation.decoder
    decoded = {_DECODER_NAMES[key]: points for key, points in predictions.landmarks.items()}
    baseline = geometry.to_photo(
        np.broadcast_to(shape, predictions.photo_landmarks.shape),
        predictions.matrix,
        config.data.pixel_convention,
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
    )
