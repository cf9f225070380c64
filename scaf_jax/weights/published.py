"""3FabRec's published snapshots: what their tensors are here, and ours as they have them.

A snapshot is a folder with `saae.mdl`, a dict of `arch`, `z_dim`, `input_size` and `state_dict`,
and `meta.json`. Here it is tensors by PyTorch name; `torch_files` reads and writes the files.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaf_jax.data import geometry
from scaf_jax.files.escaping import printable
from scaf_jax.landmarks import heatmaps, schemes
from scaf_jax.models import aligner, torch_names
from scaf_jax.weights import exporting, files, header, marks, networks

Array = NDArray[Any]
Shape = tuple[int, ...]

# What `arch` is: the published classes' names, and ours for a network that they do not know.
STAGE1, LANDMARKS, LANDMARKS_WITH_SKIPS = "AAE", "Fabrec", "Scaf"
# The margins that the published experiments cut faces out with, by the scheme of their data.
_PRESETS = {schemes.IBUG68.name: "300w", schemes.WFLW98.name: "wflw"}
_STAGE1_PRESET = "300w"
_LISTED = 20
_BASE_CHANNELS = 64


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A published snapshot.

    Attributes:
      tensors: By PyTorch name, in PyTorch's layout.
      input_size: Side of the images, in pixels.
      width_multiplier: Scale of the channel counts, 1 in all that were published.
      steps: How many training steps it is from; 0 where it does not say.
      num_landmarks: How many it says that it marks; None where it does not.
      arch: The name of its network's class.
      about: What a network of ours says of itself; None in all that were published.
    """

    tensors: Mapping[str, Array]
    input_size: int
    width_multiplier: float = 1.0
    steps: int = 0
    num_landmarks: int | None = None
    arch: str = ""
    about: header.Header | None = None

    @property
    def marks_landmarks(self) -> bool:
        """Whether it is a landmark network rather than a stage 1."""
        return any(name.startswith("LMH.") for name in self.tensors)


def width_of(tensors: Mapping[str, Array]) -> float:
    """Returns the scale of the channel counts that the first convolution's count tells.

    Raises:
      header.WeightsError: There is no such tensor, or its count is that of no network.
    """
    shape = np.shape(tensors.get("Q.conv1.weight", 0))
    width = shape[0] / _BASE_CHANNELS if len(shape) == 4 else 0.0
    if not 0 < width <= header.LARGEST_WIDTH:
        raise header.WeightsError(
            "it has no tensor Q.conv1.weight (channels, 3, 7, 7), with which every snapshot of "
            "3FabRec begins: is it one?"
        )
    return width


def to_weights(
    snapshot: Snapshot,
    *,
    scheme: schemes.LandmarkScheme | None = None,
    margins: str | None = None,
    provenance: exporting.Provenance | None = None,
) -> files.Weights:
    """Returns a snapshot as a weights file holds it: every tensor in its place.

    Args:
      snapshot: The snapshot. What `from_weights` made of one of ours keeps what it said of itself.
      scheme: What its landmarks mean; by default the built-in scheme of as many.
      margins: A key of `geometry.MARGINS`, with which its faces were cut out; by default those of
        the scheme's data set, 300-W's for a stage 1.
      provenance: Where its photos are from.

    Returns:
      A stage 1, with its discriminators where they are there, or a landmark network. Coordinates
      of those that were published are `corners`, as their code computes them.

    Raises:
      header.WeightsError: A tensor is missing, unexpected, of another shape or not finite, or the
        landmarks are not those of the scheme; the message lists them.
    """
    about = snapshot.about or _published(snapshot, scheme, margins)
    said = dataclasses.asdict(provenance or exporting.Provenance())
    about = dataclasses.replace(about, **{name: text for name, text in said.items() if text})
    return files.Weights(about, _placed(snapshot, about))


def from_weights(weights: files.Weights) -> Snapshot:
    """Returns a stage 1 or landmark network of ours as a snapshot; `to_weights` reads it again."""
    about, arrays = weights
    tensors = {}
    for name, array in arrays.items():
        kind, *path = name.split("/")
        theirs = torch_names.name_of(tuple(path), is_statistic=kind == "batch_stats")
        place = torch_names.place_of(theirs)
        assert place is not None
        tensors[theirs] = np.ascontiguousarray(place.to_torch(array))
    arch = STAGE1
    if about.marks is not None:
        arch = LANDMARKS_WITH_SKIPS if about.marks.architecture.skips else LANDMARKS
    return Snapshot(
        tensors,
        about.input_size,
        about.width_multiplier,
        about.steps,
        None if about.marks is None else about.marks.scheme.num_landmarks,
        arch,
        about,
    )


def _published(
    snapshot: Snapshot, scheme: schemes.LandmarkScheme | None, margins: str | None
) -> header.Header:
    found = _marks(snapshot, scheme) if snapshot.marks_landmarks else None
    preset = margins or (_PRESETS.get(found.scheme.name) if found else None) or _STAGE1_PRESET
    return header.Header(
        networks=header.LANDMARK_NETWORK if found else _stage1_networks(snapshot),
        width_multiplier=snapshot.width_multiplier,
        crop=geometry.crop_settings(
            preset, input_size=snapshot.input_size, pixel_convention="corners"
        ),
        steps=snapshot.steps,
        package_version=exporting.package_version(),
        marks=found,
    )


def _stage1_networks(snapshot: Snapshot) -> tuple[str, ...]:
    has_judges = any(name.startswith(("D.", "D_z.")) for name in snapshot.tensors)
    return header.AUTOENCODER + (header.DISCRIMINATORS if has_judges else ())


def _marks(snapshot: Snapshot, scheme: schemes.LandmarkScheme | None) -> marks.Marks:
    names = snapshot.tensors
    shape = np.shape(names.get("LMH.lin.weight", 0))
    count = shape[1] if len(shape) == 4 else 0
    if snapshot.num_landmarks not in (None, count):
        raise header.WeightsError(
            f"it says that it marks {snapshot.num_landmarks} landmarks, and LMH.lin.weight is for "
            f"{count}"
        )
    scheme = scheme or _scheme(count)
    if scheme.num_landmarks != count:
        raise header.WeightsError(
            f"it marks {count} landmarks, and the scheme '{scheme.name}' has "
            f"{scheme.num_landmarks}: give it its own"
        )
    itls = sum(name.startswith("LMH.t") for name in names)
    architecture = aligner.Architecture(
        input_size=snapshot.input_size,
        heatmap_size=aligner.FIRST_RESOLUTION << min(itls, 4),
        num_landmarks=count,
        skips=any(name.startswith("HPM.") for name in names),
        skip_gain=aligner.LEARNED if "HPM.1.gain" in names else aligner.FIXED,
        width_multiplier=snapshot.width_multiplier,
    )
    codec = heatmaps.HeatmapCodec(
        architecture.input_size,
        architecture.heatmap_size,
        rounding=True,
        pixel_convention="corners",
    )
    return marks.Marks(architecture, codec, scheme, "argmax", {"flip": False})


def _scheme(count: int) -> schemes.LandmarkScheme:
    for scheme in schemes.SCHEMES:
        if scheme.num_landmarks == count:
            return scheme
    raise header.WeightsError(
        f"it marks {count} landmarks, and no built-in scheme has as many: give --scheme=FILE.json"
    )


def _placed(snapshot: Snapshot, about: header.Header) -> dict[str, Array]:
    """Each tensor in our layout, by its path; all problems at once if one does not fit."""
    try:
        expected = networks.expected_of(about)
    except ValueError as error:
        raise header.WeightsError(str(error)) from error
    places, wanted = {}, {}
    for name, leaf in expected.items():
        kind, *path = name.split("/")
        theirs = torch_names.name_of(tuple(path), is_statistic=kind == "batch_stats")
        place = torch_names.place_of(theirs)
        assert place is not None
        places[theirs] = name, place
        wanted[theirs] = tuple(leaf.shape[axis] for axis in np.argsort(place.axes))
    given = {
        name: array
        for name, array in snapshot.tensors.items()
        if not name.endswith(f".{torch_names.COUNTER}")
    }
    _refuse(given, wanted)
    return {
        name: np.ascontiguousarray(place.to_ours(given[theirs]), np.float32)
        for theirs, (name, place) in places.items()
    }


def _refuse(given: Mapping[str, Array], wanted: Mapping[str, Shape]) -> None:
    problems = {
        "missing": [f"{name} {shape}" for name, shape in wanted.items() if name not in given],
        "unexpected": [
            f"{printable(name)} {array.shape}"
            for name, array in given.items()
            if name not in wanted
        ],
        "of another shape": [
            f"{name} {given[name].shape}, not {shape}"
            for name, shape in wanted.items()
            if name in given and given[name].shape != shape
        ],
    }
    if not any(problems.values()):
        # After the shapes: a tensor may claim to be larger than its file.
        problems = {"not finite": [n for n in wanted if not np.isfinite(given[n]).all()]}
    text = "".join(_listed(what, lines) for what, lines in problems.items() if lines)
    if text:
        raise header.WeightsError(
            f"its tensors are not exactly those of the network:{text}\nCheck that the file is "
            "whole, and that it is of the network that it says"
        )


def _listed(what: str, lines: list[str]) -> str:
    more = len(lines) - _LISTED
    shown = "".join(f"\n    {line}" for line in lines[:_LISTED])
    return f"\n  {what} ({len(lines)}):{shown}" + (f"\n    and {more} more" if more > 0 else "")
