"""What a weights file says of itself: its networks, crops and images, and where they come from.

There are two kinds: stage 1, and a landmark network, which says how it marks faces as well.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from scaf_jax.data import geometry
from scaf_jax.files import json_fields, strict_json
from scaf_jax.training import preprocessing
from scaf_jax.weights import marks as marking

FORMAT = "scaf_jax weights"
FORMAT_VERSION = 3
# Files of stage 1 are what they were in the first version, and versions before this read them.
_STAGE1_VERSION = 1
# Landmark networks to which nothing was fitted.
_PLAIN_VERSION = 2
# One entry of the file's metadata holds everything: several would come in another order each time,
# and the same weights would have another hash.
METADATA_KEY = "scaf_jax"

AUTOENCODER = ("encoder", "generator")
DISCRIMINATORS = ("embedding_discriminator", "image_discriminator")
LANDMARK_NETWORK = (*AUTOENCODER, "transfer")
# Settings that decide which shapes the arrays have.
MODEL_FIELDS = ("input_size", "width_multiplier")

# The published networks have 1; beyond this a number is a mistake.
LARGEST_WIDTH = 16.0
_MARKS = "landmarks"
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "networks": list,
    "input_size": int,
    "width_multiplier": json_fields.NUMBER,
    "crop": dict,
    "image_mean": list,
    "steps": int,
    "training_data": str,
    "licence": str,
    "attribution": str,
    "package_version": str,
}


class WeightsError(ValueError):
    """A weights file cannot be used or written; the message names it."""


@dataclasses.dataclass(frozen=True)
class Header:
    """What a weights file says of itself.

    Attributes:
      networks: Which are in it: encoder and generator alone, with the discriminators, or with
        `transfer`, what makes a landmark network of them.
      width_multiplier: Scale of their channel counts.
      crop: How their faces were cut out, and the side of the crops in pixels.
      steps: How many training steps they are from.
      training_data: What they were trained on; empty where nobody said.
      licence: Under which licence they may be used; empty where nobody said.
      attribution: Whom to name; empty where nobody said.
      package_version: The version of scaf_jax that wrote the file.
      marks: How a landmark network marks faces; None for stage 1.
    """

    networks: tuple[str, ...]
    width_multiplier: float
    crop: geometry.CropSettings
    steps: int
    training_data: str = ""
    licence: str = ""
    attribution: str = ""
    package_version: str = ""
    marks: marking.Marks | None = None

    def __post_init__(self) -> None:
        if (self.marks is not None) != (self.networks == LANDMARK_NETWORK):
            raise ValueError(f"networks {list(self.networks)}: only a landmark network has marks")

    @property
    def input_size(self) -> int:
        """Side of the networks' images, in pixels."""
        return self.crop.input_size

    def to_dict(self) -> dict[str, Any]:
        """Returns the entries of the file, JSON values."""
        crop = self.crop.to_dict()
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del values["marks"]
        values |= {
            "networks": list(self.networks),
            "input_size": crop.pop("input_size"),
            "crop": crop,
            "image_mean": list(preprocessing.IMAGE_MEAN),
        }
        return values if self.marks is None else values | {_MARKS: self.marks.to_dict()}

    def content(self) -> dict[str, Any]:
        """Returns the entries with those that say which format they have."""
        version = _STAGE1_VERSION
        if self.marks is not None:
            version = FORMAT_VERSION if self.marks.fitted else _PLAIN_VERSION
        return {"format": FORMAT, "format_version": version} | self.to_dict()

    def to_metadata(self) -> dict[str, str]:
        """Returns the metadata of the file."""
        return {METADATA_KEY: json.dumps(self.content(), sort_keys=True)}


def from_metadata(metadata: Mapping[str, str] | None, place: str) -> Header:
    """Returns what the metadata of a file say.

    Args:
      metadata: Of the safetensors file; None where it has none.
      place: The file, for messages.

    Raises:
      WeightsError: Another program wrote them, a later version of this one, or an entry is
        missing, unknown or wrong.
    """
    content = _content(metadata, place)
    version = content.pop("format_version", None)
    if not json_fields.is_a(version, int) or version < 1:
        raise WeightsError(f"{place}: 'format_version' is {version!r}, which is no version")
    if version > FORMAT_VERSION:
        raise WeightsError(
            f"{place} has format {version}; this version of scaf_jax reads up to "
            f"{FORMAT_VERSION}: install a newer one"
        )
    _check_entries(content, place, version)
    try:
        crop = _crop(content)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{place}: 'crop': {error}") from error
    width, marks = float(content["width_multiplier"]), None
    if _MARKS in content:
        try:
            marks = marking.from_dict(content[_MARKS], crop, width)
        except (TypeError, ValueError) as error:
            raise WeightsError(f"{place}: '{_MARKS}': {error}") from error
    texts = ("training_data", "licence", "attribution", "package_version")
    return Header(
        networks=tuple(content["networks"]),
        width_multiplier=width,
        marks=marks,
        crop=crop,
        steps=content["steps"],
        **{name: content[name] for name in texts},
    )


def _content(metadata: Mapping[str, str] | None, place: str) -> dict[str, Any]:
    try:
        content = strict_json.parse_json((metadata or {})[METADATA_KEY], place)
    except (KeyError, strict_json.JsonError):
        content = None
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise WeightsError(
            f"{place} was not written by this project: its metadata have no entry "
            f"'{METADATA_KEY}' of the format '{FORMAT}'. Files of other programs cannot be used"
        )
    return content


def _check_entries(content: Mapping[str, Any], place: str, version: int) -> None:
    """Raises WeightsError unless the entries are those of `_TYPES` and make sense."""
    types = dict(_TYPES)
    if version > _STAGE1_VERSION and content.get("networks") == [*LANDMARK_NETWORK]:
        types[_MARKS] = dict
    problems = json_fields.problems(content, types) or _wrong_values(content)
    if problems:
        raise WeightsError(
            f"{place}: its metadata are wrong: {'; '.join(problems)}. Write the file anew with "
            "`python -m scaf_jax.weights export`"
        )


def _wrong_values(content: Mapping[str, Any]) -> list[str]:
    problems = []
    networks, width = content["networks"], content["width_multiplier"]
    known = [[*AUTOENCODER], [*AUTOENCODER, *DISCRIMINATORS]]
    if networks not in (known + [[*LANDMARK_NETWORK]] if _MARKS in content else known):
        problems.append(
            f"'networks' is {networks}, not {[*AUTOENCODER]}, with {[*DISCRIMINATORS]} or without"
        )
    if not 0 < width <= LARGEST_WIDTH:
        problems.append(f"'width_multiplier' is {width}, not above 0 and at most {LARGEST_WIDTH}")
    if content["image_mean"] != list(preprocessing.IMAGE_MEAN):
        problems.append(
            f"'image_mean' is {content['image_mean']}, and this version subtracts "
            f"{list(preprocessing.IMAGE_MEAN)} from images"
        )
    if content["steps"] < 0:
        problems.append(f"'steps' is {content['steps']}")
    return problems


def _crop(content: Mapping[str, Any]) -> geometry.CropSettings:
    values = content["crop"] | {"input_size": content["input_size"]}
    missing = {field.name for field in dataclasses.fields(geometry.CropSettings)} - set(values)
    if missing:
        raise ValueError(f"{', '.join(sorted(missing))} is missing")
    for name, value in values.items():
        if name.startswith("margin_") and not json_fields.is_a(value, json_fields.NUMBER):
            raise ValueError(f"{name} is {value!r}, which is no number")
    return geometry.CropSettings.from_dict(values)
