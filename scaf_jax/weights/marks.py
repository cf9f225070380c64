"""What a landmark network's weights file says besides what one of stage 1 does: the marks it makes.

It is one entry of the file's metadata, `landmarks`; all of it is checked before it is used.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from scaf_jax.data import geometry
from scaf_jax.files import json_fields
from scaf_jax.landmarks import heatmaps, scheme_files, schemes
from scaf_jax.models import aligner
from scaf_jax.weights import fitted as after_training

PlainValue = str | int | float | bool

_CODEC: Mapping[str, Any] = {
    "sigma": json_fields.NUMBER,
    "support": json_fields.NUMBER,
    "rounding": bool,
    "blur_size": int,
}
_TYPES: Mapping[str, Any] = {
    "heatmap_size": int,
    "skips": bool,
    "skip_gain": str,
    "compute_dtype": str,
    "codec": dict,
    "scheme": dict,
    "decoder": str,
    "provenance": dict,
}
_FITTED = "fitted"


@dataclasses.dataclass(frozen=True)
class Marks:
    """How a network marks faces.

    Attributes:
      architecture: Which network it is.
      codec: What its heatmaps mean.
      scheme: What its landmarks mean.
      decoder: How places are read from heatmaps, one of `heatmaps.DECODERS`.
      provenance: Where it is from, such as `stage1` and `labels`.
      fitted: What was fitted to it after its training.
    """

    architecture: aligner.Architecture
    codec: heatmaps.HeatmapCodec
    scheme: schemes.LandmarkScheme
    decoder: str
    provenance: Mapping[str, PlainValue]
    fitted: after_training.Fitted = after_training.Fitted()

    def __post_init__(self) -> None:
        for name, value in self.provenance.items():
            if not json_fields.is_a(value, bool) and not json_fields.is_a(value, (str, int, float)):
                raise ValueError(f"provenance.{name} is {value!r}, which is no plain value")

    def to_dict(self) -> dict[str, Any]:
        """Returns the entry of the file, JSON values."""
        shape = self.architecture
        content = {
            "heatmap_size": shape.heatmap_size,
            "skips": shape.skips,
            "skip_gain": shape.skip_gain,
            "compute_dtype": shape.compute_dtype,
            "codec": {name: getattr(self.codec, name) for name in _CODEC},
            "scheme": scheme_files.scheme_to_dict(self.scheme),
            "decoder": self.decoder,
            "provenance": dict(self.provenance),
        }
        return content | {_FITTED: self.fitted.to_dict()} if self.fitted else content


def from_dict(
    content: Mapping[str, Any], crop: geometry.CropSettings, width_multiplier: float
) -> Marks:
    """Returns what the entry of a file says.

    Args:
      content: The entry.
      crop: How the file says that faces are cut out.
      width_multiplier: Scale of its channel counts.

    Raises:
      ValueError: A field is missing, unknown or wrong; the message names it.
    """
    there = {_FITTED: dict} if _FITTED in content else {}
    json_fields.check(content, {**_TYPES, **there})
    json_fields.check(content["codec"], _CODEC, "codec.")
    for name, allowed in (
        ("decoder", heatmaps.DECODERS),
        ("skip_gain", aligner.SKIP_GAINS),
        ("compute_dtype", aligner.COMPUTE_DTYPES),
        ("heatmap_size", tuple(aligner.heatmap_sizes(crop.input_size))),
    ):
        if content[name] not in allowed:
            raise ValueError(f"{name} is {content[name]!r}, not one of {allowed}")
    scheme = scheme_files.scheme_from_dict(content["scheme"], "scheme").scheme
    architecture = aligner.Architecture(
        input_size=crop.input_size,
        num_landmarks=scheme.num_landmarks,
        width_multiplier=width_multiplier,
        **{name: content[name] for name in ("heatmap_size", "skips", "skip_gain", "compute_dtype")},
    )
    codec = heatmaps.HeatmapCodec(
        input_size=crop.input_size,
        heatmap_size=architecture.heatmap_size,
        pixel_convention=crop.pixel_convention,
        **content["codec"],
    )
    fitted = after_training.Fitted()
    if there:
        try:
            fitted = after_training.Fitted.from_dict(content[_FITTED])
        except ValueError as error:
            raise ValueError(f"{_FITTED}: {error}") from error
    decoder, provenance = content["decoder"], dict(content["provenance"])
    return Marks(architecture, codec, scheme, decoder, provenance, fitted)
