"""Pictures of an evaluation: faces with their landmarks, heatmaps, the largest errors."""

from collections.abc import Sequence

import jax
import numpy as np
from absl import logging

from scaf_jax.data import face_view, geometry, sources
from scaf_jax.inference import predictor
from scaf_jax.reporting import figures, report, results
from scaf_jax.runs.run import Run

Array = np.ndarray


def draw(
    run: Run, looking: predictor.Predictor, splits: Sequence[results.SplitResults]
) -> list[report.Picture]:
    """Draws faces of each test set and its worst faces, from the configured box.

    Args:
      run: The run.
      looking: Gives heatmaps and reconstructions of crops.
      splits: The results of the test sets.
    """
    scheme, pictures = looking.network.scheme, []
    by_name = {split.name: split for split in splits}
    for name in run.faces.test_names():
        if name not in by_name:
            continue
        split = by_name[name]
        nme = split.nme(scheme, run.evaluation.normalizer)[split.decoder]
        source = run.faces.labeled(name)
        count = min(run.evaluation.num_pictures, len(source))
        spread = np.linspace(0, len(source) - 1, count).astype(int)
        pictures += _faces(looking, split, source, spread, nme)
        pictures += _worst(looking.network.crop, split, source, nme, count)
    logging.info("%d pictures", len(pictures))
    return pictures


def _crops(
    crop: geometry.CropSettings,
    split: results.SplitResults,
    source: sources.Source,
    chosen: Array,
) -> tuple[Array, Array, Array, Array]:
    """Returns crops (N, S, S, 3), and predicted and true landmarks (N, L, 2) on their pixels.

    The last are the true ones as the network learns them, (N, L, 2): in the crop's pixel
    convention, which heatmaps are in as well.
    """
    images, predicted, truth, targets = [], [], [], []
    for i in chosen:
        view = face_view.face_view(source[int(i)], crop)
        images.append(view.cut())
        # Results are in pixels of the photo, of which the record may hold only a part.
        predicted.append(view.photo_to_crop(split.predicted[i], "centers"))
        truth.append(view.photo_to_crop(split.truth[i], "centers"))
        targets.append(view.photo_to_crop(split.truth[i]))
    return np.stack(images), np.stack(predicted), np.stack(truth), np.stack(targets)


def _faces(
    looking: predictor.Predictor,
    split: results.SplitResults,
    source: sources.Source,
    chosen: Array,
    nme: Array,
) -> list[report.Picture]:
    images, predicted, truth, targets = _crops(looking.network.crop, split, source, chosen)
    heatmaps, reconstructions = looking.inspect(images)
    mask, captions = split.mask[chosen], [_caption(float(nme[i])) for i in chosen]
    codec = looking.network.codec
    about = "Predicted (blue) and true (green) landmarks."
    if looking.rebuilds:
        about = (
            "Input, what stage 1's encoder and generator make of it (stage 2 bends the encoder "
            "towards landmarks), predicted (blue) and true (green) landmarks."
        )
    few = slice(0, 4)
    true_heatmaps = np.asarray(codec.encode(jax.numpy.asarray(targets[few], "float32")))
    # What is not known has a place all the same, which means nothing.
    true_heatmaps = true_heatmaps * mask[few][:, None, None, :]
    return [
        report.Picture(
            f"faces_{split.name}.png",
            f"Faces of {split.name}",
            figures.face_grid(
                images,
                reconstructions if looking.rebuilds else None,
                *(predicted, truth),
                mask=mask,
                captions=captions,
            ),
            about,
        ),
        report.Picture(
            f"heatmaps_{split.name}.png",
            f"Heatmaps of {split.name}",
            figures.heatmap_row(
                images[few],
                predicted[few],
                truth[few],
                heatmaps[few],
                true_heatmaps,
                mask=mask[few],
                captions=captions[few],
            ),
        ),
    ]


def _caption(nme: float) -> str:
    return "no NME" if np.isnan(nme) else f"NME {nme:.2f} %"


def _worst(
    crop: geometry.CropSettings,
    split: results.SplitResults,
    source: sources.Source,
    nme: Array,
    count: int,
) -> list[report.Picture]:
    worst = figures.worst_indices(nme, count)
    images, predicted, truth, _ = _crops(crop, split, source, worst)
    picture = figures.worst_faces(
        images,
        predicted,
        truth,
        nme=nme[worst],
        keys=[split.keys[int(i)] for i in worst],
        mask=split.mask[worst],
    )
    return [report.Picture(f"worst_{split.name}.png", f"Largest errors of {split.name}", picture)]
