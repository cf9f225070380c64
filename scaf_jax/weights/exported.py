"""What an exported program says of itself, and the file that a StableHLO program is in.

A StableHLO export is a zip archive with `program.bin`, as `jax.export` serializes it, and
`metadata.json`. An ONNX export has the same text in its own metadata. Nothing is unpickled.
"""

import dataclasses
import io
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

from scaf_jax.files import atomic, json_fields, strict_json
from scaf_jax.weights import header, marks
from scaf_jax.weights.header import WeightsError

FORMAT, FORMAT_VERSION = "scaf_jax export", 1
PROGRAM, METADATA = "program.bin", "metadata.json"
STABLEHLO, ONNX = "stablehlo", "onnx"
FORMATS = (STABLEHLO, ONNX)
INPUT = "images"
DTYPES = ("float32", "bfloat16")

_ZIP_START = b"PK\x03\x04"
_MAX_METADATA_BYTES = 1 << 22
_MAX_PROGRAM_BYTES = 4 << 30
_EPOCH = (1980, 1, 1, 0, 0, 0)  # no time of writing: the same program gives the same file
_TYPES: Mapping[str, Any] = {
    "format": str,
    "format_version": int,
    "network": dict,
    "input": str,
    "outputs": list,
    "decode": bool,
    "flip": bool,
    "dtype": str,
}


@dataclasses.dataclass(frozen=True)
class Description:
    """What an exported program is.

    Attributes:
      about: What the weights file of its network says.
      decode: Whether it gives `landmarks` (B, L, 2) in crop pixels, the `heights` (B, L) of their
        peaks, `nnm` (B,) and, where they were fitted, `confidences` (B, L) of 0 to 1; else
        `heatmaps` (B, H, H, L).
      flip: Whether maps are averaged with those of the mirrored crop inside of it.
      dtype: What it computes in, one of `DTYPES`. It takes (B, S, S, 3) uint8 RGB crops, whatever
        that is, and gives float32.
    """

    about: header.Header
    decode: bool = True
    flip: bool = False
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.about.marks is None:
            raise ValueError("only a landmark network can be exported, not a stage 1")
        if self.flip and not self.decode:
            raise ValueError("heatmaps are of the crop as it is: flip needs decode")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype must be one of {DTYPES}, not '{self.dtype}'")

    @property
    def marks(self) -> marks.Marks:
        """How the network marks faces."""
        assert self.about.marks is not None
        return self.about.marks

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what it gives."""
        if not self.decode:
            return ("heatmaps",)
        fitted = () if self.marks.fitted.confidence is None else ("confidences",)
        return ("landmarks", "heights", "nnm", *fitted)

    def to_json(self) -> str:
        """Returns the text that travels with the program."""
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "network": self.about.content(),
            "input": INPUT,
            "outputs": list(self.outputs),
            "decode": self.decode,
            "flip": self.flip,
            "dtype": self.dtype,
        }
        return json.dumps(content, sort_keys=True)


def from_json(text: str, place: str) -> Description:
    """Returns what `to_json` wrote.

    Args:
      text: The text.
      place: The file, for messages.

    Raises:
      WeightsError: Another program wrote it, or an entry is missing, unknown or wrong.
    """
    try:
        content = strict_json.parse_json(text, place)
    except strict_json.JsonError:
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise WeightsError(
            f"{place} was not exported by this project: its metadata are not of the format "
            f"'{FORMAT}'. Export it with `python -m scaf_jax.export`"
        )
    try:
        json_fields.check(content, _TYPES)
        if content["format_version"] > FORMAT_VERSION:
            raise ValueError(f"format {content['format_version']} needs a newer scaf_jax")
        network = {header.METADATA_KEY: json.dumps(content["network"])}
        found = Description(
            header.from_metadata(network, "network"),
            **{name: content[name] for name in ("decode", "flip", "dtype")},
        )
        if content["outputs"] != list(found.outputs) or content["input"] != INPUT:
            raise ValueError(f"outputs are {content['outputs']}, not {list(found.outputs)}")
    except ValueError as error:
        raise WeightsError(f"{place}: its metadata are wrong: {error}. Export it again") from error
    return found


def write_archive(
    path: pathlib.Path, description: Description, program: bytes, *, overwrite: bool = False
) -> None:
    """Writes a StableHLO export, whole or not at all.

    Raises:
      WeightsError: There is a file already.
      OSError: It cannot be written.
    """
    check_new(path, overwrite=overwrite)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(METADATA, _EPOCH), description.to_json())
        archive.writestr(zipfile.ZipInfo(PROGRAM, _EPOCH), program)
    atomic.write_bytes(path, buffer.getvalue())


def check_new(path: pathlib.Path, *, overwrite: bool) -> None:
    """Raises WeightsError if there is a file that is not to be replaced."""
    if path.exists() and not overwrite:
        raise WeightsError(f"{path} is there already: choose another name, or give --overwrite")


def is_archive(path: pathlib.Path) -> bool:
    """Whether a file begins as a StableHLO export does."""
    try:
        with path.open("rb") as file:
            return file.read(len(_ZIP_START)) == _ZIP_START
    except OSError:
        return False


def read_archive(path: pathlib.Path) -> tuple[Description, bytes]:
    """Reads a StableHLO export.

    Raises:
      WeightsError: It is damaged or not ours; the message names it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            text = _member(archive, METADATA, _MAX_METADATA_BYTES).decode("utf-8")
            program = _member(archive, PROGRAM, _MAX_PROGRAM_BYTES)
    except (KeyError, zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path} is damaged, cut short or no exported program ({error}). Export it again"
        ) from error
    return from_json(text, str(path)), program


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > most:
        raise ValueError(f"{name} is compressed or larger than {most} bytes")
    return archive.read(info)  # which checks its sum
