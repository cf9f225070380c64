"""The TFDS builder that all sets of faces are made with: listing, checking, leaving out.

A set derives from `FaceBuilder`, says how many landmarks it has, and finds its faces in a folder
of downloads.
"""

import abc
import csv
import io
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow_datasets as tfds
from absl import logging

from data_builders import beam_examples, examples, faces, precropped
from data_builders.doctor import examination
from scaf_jax.data import geometry
from scaf_jax.files.escaping import printable

OnError = examples.OnError
ON_ERROR = examples.ON_ERROR
SKIPPED_FILE = "skipped.csv"


class DownloadError(ValueError):
    """The downloads are not as they should be; the message says what to do."""


class FaceBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A set of annotated or bare faces, in the published order.

    Attributes:
      problems: What was found to be incomplete or odd; known once the set is prepared.
      skipped: (split, key, reason) of the faces that were left out.
      found: What was found in the folder of downloads; None before that.
      seen: What was seen of each face, by split.
    """

    NUM_LANDMARKS: int
    EXTRA_FEATURES: dict[str, Any] = {}
    HOMEPAGE = ""
    # The margins (names in `geometry.MARGINS`) that a pre-cropped form leaves room for; its size
    # is that of the first one's face square.
    MARGINS: Sequence[str] = tuple(geometry.MARGINS)

    def __init__(
        self,
        *,
        strict: bool = False,
        on_error: OnError = "stop",
        workers: int = 1,
        with_beam: bool = False,
        **kwargs: Any,
    ) -> None:
        """Makes the builder.

        Args:
          strict: Whether downloads that are not complete are an error rather than a warning.
          on_error: Whether a face that cannot be used stops the preparation, or is left out.
          workers: Processes that read and check faces.
          with_beam: Whether Apache Beam does; `DownloadConfig` then says on which runner.
          **kwargs: What every TFDS builder takes, such as `data_dir`.
        """
        if on_error not in ON_ERROR:
            raise ValueError(f"on_error must be one of {', '.join(ON_ERROR)}, not '{on_error}'")
        self._strict = strict
        self._on_error: OnError = on_error
        self._workers = workers
        self._with_beam = with_beam
        self.problems: list[str] = []
        self.skipped: list[tuple[str, str, str]] = []
        self.found: faces.Found | None = None
        self.seen: list[examination.Observation] = []
        super().__init__(**kwargs)

    @property
    def cropping(self) -> precropped.Cropping | None:
        """What is cut out of each photo: in the forms named `cropped_N`, else None."""
        config = self.builder_config
        size = None if config is None else precropped.size_of(config.name)
        return None if size is None else precropped.Cropping(size, self.MARGINS)

    @abc.abstractmethod
    def find(self, root: pathlib.Path) -> faces.Found:
        """Lists the faces in a folder of downloads; reads no photo.

        Raises:
          DownloadError: There are none.
        """

    def _info(self) -> tfds.core.DatasetInfo:
        extra = self.EXTRA_FEATURES | (precropped.extra_features() if self.cropping else {})
        return self.dataset_info_from_configs(
            features=faces.features(self.NUM_LANDMARKS, extra),
            homepage=self.HOMEPAGE,
            # 'The first N labels' means the published order.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        self.seen, self.skipped = [], []
        self.found = found = self.find(pathlib.Path(dl_manager.manual_dir))
        self.problems = list(found.problems)
        _report(self.name, self.problems, strict=self._strict)
        return {
            split: self._generate_examples(split, members)
            for split, members in found.splits.items()
            if members  # TFDS has no empty splits
        }

    def _generate_examples(self, split: str, members: Sequence[faces.Face]) -> Any:
        make = examples.ExampleMaker(split, self.NUM_LANDMARKS, self._on_error, self.cropping)
        if self._with_beam:
            return beam_examples.transform(make, split, members, pathlib.Path(self.data_path))
        return self._examples_here(make, split, members)

    def _examples_here(
        self, make: examples.ExampleMaker, split: str, members: Sequence[faces.Face]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        used = 0
        for index, made in examples.make_all(make, members, self._workers):
            self.seen.append(made.seen)
            if isinstance(made, examples.Skipped):
                self.skipped.append((split, made.key, made.reason))
                continue
            used += 1
            yield index, made.example
        if not used:
            raise DownloadError(
                f"not one of the {len(members)} faces of the split '{split}' can be used; "
                f"the first: {self.skipped[-len(members)][2]}"
            )

    def _process_pipeline_result(self, pipeline_result: Any) -> None:
        """Called by TFDS when Beam has made all splits."""
        super()._process_pipeline_result(pipeline_result)
        self.skipped = beam_examples.take_skipped(pathlib.Path(self.data_path))
        self.seen = beam_examples.take_seen(pathlib.Path(self.data_path))


def skipped_table(skipped: Sequence[tuple[str, str, str]]) -> str:
    """Returns the faces that were left out as the text of a csv file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["split", "key", "reason"])
    # A name that is not UTF-8 cannot be written as it is.
    writer.writerows([printable(text) for text in row] for row in skipped)
    return text.getvalue()


def _report(name: str, problems: list[str], *, strict: bool) -> None:
    if strict and problems:
        raise DownloadError(
            "the downloads are incomplete:\n  "
            + "\n  ".join(problems)
            + "\nDownload and unzip them again, or go without strict to use what is there."
        )
    for problem in problems:
        logging.warning("%s: %s", name, problem)
