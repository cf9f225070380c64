"""Where the photos of a COCO file are, which names them without all of their folders."""

import dataclasses
import functools
import pathlib

from data_builders import faces, split_names
from data_builders.landmarks_folder import listed

ANNOTATIONS = "annotations"


@dataclasses.dataclass(frozen=True)
class File:
    """A COCO file of a data set's folder, and the split that its name says."""

    root: pathlib.Path
    path: pathlib.Path
    split: str | None

    @functools.cached_property
    def photo_folders(self) -> list[pathlib.Path]:
        """Where its photos may be, the likeliest first."""
        base = self.path.parent
        if base != self.root and base.name.lower() == ANNOTATIONS:
            base = base.parent
        last = self.path.stem.rpartition("_")[2]  # of person_keypoints_train2017
        folders = [base, base / "images"]
        for folder in tuple(folders):
            below = [path for path in listed.split_folders(folder) if self._is_of_split(path)]
            folders += [folder / last, *below]
        return list(dict.fromkeys(folders))

    def _is_of_split(self, folder: pathlib.Path) -> bool:
        try:
            return self.split is not None and split_names.split_of(folder.name) == self.split
        except split_names.UnclearSplitError:
            return False


def find_photo(file: File, name: str, place: str) -> pathlib.Path:
    """Returns a photo: beside the file, in `images`, or in either's folder of the file's split.

    Raises:
      FaceError: The name leads out of the folder, or several photos have it.
    """
    paths = [faces.file_below(folder, name, place) for folder in file.photo_folders]
    found = {path.resolve(): path for path in paths if path.is_file()}
    if len(found) > 1:
        shown = listed.some([str(path) for path in found.values()])
        raise faces.FaceError(
            f"{place}: its photo '{name}' is there {len(found)} times ({shown}); move away all but "
            "the one that is meant"
        )
    return next(iter(found.values()), paths[0])
