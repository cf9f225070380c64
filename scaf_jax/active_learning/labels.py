"""Who labels the chosen faces: the data set itself, or a person.

A person gets each round's faces in `round_N/to_annotate/`; the run stops and goes on when the
annotations were imported.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from scaf_jax.active_learning import selections
from scaf_jax.annotation import export, faces, skips, store
from scaf_jax.data import sources
from scaf_jax.files.places import Place
from scaf_jax.landmarks import mean_faces, schemes

Array = np.ndarray


class AnnotationNeeded(Exception):
    """A person has to annotate faces before the run can go on; nothing is wrong."""


class AnnotatedSource:
    """Faces of a pool with the landmarks that a person gave them."""

    def __init__(
        self, pool: sources.Source, annotations: Sequence[store.Annotation], places: Sequence[int]
    ) -> None:
        """Joins faces and annotations.

        Args:
          pool: All faces.
          annotations: One for each face.
          places: The faces' places in the pool, in the order of the annotations.
        """
        self._faces = sources.SubsetSource(pool, places)
        self._annotations = list(annotations)

    def __len__(self) -> int:
        return len(self._annotations)

    def __getitem__(self, index: int) -> sources.Record:
        annotation = self._annotations[index]
        labels = {"landmarks": annotation.landmarks, "landmark_mask": annotation.mask}
        return {**self._faces[index], **labels}

    @property
    def keys(self) -> list[str]:
        """The faces' keys, in order."""
        return self._faces.keys


def annotated(
    workdir: Place, pool: sources.Source, rounds: Sequence[selections.Selection]
) -> AnnotatedSource:
    """Returns the faces of these rounds with a person's annotations, without those left out.

    Raises:
      AnnotationNeeded: Some are neither annotated nor left out; the message says what to do.
    """
    place = {key: i for i, key in enumerate(pool.keys)}
    found, places = [], []
    for selection in rounds:
        folder = selections.round_folder(workdir, selection.round)
        annotations = store.read_annotations(folder)
        left = skips.left_out(folder) - annotations.keys()
        missing = [key for key in selection.keys if key not in annotations and key not in left]
        if missing:
            raise AnnotationNeeded(_what_to_do(workdir, folder, selection, len(missing)))
        kept = [key for key in selection.keys if key in annotations]
        found += [annotations[key] for key in kept]
        places += [place[key] for key in kept]
    return AnnotatedSource(pool, found, places)


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Faces that were asked for and not annotated, by key.

    Attributes:
      skipped: Those that a person will not annotate; they are never asked for again.
      put_back: Those of rounds that were closed early; they may be asked for again.
    """

    skipped: frozenset[str]
    put_back: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Both."""
        return self.skipped | self.put_back


def left_out(workdir: Place, rounds: Sequence[selections.Selection]) -> LeftOut:
    """Returns which faces of these rounds have no annotation and wait for none."""
    skipped: set[str] = set()
    put_back: set[str] = set()
    for selection in rounds:
        folder = selections.round_folder(workdir, selection.round)
        if faces.is_exported(folder):
            status = store.status(folder)
            skipped |= set(status.skipped)
            put_back |= set(status.put_back)
    return LeftOut(frozenset(skipped), frozenset(put_back))


def _what_to_do(
    workdir: Place, folder: Place, selection: selections.Selection, missing: int
) -> str:
    return (
        f"round {selection.round}: {missing} of {len(selection.keys)} faces wait for a person in "
        f"{folder / faces.EXPORT_FOLDER} (its README.md says how). Then import what the tool gives "
        f"back and start the same command again:\n"
        f"  python -m scaf_jax.active_learning import --workdir={workdir} FILE\n"
        f"  python -m scaf_jax.active_learning next --workdir={workdir}   # what is left to do"
    )


def ask(
    workdir: Place,
    pool: sources.Source,
    selection: selections.Selection,
    scheme: schemes.LandmarkScheme,
    landmarks: Mapping[str, Array],
    box: str,
    *,
    again: bool = False,
) -> None:
    """Writes a round's faces for a person, unless that was done before.

    Args:
      workdir: The run's folder.
      pool: All faces.
      selection: The round's choice.
      scheme: What to annotate.
      landmarks: A network's (L, 2) points by key, photo pixels, where there are such.
      box: Which of a record's boxes the average face is put into where there are none.
      again: Whether to write them even so; see `export` for what becomes of a person's work.
    """
    folder = selections.round_folder(workdir, selection.round)
    if faces.is_exported(folder) and not again:
        return
    place = {key: i for i, key in enumerate(pool.keys)}
    asked = []
    for key, score in zip(selection.keys, selection.scores, strict=True):
        record = pool[place[key]]
        points = landmarks.get(key)
        if points is None:
            points = mean_faces.in_box(scheme, record[f"box_{box}"])
        asked.append(
            faces.FaceToAnnotate(key, record["image"], points, record[f"box_{box}"], score)
        )
    version = f"round {selection.round - 1}"
    if not landmarks:
        version = faces.AVERAGE_FACE if mean_faces.has_face(scheme) else faces.CIRCLE
    export.export_faces(folder, asked, scheme, model_version=version)
