"""Takes annotations back: recognizes the format, checks every face, writes the good ones.

Nothing that is given back gets lost: faces that pass are written, everything else is listed with
its place in the file, its field and what to do. A corrected file is imported the same way and
adds to what is there.
"""

import collections
import os
import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaf_jax.annotation import numbering, reports, scaling, skips, store, validation
from scaf_jax.annotation.faces import AnnotationError, Index, read_index, read_json
from scaf_jax.annotation.reports import ImportReport
from scaf_jax.data.images import printable_name
from scaf_jax.formats import coco_reader, label_studio, pts
from scaf_jax.formats.asked import AskedFace
from scaf_jax.formats.marks import MarkedFace, Problem, Source, as_dict, shown
from scaf_jax.landmarks.schemes import LandmarkScheme

PathLike = str | os.PathLike[str]

# Of a face's landmarks at the very places that another face was pre-labeled with.
_MOST_KEPT = 0.5
_MOST_NAMED = 3

Accepted = list[tuple[AskedFace, MarkedFace, validation.CheckedFace]]


def import_annotations(
    path: PathLike, round_folder: PathLike, scheme: LandmarkScheme
) -> ImportReport:
    """Imports what a person gives back.

    Args:
      path: A Label Studio export (JSON or JSON_MIN), a COCO keypoints file, a `.pts` file or a
        folder of these.
      round_folder: Folder of the round, with `to_annotate/` in it. Gets `annotations/` with a
        file for each accepted face, `import_report.md` and `import_report.json`.
      scheme: What the landmarks mean; the one of the export.

    Returns:
      What became of it.

    Raises:
      AnnotationError: The round was not exported with this scheme, or the file cannot be read as
        any of the formats. Nothing is written then.
    """
    folder = pathlib.Path(round_folder)
    index = read_index(folder)
    _check_scheme(folder, index, scheme)
    source = read_source(path, scheme)
    accepted, problems = _judge(source, index, scheme)
    if not (accepted or problems or source.problems):
        problems = [_nothing(source)]
    # A folder of .pts gives skipped faces back as they were written: nobody marked these.
    left = skips.left_out(folder)
    accepted = [item for item in accepted if not (item[0].key in left and item[2].unchanged)]
    replaced = [a.key for a, m, c in accepted if _write(folder, a, m, c, scheme, source)]
    annotated = store.read_annotations(folder)
    report = ImportReport(
        source=source.name,
        format=source.format,
        accepted=tuple(asked.key for asked, _, _ in accepted),
        unchanged=tuple(asked.key for asked, _, checked in accepted if checked.unchanged),
        replaced=tuple(replaced),
        rejected=(*source.problems, *problems),
        missing=tuple(
            face.key for face in index.faces if face.key not in annotated and face.key not in left
        ),
    )
    reports.write(folder, report)
    return report


def _check_scheme(folder: pathlib.Path, index: Index, scheme: LandmarkScheme) -> None:
    if index.scheme != scheme.name:
        raise AnnotationError(
            f"{folder}: was exported for scheme '{index.scheme}', not '{scheme.name}'"
        )
    if any(len(face.landmarks) != scheme.num_landmarks for face in index.faces):
        raise AnnotationError(f"{folder}: its index is damaged; export the round again")


def read_source(path: PathLike, scheme: LandmarkScheme) -> Source:
    """Reads a file or folder in whichever of the formats it is.

    Raises:
      AnnotationError: It is in none of them.
    """
    path = pathlib.Path(path)
    name = printable_name(path.name)
    if not path.exists():
        raise AnnotationError(f"{path}: does not exist")
    if path.is_dir() or path.suffix.lower() == ".pts":
        faces = tuple(pts.read_folder(path, scheme))
        if not faces:
            raise AnnotationError(
                f"{path}: holds no .pts files; for Label Studio or COCO give the .json file itself"
            )
        return Source(name, "pts", faces)
    content = read_json(path)
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):
        if isinstance(content.get("images"), list):
            return Source(name, "coco", tuple(coco_reader.read_document(name, content, scheme)))
    return _label_studio_source(path, name, content, scheme)


def _label_studio_source(
    path: pathlib.Path, name: str, content: Any, scheme: LandmarkScheme
) -> Source:
    tasks = [content] if isinstance(content, dict) and "data" in content else content
    if not isinstance(tasks, list):
        raise AnnotationError(
            f"{path}: neither an export of Label Studio (JSON, JSON_MIN) nor COCO keypoints"
        )
    is_full = any("data" in as_dict(task) for task in tasks)
    kind = "label_studio" if is_full else "label_studio_min"
    return Source(name, kind, tuple(label_studio.read_tasks(name, tasks, scheme)))


def _judge(source: Source, index: Index, scheme: LandmarkScheme) -> tuple[Accepted, list[Problem]]:
    """Sorts the faces of a source into those accepted and objections to the others."""
    problems: list[Problem] = []
    attempts: dict[str, Accepted] = collections.defaultdict(list)
    proposed = np.array([face.landmarks for face in index.faces])
    for face in source.faces:
        asked = index.find(face.photo)
        if asked is None:
            told = [problem for problem in face.problems if face.photo is None]
            problems += [Problem(face.location, None, *problem) for problem in told]
            problems += [] if told else [_unknown_photo(face)]
            continue
        checked, objections = validation.check(face, asked, scheme)
        problems += objections
        other = None if checked is None else _marked_for(checked, asked, index, proposed)
        if other is not None:
            problems.append(_of_another(face, asked, other))
            continue
        if checked is not None:
            attempts[asked.key].append((asked, face, checked))
    accepted = []
    for found in attempts.values():
        if len(found) == 1:
            accepted += found
        else:
            problems += _doubled(found)
    doubts = _scaled(accepted) or _numbered_otherwise(accepted, scheme)
    if doubts:
        return [], [*problems, *doubts]
    return sorted(accepted, key=lambda item: item[0].rank), problems


def _scaled(accepted: Accepted) -> list[Problem]:
    """Objections to all faces where their landmarks are in another unit throughout."""
    edited = [item for item in accepted if not item[2].unchanged]
    said = scaling.find(
        [checked.landmarks[checked.mask] + 0.5 for _, _, checked in edited],
        [asked.landmarks[checked.mask] + 0.5 for asked, _, checked in edited],
        [np.array([asked.width, asked.height], np.float64) for asked, _, _ in edited],
    )
    message = f"all faces' points are where {said} would be"
    advice = "Give pixels of the exported photos"
    return [Problem(f.location, a.key, "points", message, advice) for a, f, _ in edited if said]


def _numbered_otherwise(accepted: Accepted, scheme: LandmarkScheme) -> list[Problem]:
    """Objections to all faces where landmarks have the places of others throughout."""
    edited = [item for item in accepted if not item[2].unchanged]
    moved = numbering.find(
        [np.where(checked.mask[:, None], checked.landmarks, np.nan) for _, _, checked in edited],
        [asked.landmarks for asked, _, _ in edited],
    )
    if not moved:
        return []
    names = scheme.landmark_names
    told = ", ".join(f"{names[i]} where {names[other]}" for i, other in moved[:_MOST_NAMED])
    message = f"on all faces {len(moved)} landmarks are where others were proposed: {told}"
    advice = "Look whether names or numbers were sorted or renamed, and keep those of the export"
    return [Problem(f.location, a.key, "points", message, advice) for a, f, _ in edited]


def _marked_for(
    checked: validation.CheckedFace, asked: AskedFace, index: Index, proposed: NDArray[np.float64]
) -> AskedFace | None:
    """The face whose pre-labels, of (N, L, 2) `proposed`, most landmarks are, if another one."""
    mask = checked.mask
    apart = np.abs(proposed[:, mask] - checked.landmarks[mask]).max(axis=-1)
    kept = (apart <= validation.UNCHANGED).mean(axis=-1)
    closest = int(kept.argmax())
    own = kept[next(i for i, face in enumerate(index.faces) if face is asked)]
    return index.faces[closest] if kept[closest] > max(_MOST_KEPT, own) else None


def _of_another(face: MarkedFace, asked: AskedFace, other: AskedFace) -> Problem:
    return Problem(
        face.location,
        asked.key,
        "points",
        f"most are where they were proposed for {other.file}, not for {asked.file}",
        "Look whether photos and annotations have changed places, such as by their ids",
    )


def _unknown_photo(face: MarkedFace) -> Problem:
    message = (
        "names no photo"
        if face.photo is None
        else f"photo {shown(face.photo)} is not among those exported in this round"
    )
    advice = "Import it into the round it belongs to, and keep the names of the photos"
    return Problem(face.location, None, "photo", message, advice)


def _nothing(source: Source) -> Problem:
    message = "not one face is annotated in it"
    advice = "Submit the annotations in the tool and export them again, whole"
    return Problem(source.name, None, "file", message, advice)


def _doubled(found: Accepted) -> list[Problem]:
    places = ", ".join(face.location for _, face, _ in found)
    return [
        Problem(
            face.location,
            asked.key,
            "annotation",
            f"the face is annotated {len(found)} times ({places})",
            "Delete all but the best and import again",
        )
        for asked, face, _ in found
    ]


def _write(
    folder: pathlib.Path,
    asked: AskedFace,
    marked: MarkedFace,
    checked: validation.CheckedFace,
    scheme: LandmarkScheme,
    source: Source,
) -> bool:
    annotation = store.Annotation(
        key=asked.key,
        scheme=scheme.name,
        landmarks=checked.landmarks.astype("float32"),
        mask=checked.mask,
        unchanged=checked.unchanged,
        source=marked.location,
        format=source.format,
    )
    return store.write_annotation(folder, asked, annotation)
