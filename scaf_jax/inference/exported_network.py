"""Exported programs behind the same call as a network of ours; see `face_aligner.load`."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.export
import numpy as np
import numpy.typing as npt

from scaf_jax.choosing import acquisition
from scaf_jax.data import geometry
from scaf_jax.files.escaping import printable
from scaf_jax.inference import face_batches, locator, run_folder
from scaf_jax.landmarks import heatmaps, schemes
from scaf_jax.models import aligner
from scaf_jax.weights import exported
from scaf_jax.weights.fitted import Fitted
from scaf_jax.weights.header import METADATA_KEY, WeightsError

Ask = Callable[[npt.NDArray[np.uint8]], face_batches.Rows]

_ONNX_SUFFIX = ".onnx"


@dataclasses.dataclass(frozen=True)
class ExportedNetwork:
    """A program with all that must be known to use it.

    Attributes:
      ask: (B, S, S, 3) uint8 RGB crops, any B -> its outputs by name, see `exported.Description`.
      description: What it is.
    """

    ask: Ask
    description: exported.Description

    @property
    def crop(self) -> geometry.CropSettings:
        """How faces are cut out for it."""
        return self.description.about.crop

    @property
    def architecture(self) -> aligner.Architecture:
        """Which network it was."""
        return self.description.marks.architecture

    @property
    def codec(self) -> heatmaps.HeatmapCodec:
        """What its heatmaps mean."""
        return self.description.marks.codec

    @property
    def scheme(self) -> schemes.LandmarkScheme:
        """What its landmarks mean."""
        return self.description.marks.scheme

    @property
    def decoder(self) -> str:
        """How places are read from its heatmaps."""
        return self.description.marks.decoder

    @property
    def fitted(self) -> Fitted:
        """What was fitted to it after its training."""
        return self.description.marks.fitted

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Where it is from, and whether it averages maps with those of mirrored crops."""
        said = self.description
        flip = {run_folder.FLIP: said.flip} if said.decode else {}
        return {"steps": said.about.steps, **said.marks.provenance, **flip}

    def with_decoder(self, decoder: str) -> "ExportedNetwork":
        """Returns it with places read from its heatmaps in another way.

        Raises:
          ValueError: It reads them by itself, in its own way; or there is no such decoder.
        """
        said = self.description
        if decoder not in heatmaps.DECODERS:
            raise ValueError(f"decoder must be one of {heatmaps.DECODERS}, not '{decoder}'")
        if said.decode and decoder != self.decoder:
            raise ValueError(
                f"the program was exported with the decoder {self.decoder}: leave it out, or "
                "export it otherwise"
            )
        marks = dataclasses.replace(said.marks, decoder=decoder)
        about = dataclasses.replace(said.about, marks=marks)
        return dataclasses.replace(self, description=dataclasses.replace(said, about=about))


def is_export(path: pathlib.Path) -> bool:
    """Whether a path is an exported program's; not whether it can be used."""
    return path.is_file() and (path.suffix == _ONNX_SUFFIX or exported.is_archive(path))


def load(path: pathlib.Path) -> ExportedNetwork:
    """Loads an exported program.

    Args:
      path: As `scaf_jax.export` writes it.

    Raises:
      FileNotFoundError: There is no such file.
      header.WeightsError: It is damaged, not ours, or cannot run here; the message names it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no exported program {path}")
    if path.suffix == _ONNX_SUFFIX:
        return onnx(path.read_bytes(), str(path))
    return stablehlo(*exported.read_archive(path), str(path))


def stablehlo(description: exported.Description, program: bytes, place: str) -> ExportedNetwork:
    """Returns a StableHLO program, compiled when it is first asked.

    Args:
      description: What it is.
      program: As `jax.export` serializes it.
      place: The file, for messages.

    Raises:
      header.WeightsError: It cannot be read, is another program, or is not for this platform.
    """
    try:
        found = jax.export.deserialize(bytearray(program))
    # A damaged program raises nearly anything.
    except Exception as error:
        raise WeightsError(f"{place}: its program is damaged ({_reason(error)})") from error
    size = description.about.input_size
    takes = [(tuple(map(str, aval.shape[1:])), str(aval.dtype)) for aval in found.in_avals]
    if takes != [((str(size), str(size), "3"), "uint8")]:
        raise WeightsError(f"{place}: its program takes {takes}, not crops of {size} pixels")
    platform = {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())
    if platform not in found.platforms:
        raise WeightsError(
            f"{place} is for {', '.join(found.platforms)}, and this is {platform}: export it with "
            f"--platforms={platform}"
        )
    call = jax.jit(found.call)

    def ask(crops: npt.NDArray[np.uint8]) -> face_batches.Rows:
        outputs = call(crops)
        if not isinstance(outputs, dict) or set(outputs) != set(description.outputs):
            raise WeightsError(f"{place}: its program gives other outputs than it says")
        return {name: np.asarray(value) for name, value in outputs.items()}

    return ExportedNetwork(ask, description)


def onnx(model: bytes, place: str) -> ExportedNetwork:
    """Returns an ONNX model, on the CPU.

    Args:
      model: Its bytes.
      place: The file, for messages.

    Raises:
      header.WeightsError: onnxruntime is not installed or cannot run it, or it is not ours.
    """
    try:
        import onnxruntime  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise WeightsError(
            f"{place} needs onnxruntime, which is not installed: pip install 'scaf_jax[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # it raises what it says
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    # onnxruntime's errors have no common class.
    except Exception as error:
        raise WeightsError(
            f"{place} cannot be run by onnxruntime {onnxruntime.__version__} ({_reason(error)}): "
            "it is damaged, or of a version (opset) that this one does not know. Export it again"
        ) from error
    said = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "")
    description = exported.from_json(said, place)
    size = description.about.input_size
    takes = [(value.name, value.shape[1:], value.type) for value in session.get_inputs()]
    gives = {value.name for value in session.get_outputs()}
    wanted = [(exported.INPUT, [size, size, 3], "tensor(uint8)")]
    if takes != wanted or gives != set(description.outputs):
        raise WeightsError(f"{place}: it takes {takes} and gives {sorted(gives)}, not as it says")
    names = list(description.outputs)

    def ask(crops: npt.NDArray[np.uint8]) -> face_batches.Rows:
        found = session.run(names, {exported.INPUT: crops})
        return {name: np.asarray(value) for name, value in zip(names, found, strict=True)}

    return ExportedNetwork(ask, description)


def _reason(error: Exception) -> str:
    return printable(str(error).strip().partition("\n")[0][:200]) or type(error).__name__


class ExportedLocator(locator.Locator):
    """A program at work on crops; where it gives heatmaps, they are decoded here."""

    def __init__(self, network: ExportedNetwork, *, flip: bool) -> None:
        """Takes a program.

        Args:
          network: The program.
          flip: Whether heatmaps are averaged with those of the mirrored crop.

        Raises:
          ValueError: It does that otherwise by itself.
        """
        said = network.description
        if said.decode and flip != said.flip:
            raise ValueError(
                f"the program was exported {'with' if said.flip else 'without'} averaging of "
                "mirrored faces: leave flip out, or export it otherwise"
            )
        self._network, self._flip = network, flip
        self._decode = jax.jit(functools.partial(_decoded, network=network, flip=flip))

    def _size(self, batch_size: int) -> int:
        return batch_size

    def _ask(self, wanted: locator.Wanted, crops: npt.NDArray[np.uint8]) -> face_batches.Rows:
        network, decodes = self._network, self._network.description.decode
        if wanted.reconstructions or (wanted.heatmaps and decodes):
            what = "reconstructions" if wanted.reconstructions else "heatmaps"
            raise ValueError(f"the exported program gives no {what}: ask the network itself")
        outputs = network.ask(crops)
        if decodes:
            return outputs
        own = outputs["heatmaps"]
        other = network.ask(crops[:, :, ::-1])["heatmaps"] if self._flip else own
        return {name: np.asarray(value) for name, value in self._decode(own, other).items()}


def _decoded(
    own: jax.Array, mirrored: jax.Array, *, network: ExportedNetwork, flip: bool
) -> dict[str, jax.Array]:
    """What `steps.locate` makes of maps."""
    codec, maps = network.codec, own
    if flip:
        maps = 0.5 * (own + codec.unmirror(mirrored, network.scheme.flip_permutation))
    landmarks, heights = codec.decode_with_heights(maps, network.decoder)
    return {
        "landmarks": landmarks,
        "heights": heights,
        "nnm": acquisition.landmarks_and_nnm(own, codec.blur_size)[1],
        "heatmaps": maps,
    }
