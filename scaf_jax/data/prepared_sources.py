"""Data sets that TensorFlow Datasets prepared as ArrayRecord, as sources of records."""

import pathlib
import re
import shlex
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from scaf_jax.data.sources import Record, Source, SubsetSource
from scaf_jax.files import places, strict_json
from scaf_jax.files.places import Place

# What the downloads' folder holds, for data sets made from downloads.
_MANUAL_DIRS = {
    "affectnet": "FOLDER_WITH_Manually_Annotated_Images",
    "celeba": "FOLDER_WITH_img_celeba_or_img_align_celeba",
    "faces_folder": "FOLDER_OF_PHOTOS",
    "landmarks_folder": "FOLDER_OF_PHOTOS",
    "the300w": "FOLDER_WITH_afw_helen_lfpw_ibug",
    "wflw": "FOLDER_WITH_WFLW_images",
}
# A folder, or a place in a bucket.
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
NAME = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)?")


class DataNotPreparedError(FileNotFoundError):
    """A data set is not there; the message holds the command that prepares it."""


class MissingSplitError(ValueError):
    """A prepared data set has no such split; the message names those that it has."""


def open_source(
    name: str, *, data_dir: str, split: str, landmarks_feature: str = "landmarks"
) -> "PreparedSource":
    """Opens a prepared data set.

    Args:
      name: The data set, such as `the300w` or, with a builder config, `synthetic_faces/tiny`;
        without one, the default config of a data set that has several.
      data_dir: Where data sets were prepared: a folder (`~` is the user's home), or a place in a
        bucket, such as gs://bucket/data.
      split: `train`, `test_common`, ...
      landmarks_feature: Which of the data set's features holds the landmarks.

    Returns:
      A source in the published order.

    Raises:
      DataNotPreparedError: The data set is not in `data_dir`; the message has the command.
      MissingSplitError: The data set has no such split.
      ValueError: It has no such feature, or the name is none.
    """
    return PreparedSource(_prepared_folder(name, data_dir), split, landmarks_feature)


def split_names(name: str, *, data_dir: str) -> list[str]:
    """Returns the splits that a prepared data set has, by name; for `open_source`'s arguments.

    Raises:
      DataNotPreparedError: The data set is not in `data_dir`; the message has the command.
      ValueError: The name is none.
    """
    return sorted(tfds.builder_from_directory(_prepared_folder(name, data_dir)).info.splits)


def prepared_metadata(name: str, *, data_dir: str) -> dict[str, Any]:
    """Returns what a prepared data set says of itself, such as `scheme`; often nothing.

    Args:
      name: The data set, as for `open_source`.
      data_dir: Where data sets were prepared.

    Raises:
      DataNotPreparedError: The data set is not in `data_dir`; the message has the command.
      ValueError: The name is none, or what it says is damaged.
    """
    path = _prepared_folder(name, data_dir) / "metadata.json"  # written by TFDS
    if not path.is_file():
        return {}
    content = strict_json.read_json(path)
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

    def __init__(self, folder: Place, split: str, landmarks_feature: str = "landmarks") -> None:
        """Opens the split; see `open_source`.

        Args:
          folder: The folder of one version, which holds `dataset_info.json`.
          split: The split's name.
          landmarks_feature: The feature that holds the landmarks.
        """
        self.folder = folder
        builder = tfds.builder_from_directory(folder)
        if split not in builder.info.splits:
            raise MissingSplitError(
                f"{folder}: no split '{split}'; there are: {', '.join(builder.info.splits)}. "
                "A split is missing where its downloads were."
            )
        features = builder.info.features
        if not isinstance(features, tfds.features.FeaturesDict) or (
            landmarks_feature not in features
        ):
            raise ValueError(f"{folder}: no feature '{landmarks_feature}'")
        self._landmarks_feature = landmarks_feature
        self._split = split
        self._keys: list[str] | None = None
        self._labeled: list[int] = []
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
        return self._read_through()

    def labeled(self) -> Source:
        """Returns the faces with at least one known landmark: this source where all have.

        The first use reads the whole split once, as that of `keys` does.
        """
        self._read_through()
        if len(self._labeled) == len(self):
            return self
        return SubsetSource(self, self._labeled)

    @property
    def identity(self) -> str:
        """The place of the split, and when it was prepared."""
        about = self.folder / "dataset_info.json"  # written anew when the set is
        if isinstance(about, pathlib.Path):
            return f"{self.folder.absolute()}:{self._split}:{about.stat().st_mtime_ns}"
        return f"{self.folder}:{self._split}:{about.stat().mtime}"

    def __str__(self) -> str:
        return f"split '{self._split}' of {self.folder}"

    def _read_through(self) -> list[str]:
        if self._keys is None:
            self._keys = []
            for i in range(len(self)):
                example = self._records[i]
                self._keys.append(example["key"].decode())
                if np.any(example.get("landmark_mask", True)):
                    self._labeled.append(i)
        return self._keys


def _prepared_folder(name: str, data_dir: str) -> Place:
    if not NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no name of a data set; it reads like 'the300w'")
    folder = _newest_version(_with_default_config(_folder(data_dir) / name))
    if folder is None:
        raise DataNotPreparedError(
            f"data set '{name}' is not prepared in {data_dir}. This prepares it:\n"
            f"  {preparation_command(name, data_dir)}"
        )
    return folder


def _folder(data_dir: str) -> Place:
    try:
        return places.at(data_dir).expanduser()
    except ValueError as error:
        raise ValueError(f"data.data_dir: {error}") from error


def _with_default_config(folder: Place) -> Place:
    """The folder of the default builder config; the folder itself if there are no configs."""
    path = folder / ".config" / "metadata.json"  # written by TFDS
    if not path.is_file():
        return folder
    try:
        return folder / strict_json.read_json(path)["default_config_name"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not as TFDS writes it; prepare the data set again") from error


def _newest_version(folder: Place) -> Place | None:
    """The folder of the newest version that was prepared to its end."""
    versions = []
    for path in folder.glob("*/dataset_info.json"):
        match = _VERSION.fullmatch(path.parent.name)
        if match:
            versions.append((tuple(map(int, match.groups())), path.parent))
    return max(versions)[1] if versions else None
