"""All that a person annotated in a run's rounds, as one data set of its own.

`landmarks.csv`, `scheme.json` and `photos/`, one copy for each face: what
`data_builders.prepare landmarks_folder` reads.
"""

import csv
import io
import pathlib
import shutil
from collections.abc import Iterator, Sequence

from scaf_jax.annotation import faces, store
from scaf_jax.files import atomic
from scaf_jax.formats.asked import PHOTO_FOLDER, AskedFace
from scaf_jax.landmarks import scheme_files

TABLE, SCHEME = "landmarks.csv", "scheme.json"
_DECIMALS = 3


def collect(rounds: Sequence[pathlib.Path], output: pathlib.Path) -> int:
    """Writes the annotated faces of some rounds; the table comes last, once all photos are there.

    Args:
      rounds: The rounds' folders.
      output: The folder to write; made if it is not there, else it must be empty.

    Returns:
      How many faces there are.

    Raises:
      AnnotationError: Nothing is annotated, the folder is not empty, a photo is gone, or a file of
        a round is damaged.
    """
    annotated = {folder: store.read_annotations(folder) for folder in rounds}
    if not any(annotated.values()):
        raise faces.AnnotationError("nothing is annotated yet, so that there is nothing to collect")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise faces.AnnotationError(f"{output} is there already; give an empty folder or a new one")
    (output / PHOTO_FOLDER).mkdir(parents=True, exist_ok=True)
    scheme = faces.read_scheme(rounds[0])
    header = [f"{name}_{axis}" for name in scheme.landmark_names for axis in "xy"]
    rows = [["name", "x0", "y0", "x1", "y1", *header, "key"]]
    for folder, known in annotated.items():
        asked = [face for face in faces.read_index(folder).faces if face.key in known]
        for face in asked:
            name = f"{PHOTO_FOLDER}/{folder.name}_{face.file}"
            _copy(folder / faces.EXPORT_FOLDER / PHOTO_FOLDER / face.file, output / name)
            rows.append([name, *_numbers(face, known[face.key]), face.key])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    atomic.write_json(output / SCHEME, scheme_files.scheme_to_dict(scheme))
    atomic.write_text(output / TABLE, text.getvalue())
    return len(rows) - 1


def _copy(photo: pathlib.Path, target: pathlib.Path) -> None:
    if not photo.is_file():
        raise faces.AnnotationError(
            f"{photo} is gone; `python -m scaf_jax.active_learning export` writes it again"
        )
    shutil.copyfile(photo, target)


def _numbers(face: AskedFace, annotation: store.Annotation) -> Iterator[str]:
    yield from (f"{side:g}" for side in face.box)
    for (x, y), known in zip(annotation.landmarks, annotation.mask, strict=True):
        yield from (f"{value:.{_DECIMALS}f}" if known else "" for value in (x, y))
