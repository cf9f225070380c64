"""The work of `scaf_jax.convert`: a published snapshot to a weights file, or back."""

import dataclasses
import pathlib

import numpy as np
from numpy.typing import NDArray

from scaf_jax.files.escaping import printable
from scaf_jax.inference import bundle, photo_faces, photo_inputs, run_folder
from scaf_jax.landmarks import scheme_files
from scaf_jax.weights import builtin, exporting, files, header, published, torch_files

_PHOTOS = 16


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to convert, and how.

    Attributes:
      source: A published snapshot, its folder or model file; or a weights file, `builtin`, or the
        folder of a run.
      output: The weights file to write; or the folder of the snapshot.
      verify: Whether to compare with PyTorch what both networks compute.
      photos: Photos to compare on, faces that fill them; noise where none are given.
      scheme: A scheme file for the landmarks of a snapshot that no built-in scheme fits.
      margins: A key of `geometry.MARGINS`, how faces were cut out for a snapshot.
      provenance: What is known of a snapshot's photos.
      overwrite: Whether files that are there are replaced.
    """

    source: str
    output: pathlib.Path
    verify: bool = False
    photos: tuple[str, ...] = ()
    scheme: pathlib.Path | None = None
    margins: str | None = None
    provenance: exporting.Provenance = dataclasses.field(default_factory=exporting.Provenance)
    overwrite: bool = False


def run(settings: Settings) -> str:
    """Converts; nothing is written where the comparison fails.

    Returns:
      A text for people.

    Raises:
      FileNotFoundError: There is no such file, or no folder for the output.
      ValueError: It cannot be used; the message names it.
    """
    source = builtin.resolve(settings.source)
    if torch_files.is_snapshot(source):
        return _to_weights(settings, source)
    return _to_snapshot(settings, source)


def _to_weights(settings: Settings, source: pathlib.Path) -> str:
    output = settings.output
    exporting.check_folder(output)
    snapshot = torch_files.read(source)
    scheme = scheme_files.read_scheme(settings.scheme).scheme if settings.scheme else None
    try:
        weights = published.to_weights(
            snapshot, scheme=scheme, margins=settings.margins, provenance=settings.provenance
        )
    except header.WeightsError as error:
        raise header.WeightsError(f"{source}: {error}") from error
    lines = _verified(settings, weights, snapshot)
    files.write(output, *weights, overwrite=settings.overwrite)
    lines.append(f"every one of {len(weights.arrays)} tensors is placed; written to {output}")
    return "\n".join(lines + _next_steps(weights.about, output))


def _to_snapshot(settings: Settings, source: pathlib.Path) -> str:
    weights = _ours(source)
    snapshot = published.from_weights(weights)
    lines = _verified(settings, weights, snapshot)
    torch_files.write(settings.output, snapshot, overwrite=settings.overwrite)
    return "\n".join(
        [
            *lines,
            f"{len(weights.arrays)} tensors, network '{snapshot.arch}', coordinates "
            f"'{weights.about.crop.pixel_convention}'; written to "
            f"{settings.output / torch_files.MODEL} and {torch_files.META}",
        ]
    )


def _ours(source: pathlib.Path) -> files.Weights:
    if not source.is_dir():
        return files.read(source)
    if run_folder.holds_landmark_network(source):
        return bundle.Bundle.load(source).to_weights()
    return exporting.read_run(source)


def _verified(
    settings: Settings, weights: files.Weights, snapshot: published.Snapshot
) -> list[str]:
    """Lines on how far the networks are apart.

    Raises:
      header.WeightsError: They are not the same.
    """
    if not settings.verify:
        return []
    from scaf_jax.weights import verification

    crops = _crops(settings, weights.about)
    images = verification.noise(weights.about.input_size) if crops is None else crops
    found = verification.compare(weights, snapshot, images)
    what = f"{len(images)} photos" if crops is not None else "noise"
    lines = [
        f"{name}: largest difference from PyTorch's {d.largest:.1e}, of values up to {d.scale:.3g}"
        for name, d in found.items()
    ]
    if not all(difference.is_small for difference in found.values()):
        raise header.WeightsError(
            f"{settings.source}: the networks do not compute the same on {what}; nothing was "
            "written:\n  " + "\n  ".join(lines)
        )
    return [f"verified on {what}:", *(f"  {line}" for line in lines)]


def _crops(settings: Settings, about: header.Header) -> NDArray[np.uint8] | None:
    if not settings.photos:
        return None
    paths = photo_inputs.find(settings.photos, leave_out=settings.output).paths[:_PHOTOS]
    return np.concatenate([photo_faces.of_file(path, None, about.crop).crops for path in paths])


def _next_steps(about: header.Header, output: pathlib.Path) -> list[str]:
    shown = printable(str(output))
    if about.marks is not None:
        return [f"use it: python -m scaf_jax.predict {shown} PHOTOS --output=found"]
    return [
        "train stage 2 from it, as the published code does:",
        "  python -m scaf_jax.main --config=configs/300w.py --workdir=WORKDIR \\",
        f"      --config.pretraining.run={shown} \\",
        f"      --config.input_size={about.input_size} \\",
        f"      --config.data.pixel_convention={about.crop.pixel_convention} "
        "--config.alignment.rounding=True",
    ]
