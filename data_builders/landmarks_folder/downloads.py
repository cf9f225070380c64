"""Finds the faces of a folder of photos whose landmarks are a user's own.

Landmarks come from one of: `landmarks.csv`, COCO keypoints (`*.json`), a `.pts` file beside each
photo. `scheme.json` says what they mean.
"""

import collections
import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data_builders import face_builder, faces
from data_builders.landmarks_folder import (
    boxes,
    coco_files,
    csv_tables,
    kinds,
    listed,
    photo_names,
    pts_folders,
    sifting,
    splits,
)
from scaf_jax.data import images, photo_files
from scaf_jax.files import folder_files
from scaf_jax.landmarks import scheme_files, schemes

SCHEME_FILE = "scheme.json"


def recognize(root: pathlib.Path) -> bool:
    """Returns whether a folder looks like one of photos with landmarks of a user's own.

    That is: there is a scheme or a table, a `.pts` file beside a photo, or COCO keypoints. So it
    is with some published sets, which are to be asked before.

    Args:
      root: The folder.
    """
    if _scheme_file(root).is_file() or csv_tables.find_files(root):
        return True
    return pts_folders.has_pairs(root) or coco_files.has_keypoints(root)


def find(root: pathlib.Path) -> faces.Found:
    """Lists the faces of every split.

    Args:
      root: The folder.

    Raises:
      DownloadError: There are no landmarks, several kinds of them, or no scheme.json.
      SchemeError: The scheme is wrong.
      ValueError: A file of landmarks cannot be read; the message names it.
    """
    kind = kinds.find(root)
    scheme_file = _read_scheme(root, kind)
    every, problems = kind.list_faces(root, kind.files, scheme_file)
    notes = faces.Notes()
    photo_problems = _photo_problems(root, kind, every, notes)
    found, more = sifting.sift(every)
    problems = [*problems, *photo_problems, *more]
    if not found:
        raise face_builder.DownloadError(
            "\n  ".join([f"{root}: no face is annotated in its {kind.name}", *problems])
        )
    average = boxes.average_face(
        [face.annotate for face in found], scheme_file.scheme.num_landmarks
    )
    by_split, split_problems = splits.assign(root, found)
    return faces.Found(
        layout=f"photos with landmarks of your own: {kind.name}",
        splits={name: _as_faces(root, members, average) for name, members in by_split.items()},
        parts=[faces.Part(name, len(members)) for name, members in by_split.items()],
        problems=[
            *_scheme_problems(scheme_file.scheme),
            *problems,
            *split_problems,
            *sifting.split_problems(by_split),
        ],
        passed_over=notes.passed_over,
    )


def read_scheme(root: pathlib.Path) -> schemes.LandmarkScheme:
    """Returns what a folder's landmarks mean; raises as `find`."""
    path = _scheme_file(root)
    scheme_file = (
        scheme_files.read_scheme(path) if path.is_file() else _read_scheme(root, kinds.find(root))
    )
    return scheme_file.scheme


def _scheme_file(root: pathlib.Path) -> pathlib.Path:
    """The scheme's file, whatever letters of its name are capital."""
    if not root.is_dir():
        return root / SCHEME_FILE
    alike = [path for path in folder_files.files_in(root) if path.name.lower() == SCHEME_FILE]
    return next(iter(alike), root / SCHEME_FILE)


def _read_scheme(root: pathlib.Path, kind: kinds.Kind) -> scheme_files.SchemeFile:
    path = _scheme_file(root)
    if path.is_file():
        return scheme_files.read_scheme(path)
    names = kind.landmark_names(kind.files[0])
    built_in = [scheme for scheme in schemes.SCHEMES if scheme.landmark_names == tuple(names)]
    if built_in:
        content, advice = {"name": built_in[0].name}, "if they are marked in that way"
    elif len(names) < 2:
        raise face_builder.DownloadError(f"{kind.files[0]}: has fewer than two landmarks")
    else:
        names = [f"point_{int(name) + 1}" if name.isdecimal() else name for name in names]
        content = scheme_files.example(names)
        advice = (
            "after correcting flip_pairs (which change places in a mirrored photo) and normalizer "
            "(the two whose distance errors are divided by), left and right as on the photo"
        )
    raise face_builder.DownloadError(
        f"{path} is missing, which says what the {len(names)} landmarks mean. Save this there, "
        f"{advice}:\n{_written(content)}"
    )


def _written(content: Mapping[str, Any]) -> str:
    lines = [f'  "{name}": {json.dumps(v, ensure_ascii=False)}' for name, v in content.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def _scheme_problems(scheme: schemes.LandmarkScheme) -> list[str]:
    if scheme.flip_permutation != tuple(range(scheme.num_landmarks)):
        return []
    return [
        f"{SCHEME_FILE} has no flip_pairs: in mirrored photos every landmark keeps its number; if "
        "that is wrong, name the pairs"
    ]


def _photo_problems(
    root: pathlib.Path, kind: kinds.Kind, found: Sequence[listed.Listed], notes: faces.Notes
) -> list[str]:
    """What there is to say of the folder's photos; what was passed over is noted."""
    read = {path.relative_to(root).as_posix() for path in (_scheme_file(root), *kind.files)}
    files = photo_files.look(root, known=read)
    notes.add(files)
    annotated = {face.name for face in found}
    alone = [name for name in files.photos if name not in annotated]
    missing = [face for face in found if face.image is not None and not face.image.exists()]
    meant = photo_names.meant([face.name for face in missing], alone)
    if meant:
        name, photo = next(iter(meant.items()))
        notes.problems.append(
            f"{len(meant)} names in {kind.name} are no photos, but there are photos that they may "
            f"mean, such as {listed.some([photo])} for {listed.some([name])}; names are paths, "
            "spelled as the file's, with small and capital letters"
        )
    if alone:
        notes.problems.append(
            f"{len(alone)} photos have no landmarks in {kind.name}: {listed.some(alone)}"
        )
    return notes.problems


def _as_faces(
    root: pathlib.Path, members: Sequence[listed.Listed], average: boxes.AverageFace
) -> list[faces.Face]:
    totals = collections.Counter(face.name for face in members)
    seen: collections.Counter[str] = collections.Counter()
    result = []
    for face in members:
        seen[face.name] += 1
        # A photo with several faces: its name and the face's number there.
        key = face.name if totals[face.name] == 1 else f"{face.name}#{seen[face.name]}"
        result.append(
            faces.Face(
                image=root if face.image is None else face.image,
                key=images.printable_name(key),
                subset="",
                place=face.place,
                annotate=functools.partial(_with_box, face.annotate, average),
            )
        )
    return result


def _with_box(
    annotate: Callable[[], faces.Annotation], average: boxes.AverageFace
) -> faces.Annotation:
    annotation = annotate()
    mask = annotation.mask
    if annotation.box_ground_truth is not None or mask is None or mask.all():
        return annotation
    return dataclasses.replace(annotation, box_ground_truth=average.box(annotation.landmarks, mask))
