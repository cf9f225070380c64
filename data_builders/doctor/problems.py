"""What can be wrong with a face or a set: a place, a kind, what it is and what to do about it."""

import csv
import dataclasses
import io
from collections.abc import Sequence

from data_builders import faces
from scaf_jax.data import images
from scaf_jax.files import csv_tables
from scaf_jax.files.escaping import printable, spreadsheet_text
from scaf_jax.formats import pts

COLUMNS = ("file_or_line", "splits", "kind", "severity", "what", "what_to_do")

# A face with a problem of this severity cannot be prepared.
BAD = "bad"
# Worth a look, but prepared as it is.
LOOK = "look"


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something that is wrong.

    Attributes:
      place: The file, or `FILE:LINE`.
      splits: The splits that it is in, if any.
      kind: A few words that problems of the same kind share.
      severity: `BAD` or `LOOK`.
      what: What is wrong.
      advice: What to do.
    """

    place: str
    splits: tuple[str, ...]
    kind: str
    severity: str
    what: str
    advice: str


# (kind of error, words in its message, kind of problem), the first that fits.
_KINDS = (
    (images.ImageError, "No such file", "photo missing"),
    (images.ImageError, "cannot be read", "photo unreadable"),
    (images.ImageError, "the file is empty", "photo empty"),
    (images.ImageError, "is damaged", "photo damaged or cut short"),
    (images.ImageError, "not a readable image", "not a photo"),
    (images.ImageError, "larger than", "photo too large"),
    (images.ImageError, "pixels allowed", "photo too large"),
    (images.ImageError, "", "photo of an unusual kind"),
    (faces.FaceError, "show no face", "photo too small"),
    (faces.FaceError, "no file below", "bad file name"),
    (faces.FaceError, "box", "bad box"),
    (faces.FaceError, "", "bad points"),
    (pts.PtsError, "", "bad points"),
    (csv_tables.TableError, "", "bad line of a table"),
)
_ADVICE = {
    "photo missing": "download it again, or leave it out with --on_error=skip",
    "photo unreadable": "look at the file's rights, or remove it",
}
_USUAL_ADVICE = "put it right, or leave it out with --on_error=skip"


def of_error(error: ValueError, place: str, splits: tuple[str, ...]) -> Problem:
    """Returns the problem of a face that cannot be used.

    Args:
      error: One of `faces.FACE_ERRORS`.
      place: Where the face is annotated.
      splits: The splits that it is in.
    """
    message = str(error)
    kind = next(
        (kind for type_, words, kind in _KINDS if isinstance(error, type_) and words in message),
        "cannot be used",
    )
    what, semicolon, advice = message.rpartition("; ")
    if not semicolon:
        what, advice = message, _ADVICE.get(kind, _USUAL_ADVICE)
    return Problem(place, splits, kind, BAD, what, advice)


def table(found: Sequence[Problem], root: str) -> str:
    """Returns problems as the text of a csv file, one a row.

    Args:
      found: The problems.
      root: The folder of downloads, left out of the places for short.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for problem in found:
        place = problem.place.removeprefix(f"{root}/")
        row = (place, " ".join(problem.splits), problem.kind, problem.severity)
        row += (problem.what, problem.advice)
        writer.writerow([spreadsheet_text(printable(cell)) for cell in row])
    return text.getvalue()
