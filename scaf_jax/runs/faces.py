"""Which faces a run learns from, and which it is measured on; they are opened when asked for."""

import dataclasses
import fnmatch

from absl import logging

from scaf_jax.data import (
    folder_source,
    mixture_parts,
    mixtures,
    photo_scan,
    prepared_sources,
    sources,
)


class NoLabelsError(ValueError):
    """Not one face of a split has landmarks."""


@dataclasses.dataclass(frozen=True)
class Faces:
    """Where a run's faces are. Fields are those of the config.

    Attributes:
      name: The prepared data set.
      data_dir: Where it is.
      landmarks_feature: Which of its landmarks.
      train_split: The split that labels are taken from.
      test_splits: Names or patterns of the test sets.
      num_labels: How many faces of the training split have labels; 0 for all.
      label_subset: Which: one of `sources.LABEL_SUBSETS`.
      label_seed: Seed of a random choice.
      training_images: Whether stage 1 learns from the training split.
      unlabeled_dir: A folder of photos for stage 1; empty for none.
      unlabeled_box: Where a face is, as fractions of its photo's width and height.
      unlabeled_boxes_csv: A table of boxes in its place; empty for none.
      on_error: Of photos that cannot be used: one of `folder_source.ON_ERROR`.
      mixture: Sets that stage 1 learns from in place of both; empty for none.
      exclude: Sets whose photos are not taken from the mixture.
      exclude_file: A file of starts of keys that are not.
    """

    name: str
    data_dir: str
    landmarks_feature: str
    train_split: str
    test_splits: tuple[str, ...]
    num_labels: int
    label_subset: str
    label_seed: int
    training_images: bool
    unlabeled_dir: str
    unlabeled_box: tuple[float, ...]
    unlabeled_boxes_csv: str
    on_error: folder_source.OnError
    mixture: str
    exclude: str
    exclude_file: str

    def split(self, name: str) -> prepared_sources.PreparedSource:
        """Opens a split. Raises DataNotPreparedError with the command that prepares it."""
        return prepared_sources.open_source(
            self.name,
            data_dir=self.data_dir,
            split=name,
            landmarks_feature=self.landmarks_feature,
        )

    def labeled(self, split: str) -> sources.Source:
        """Returns the faces of a split of which at least one landmark is known; see `split`.

        Raises:
          NoLabelsError: There are none.
        """
        every = self.split(split)
        labeled = every.labeled()
        if not len(labeled):
            raise NoLabelsError(
                f"{every}: not one of its {len(every)} faces has a known landmark, so that nothing "
                "can be learned from them or measured on them; give them landmarks, or leave the "
                "split out."
            )
        if len(labeled) < len(every):
            logging.warning(
                "%s: %d of %d faces have no known landmark and do not count as labeled",
                every,
                len(every) - len(labeled),
                len(every),
            )
        return labeled

    def training(self) -> sources.SubsetSource:
        """Returns the training faces whose labels may be used; raises as `labeled`."""
        train = self.labeled(self.train_split)
        chosen = sources.label_subset(
            len(train), self.num_labels or None, self.label_subset, self.label_seed
        )
        return sources.SubsetSource(train, chosen)

    def test_names(self) -> list[str]:
        """Returns the names of the test sets, in the config's order.

        Of a pattern, such as `test*`, these are the splits that the prepared data have but for the
        one that is trained on; the pattern itself where there are none.

        Raises:
          DataNotPreparedError: The data set is not prepared.
        """
        names = []
        for given in self.test_splits:
            if "*" not in given:
                names.append(given)
                continue
            known = prepared_sources.split_names(self.name, data_dir=self.data_dir)
            found = [x for x in fnmatch.filter(known, given) if x != self.train_split]
            names += found or [given]
        found = [name for name in names if "*" not in name]
        return list(dict.fromkeys(found or names))

    def tests(self) -> dict[str, sources.Source]:
        """Opens the test sets, in the config's order: their faces that have landmarks.

        Those that the prepared data lack, or that have no landmarks, are left out with a warning:
        of a published subset a user may have no face.

        Raises:
          DataNotPreparedError: The data set is not prepared.
          MissingSplitError: It has none of the test sets.
          ValueError: None of the test sets has a face with landmarks.
        """
        found: dict[str, sources.Source] = {}
        missing: list[ValueError] = []
        for name in self.test_names():
            try:
                found[name] = self.labeled(name)
            except (prepared_sources.MissingSplitError, NoLabelsError) as error:
                missing.append(error)
        if missing and not found:
            raise missing[0]
        for error in missing:
            logging.warning("%s This test set is left out.", error)
        return found

    def photos(self) -> folder_source.FolderSource:
        """Returns the user's own photos. Raises ValueError where no folder is named."""
        if not self.unlabeled_dir:
            raise ValueError("set pretraining.unlabeled_dir to a folder of photos")
        return folder_source.FolderSource(
            self.unlabeled_dir,
            relative_box=self.unlabeled_box,
            boxes_csv=self.unlabeled_boxes_csv or None,
            on_error=self.on_error,
            cache=photo_scan.cache_below(self.data_dir),
        )

    def pretraining(self) -> sources.ConcatenatedSource | mixtures.MixedSource:
        """Returns what stage 1 learns from: the mixture, or own photos and training images.

        Raises:
          ValueError: The config names none of them, or a mixture that is none.
        """
        if self.mixture:
            return mixture_parts.open_mixture(
                self.mixture,
                data_dir=self.data_dir,
                exclude=self.exclude,
                exclude_file=self.exclude_file,
                relative_box=self.unlabeled_box,
                boxes_csv=self.unlabeled_boxes_csv or None,
                on_error=self.on_error,
            )
        parts: list[sources.Source] = []
        if self.unlabeled_dir:
            parts.append(self.photos())
        if self.training_images:
            parts.append(self.split(self.train_split))
        if not parts:
            raise ValueError(
                "stage 1 has no images: set pretraining.unlabeled_dir to a folder of photos, "
                "pretraining.training_images to True, or pretraining.mixture"
            )
        return sources.ConcatenatedSource(parts)
