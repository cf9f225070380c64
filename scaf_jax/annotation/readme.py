"""The text that tells an annotator what to do with the exported folder."""

import pathlib

from scaf_jax.annotation.faces import AVERAGE_FACE, CIRCLE, SCHEME_FILE, Index
from scaf_jax.annotation.previews import FOLDER as PREVIEW_FOLDER
from scaf_jax.formats import coco, label_studio, pts
from scaf_jax.formats.asked import PHOTO_FOLDER
from scaf_jax.landmarks.schemes import LandmarkScheme

FILE = "README.md"


def text(folder: pathlib.Path, index: Index, scheme: LandmarkScheme) -> str:
    """Returns the README of an export.

    Args:
      folder: `to_annotate`.
      index: What is asked for.
      scheme: What the landmarks mean.
    """
    return _TEXT.format(
        count=len(index.faces),
        order=_order(index),
        points=_POINTS.get(index.model_version, f"those of the network of {index.model_version}"),
        scheme=scheme.name,
        scheme_file=SCHEME_FILE,
        called=_called(scheme),
        lines=_lines(scheme),
        absent_example=label_studio.absent_example(scheme),
        folder=folder.resolve(),
        photos=PHOTO_FOLDER,
        previews=PREVIEW_FOLDER,
        config=label_studio.CONFIG_FILE,
        tasks=label_studio.TASKS_FILE,
        absent=label_studio.ABSENT,
        labels=coco.LABELS_FILE,
        coco=coco.ANNOTATIONS_FILE,
        pts=pts.FOLDER,
        workdir=_workdir(folder),
        round=folder.resolve().parent.name.removeprefix("round_"),
    )


def _order(index: Index) -> str:
    if any(face.score is not None for face in index.faces):
        return "The network was least sure about these faces, most of all about the first."
    return "These faces were chosen without a look at what a network is unsure of."


def _called(scheme: LandmarkScheme) -> str:
    """What the tools call the points."""
    if scheme.names:
        return f"called {', '.join(scheme.names)}"
    return f"numbered 0 to {scheme.num_landmarks - 1}"


def _lines(scheme: LandmarkScheme) -> str:
    """What a user's own landmarks are in files that have no names."""
    return " The lines are, in this order, the names above." if scheme.names else ""


def _workdir(folder: pathlib.Path) -> pathlib.Path:
    """WORKDIR of WORKDIR/rounds/round_N/to_annotate."""
    return folder.resolve().parent.parent.parent


_POINTS = {
    AVERAGE_FACE: "those of an average face",
    CIRCLE: "points of a circle, since there is no average face with such landmarks",
}
_TEXT = """\
# {count} faces to annotate

{order} Every photo in
`{photos}/` stands for one face, the one in the box (`{previews}/` shows it with the points to start
from); other faces in it are not asked for. Move the points, {called}
(scheme '{scheme}' of `{scheme_file}`), to their right places. They begin as {points}. "Left" and
"right" are those of the photo. Hidden points are put where they would be seen. Keep the names of
the photos.

Use whichever of these tools you like. You need not finish at once: faces can be given back in
parts, and with different tools.

## Label Studio

1. Serve the photos from this folder. In a terminal:

       export LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true
       export LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT="{folder}"
       label-studio start

   (If the folder was moved, give its present place. In Docker, give its place there.)
2. Create a project. Settings > Labeling Interface > Code: paste `{config}`.
3. Settings > Cloud Storage > Add Source Storage > Local files. Absolute local path:
   `{folder}/{photos}`. Leave "Treat every bucket object as a source file" off, save, and do NOT
   sync: this only allows the project to show the photos.
4. Import `{tasks}`. The order is that of the file; lower prediction scores are less sure.
5. In each task take over the prediction, move the points, submit. Landmarks that the photo does
   not show go into the text field `{absent}`, such as: {absent_example}
6. Export > JSON (or JSON-MIN).

## CVAT

1. Create a task. In the label constructor choose "Raw" and paste `{labels}`. Upload `{photos}/`.
2. Task menu > Upload annotations > COCO Keypoints 1.0: `{coco}`.
3. Move the points. Mark a point that the photo does not show as "outside", one that is covered
   as "occluded" (it counts like any other).
4. Task menu > Export task dataset > COCO Keypoints 1.0. Unpack the archive: the file to give
   back is `annotations/person_keypoints_default.json`.

## .pts files

`{pts}/` holds a file for each photo, coordinates counted from 1 as in the 300-W data. Copy those
you have corrected to a new folder and give that back. The line of a landmark that the photo does
not show becomes `nan nan`.{lines}

## Giving back

    python -m scaf_jax.active_learning import --workdir="{workdir}" --round={round} FILE

FILE is the exported .json or the folder of .pts files. Nothing is lost: good faces are taken,
everything else is listed in `import_report.md` with what to do. Correct it and import again.
Faces whose points nobody moved are taken as well, and listed: give back only what was looked at.

    python -m scaf_jax.active_learning status --workdir="{workdir}"

says what is missing. When nothing is, start `python -m scaf_jax.main` with the same flags as
before: it goes on with the next training.

    python -m scaf_jax.active_learning export --workdir="{workdir}" --round={round}

writes this folder again where something of it was lost. Edited .pts files stay, other files that
were changed are kept in `earlier/`, and what was given back already stays as it is.
"""
