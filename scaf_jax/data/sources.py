"""Where faces come from: prepared data sets, folders of photos, and parts and unions of these.

A source is a list of records that reads them when asked. A record is a plain dict:

| field | what |
|---|---|
| image | the photo file's bytes |
| landmarks | (L, 2) float32, pixels of the photo; 0 is the centre of the first pixel |
| landmark_mask | (L,) bool, False where a landmark is not known |
| box_detector, box_ground_truth | (4,) float32 x0, y0, x1, y1, pixel edges of the photo |
| key | str that names the face |
| subset | str, the part of the data set it belongs to |
| index | int, place in the published list |
| stored_matrix | (2, 3) float32, from the photo to `image`, where this is only a part of it |

Where there is a `stored_matrix`, the pixels above are those of `image`.
Sources without labels have L = 0. Sources are cheap to pickle: data workers get a copy.
"""

import json
import pathlib
import re
import shlex
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow_datasets as tfds

from scaf_jax.data import json_files

Record = dict[str, Any]

# What the downloads' folder holds, for data sets made from downloads.
_MANUAL_DIRS = {
    "faces_folder": "FOLDER_OF_PHOTOS",
    "landmarks_folder": "FOLDER_OF_PHOTOS",
    "the300w": "FOLDER_WITH_afw_helen_lfpw_ibug",
}
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_NAME = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)?")


class DataNotPreparedError(FileNotFoundError):
    """A data set is not there; the message holds the command that prepares it."""


class Source(Protocol):
    """A list of records, read when asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Record: ...

    @property
    def keys(self) -> list[str]:
        """The records' keys, in order."""
        ...


def open_source(
    name: str, *, data_dir: str, split: str, landmarks_feature: str = "landmarks"
) -> "PreparedSource":
    """Opens a prepared data set.

    Args:
      name: The data set, such as `the300w` or, with a builder config, `synthetic_faces/tiny`;
        without one, the default config of a data set that has several.
      data_dir: Where data sets were prepared; `~` is the user's home.
      split: `train`, `test_common`, ...
      landmarks_feature: Which of the data set's features holds the landmarks.

    Returns:
      A source in the published order.

    Raises:
      DataNotPreparedError: The data set is not in `data_dir`; the message has the command.
      ValueError: The data set has no such split or feature, or the name is none.
    """
    return PreparedSource(_prepared_directory(name, data_dir), split, landmarks_feature)


def prepared_metadata(name: str, *, data_dir: str) -> dict[str, Any]:
    """Returns what a prepared data set says of itself, such as `scheme`; often nothing.

    Args:
      name: The data set, as for `open_source`.
      data_dir: Where data sets were prepared.

    Raises:
      DataNotPreparedError: The data set is not in `data_dir`; the message has the command.
      ValueError: The name is none, or what it says is damaged.
    """
    path = _prepared_directory(name, data_dir) / "metadata.json"  # written by TFDS
    if not path.is_file():
        return {}
    content = json_files.read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: not as TFDS writes it; prepare the data set again")
    return content


def preparation_command(name: str, data_dir: str) -> str:
    """Returns the command line that prepares a data set, as for `open_source`."""
    builder, _, config = name.partition("/")
    words = ["python", "-m", "data_builders.prepare", builder]
    if builder in _MANUAL_DIRS:
        words.append(f"--manual_dir={_MANUAL_DIRS[builder]}")
    words.append(f"--data_dir={data_dir}")
    if config:
        words.append(f"--builder_config={config}")
    return shlex.join(words)


class PreparedSource:
    """One split of a data set that TensorFlow Datasets prepared as ArrayRecord."""

    def __init__(
        self, directory: pathlib.Path, split: str, landmarks_feature: str = "landmarks"
    ) -> None:
        """Opens the split; see `open_source`.

        Args:
          directory: The folder of one version, which holds `dataset_info.json`.
          split: The split's name.
          landmarks_feature: The feature that holds the landmarks.
        """
        self.directory = directory
        builder = tfds.builder_from_directory(directory)
        if split not in builder.info.splits:
            raise ValueError(
                f"{directory}: no split '{split}'; there are: {', '.join(builder.info.splits)}. "
                "A split is missing where its downloads were."
            )
        features = builder.info.features
        if not isinstance(features, tfds.features.FeaturesDict) or (
            landmarks_feature not in features
        ):
            raise ValueError(f"{directory}: no feature '{landmarks_feature}'")
        self._landmarks_feature = landmarks_feature
        self._keys: list[str] | None = None
        # Its decorator hides the parameters from type checkers.
        self._records = builder.as_data_source(split=split)  # pyright: ignore[reportCallIssue]

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Record:
        example = self._records[index]
        landmarks = example[self._landmarks_feature]
        mask = example.get("landmark_mask", np.ones(len(landmarks), bool))
        stored = {"stored_matrix"} & example.keys()
        return {name: example[name] for name in stored} | {
            "image": example["image"],
            "landmarks": landmarks,
            "landmark_mask": mask,
            "box_detector": example["box_detector"],
            "box_ground_truth": example["box_ground_truth"],
            "key": example["key"].decode(),
            "subset": example["subset"].decode(),
            "index": int(example["index"]),
        }

    @property
    def keys(self) -> list[str]:
        """The records' keys, in order; the first use reads the whole split once."""
        if self._keys is None:
            self._keys = [self._records[i]["key"].decode() for i in range(len(self))]
        return self._keys


class SubsetSource:
    """Some of another source's records, in the order given."""

    def __init__(self, source: Source, indices: Sequence[int] | npt.NDArray[np.integer]) -> None:
        """Picks records.

        Args:
          source: The source to pick from.
          indices: Places in it.

        Raises:
          ValueError: An index is not a place in `source`.
        """
        self._source = source
        self._indices = [int(i) for i in indices]
        wrong = [i for i in self._indices if not 0 <= i < len(source)]
        if wrong:
            raise ValueError(f"index {wrong[0]} is not in 0..{len(source) - 1}")

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Record:
        return self._source[self._indices[index]]

    @property
    def keys(self) -> list[str]:
        """The records' keys, in order."""
        keys = self._source.keys
        return [keys[i] for i in self._indices]


class ConcatenatedSource:
    """Several sources one after the other, without their labels: what stage 1 learns from."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Joins sources.

        Args:
          sources: At least one.

        Raises:
          ValueError: There are none.
        """
        if not sources:
            raise ValueError("there is no source to concatenate")
        self._sources = tuple(sources)
        self._starts = np.cumsum([0, *(len(source) for source in sources)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is not in 0..{len(self) - 1}")
        part = int(np.searchsorted(self._starts, index, side="right")) - 1
        record = self._sources[part][index - int(self._starts[part])]
        return {**record, **no_labels(), "index": index}

    @property
    def keys(self) -> list[str]:
        """The records' keys, in order; keys of different sources may be equal."""
        return [key for source in self._sources for key in source.keys]


def no_labels() -> Record:
    """Returns the landmark fields of a record without labels."""
    return {"landmarks": np.zeros((0, 2), np.float32), "landmark_mask": np.zeros(0, bool)}


def label_subset(
    num_records: int, num_labels: int | None, mode: str = "first", seed: int = 0
) -> npt.NDArray[np.int64]:
    """Chooses the faces whose labels may be used.

    Args:
      num_records: How many faces there are.
      num_labels: How many to choose; None chooses all.
      mode: `first` takes the published list's first, `random` draws them. With the same seed a
        smaller draw is part of a larger one.
      seed: Seed of the draw.

    Returns:
      (num_labels,) int64 places, ascending.

    Raises:
      ValueError: There are not so many faces, or the mode is unknown.
    """
    if num_labels is None:
        num_labels = num_records
    if not 0 < num_labels <= num_records:
        raise ValueError(f"num_labels={num_labels} is not in 1..{num_records}")
    if mode == "first":
        return np.arange(num_labels, dtype=np.int64)
    if mode == "random":
        return np.sort(np.random.default_rng(seed).permutation(num_records)[:num_labels])
    raise ValueError(f"label subset '{mode}' is unknown; known: first, random")


def _prepared_directory(name: str, data_dir: str) -> pathlib.Path:
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no name of a data set; it reads like 'the300w'")
    directory = _newest_version(_with_default_config(pathlib.Path(data_dir).expanduser() / name))
    if directory is None:
        raise DataNotPreparedError(
            f"data set '{name}' is not prepared in {data_dir}. This prepares it:\n"
            f"  {preparation_command(name, data_dir)}"
        )
    return directory


def _with_default_config(directory: pathlib.Path) -> pathlib.Path:
    """The folder of the default builder config; the folder itself if there are no configs."""
    path = directory / ".config" / "metadata.json"  # written by TFDS
    if not path.is_file():
        return directory
    try:
        return directory / json.loads(path.read_text())["default_config_name"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not as TFDS writes it; prepare the data set again") from error


def _newest_version(directory: pathlib.Path) -> pathlib.Path | None:
    """The folder of the newest version that was prepared to its end."""
    versions = []
    for path in directory.glob("*/dataset_info.json"):
        match = _VERSION.fullmatch(path.parent.name)
        if match:
            versions.append((tuple(map(int, match.groups())), path.parent))
    return max(versions)[1] if versions else None
