"""The work of `scaf_jax.export`: a landmark network to a program for another runtime."""

import dataclasses
import pathlib

import numpy as np
from numpy.typing import NDArray

from scaf_jax.data import geometry
from scaf_jax.deployment import checks, stablehlo
from scaf_jax.files import atomic
from scaf_jax.inference import bundle, exported_network, photo_faces, photo_inputs, run_folder
from scaf_jax.weights import exported, exporting, header

_FACES = 16


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to export, and how.

    Attributes:
      model: The folder of a run, or a weights file.
      output: The file to write.
      format: One of `exported.FORMATS`.
      decode: Whether the program gives landmarks; else heatmaps.
      flip: Whether it averages maps with those of mirrored crops; None as in the evaluation.
      decoder: How places are read from heatmaps; None as the network's own.
      dtype: What it computes in, one of `exported.DTYPES`.
      platforms: Where a StableHLO program is to run.
      photos: Photos to compare on, faces that fill them; noise where none are given.
      overwrite: Whether a file that is there is replaced.
    """

    model: str
    output: pathlib.Path
    format: str = exported.STABLEHLO
    decode: bool = True
    flip: bool | None = None
    decoder: str | None = None
    dtype: str = "float32"
    platforms: tuple[str, ...] = stablehlo.PLATFORMS
    photos: tuple[str, ...] = ()
    overwrite: bool = False


def run(settings: Settings) -> str:
    """Exports a network, after a comparison of the program with it.

    Returns:
      A text for people.

    Raises:
      FileNotFoundError: There is no network, or no folder for the file.
      ValueError: It cannot be exported so, or the program does not compute the same; nothing was
        written.
    """
    output = settings.output
    exporting.check_folder(output)
    beside = output.with_suffix(".json")  # for runtimes that do not show a model's metadata
    for path in (output, beside) if settings.format == exported.ONNX else (output,):
        exported.check_new(path, overwrite=settings.overwrite)
    if (output.suffix == ".onnx") != (settings.format == exported.ONNX):
        raise ValueError(f"{output}: a file of ONNX, and no other, has a name that ends in .onnx")
    network = bundle.Bundle.load(settings.model)
    if settings.decoder:
        network = dataclasses.replace(network, decoder=settings.decoder)
    description = _description(settings, network)
    content = _program(settings, network, description)
    program = _loaded(settings, description, content)
    crops = _crops(settings, network.crop)
    own = checks.own_outputs(network, description)
    found = checks.agreement(own(crops), program.ask(crops), description)
    what = f"{len(crops)} photos" if settings.photos else "noise"
    if not found.is_close:
        raise header.WeightsError(
            f"the program does not compute what the network does on {what} ({found}); nothing was "
            "written"
        )
    if settings.format == exported.ONNX:
        atomic.write_text(beside, description.to_json() + "\n")
        atomic.write_bytes(output, content)
    else:
        exported.write_archive(output, description, content, overwrite=settings.overwrite)
    gives = ", ".join(description.outputs)
    sizes = checks.num_bytes(network), output.stat().st_size
    return (
        f"takes {exported.INPUT} (N, S, S, 3) uint8, gives {gives}\non {what}: {found}\n"
        f"{checks.table(own, program, sizes, crops)}\nwritten to {output}"
    )


def _description(settings: Settings, network: bundle.Bundle) -> exported.Description:
    flip = bool(network.provenance.get(run_folder.FLIP, True))
    if settings.flip is not None:
        flip = settings.flip
    about = network.to_weights().about
    assert about.marks is not None
    shape = dataclasses.replace(about.marks.architecture, compute_dtype=settings.dtype)
    marks = dataclasses.replace(about.marks, architecture=shape)
    return exported.Description(
        dataclasses.replace(about, marks=marks),
        decode=settings.decode,
        flip=flip and settings.decode,
        dtype=settings.dtype,
    )


def _program(
    settings: Settings, network: bundle.Bundle, description: exported.Description
) -> bytes:
    if settings.format == exported.STABLEHLO:
        return stablehlo.program(network, description, settings.platforms)
    try:
        from scaf_jax.deployment import onnx_program
    except ImportError as error:
        raise header.WeightsError(
            "files of ONNX need onnx, which is not installed: pip install 'scaf_jax[onnx]'"
        ) from error
    return onnx_program.program(network, description)


def _loaded(
    settings: Settings, description: exported.Description, content: bytes
) -> exported_network.ExportedNetwork:
    place = str(settings.output)
    if settings.format == exported.ONNX:
        return exported_network.onnx(content, place)
    return exported_network.stablehlo(description, content, place)


def _crops(settings: Settings, crop: geometry.CropSettings) -> NDArray[np.uint8]:
    if not settings.photos:
        rng = np.random.default_rng(0)
        return rng.integers(0, 256, (2, crop.input_size, crop.input_size, 3), np.uint8)
    paths = photo_inputs.find(settings.photos, leave_out=settings.output).paths[:_FACES]
    return np.concatenate([photo_faces.of_file(path, None, crop).crops for path in paths])
