"""Looks through a folder of downloads: which set it is, what is wrong, whether it can be used.

    python -m data_builders.doctor DIR [--out=FOLDER]

Nothing in DIR is changed. What was found is written to `doctor.md`, `problems.csv`, `faces.png`
and, for programs, `summary.json`, which `data_builders.prepare` writes too.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from data_builders import faces
from data_builders.doctor import (
    diagnosis,
    examination,
    pictures,
    problems,
    recognition,
    report,
)
from scaf_jax.data import photo_files
from scaf_jax.files import atomic

WRONG_ARGUMENTS = 3
SUMMARY_FILE = "summary.json"
_EPILOG = """
exit code:
  0  usable
  1  not usable: no known set, no usable face, or more than half of a split is bad
  2  usable with --on_error=skip only: some faces are bad
  3  wrong arguments
Problems that are 'worth a look' do not count: such faces are prepared as they are.
"""


class _Parser(argparse.ArgumentParser):
    """argparse's own exit code for wrong arguments, 2, means something else here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(WRONG_ARGUMENTS, f"error: {message}\n")


def diagnose(
    root: pathlib.Path, name: str | None = None, limit: int | None = None
) -> diagnosis.Diagnosis:
    """Looks at every face of a folder of downloads.

    Args:
      root: The folder.
      name: Which set it holds; None finds out.
      limit: Look at so many faces, drawn at random; None looks at all.

    Raises:
      ValueError: It holds no known set, or none of its faces; the message says what is missing.
    """
    names = [name] if name is not None else recognition.recognize(root)
    if not names:
        known = ", ".join(recognition.known_names())
        raise ValueError(
            f"{root} looks like none of the known sets ({known}); their README files say what "
            "belongs where, and --set=NAME says what is missing from one"
            + (f"; {photo_files.UNPACK}" if photo_files.look(root).archives else "")
        )
    data_set = recognition.open_set(names[0], root)
    found = data_set.downloads.find(root)
    listed = examination.list_faces(found.splits, limit)
    observations = examination.examine(listed, data_set.num_landmarks)
    others = [other for other in names[1:] if other not in recognition.FALLBACKS]
    return diagnosis.diagnose(root, data_set, found, observations, others)


def write(seen: diagnosis.Diagnosis, out: pathlib.Path) -> list[pathlib.Path]:
    """Writes the report, the table of problems, the summary and the picture; returns their paths.

    Raises:
      OSError: They cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = [out / "doctor.md", out / "problems.csv", out / SUMMARY_FILE]
    chosen = pictures.choose(seen.observations)
    picture = out / "faces.png"
    if chosen:
        title = f"{seen.data_set.name}: {seen.found.layout}"
        atomic.write_png(picture, pictures.draw_faces(chosen, seen.data_set.crop, title))
        written.append(picture)
    else:
        picture.unlink(missing_ok=True)
    atomic.write_text(written[0], report.markdown(seen, picture.name if chosen else None))
    atomic.write_text(written[1], problems.table(report.rows(seen), str(seen.root)))
    atomic.write_json(written[2], {"command": "doctor", **seen.as_dict()})
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = _Parser(
        prog="python -m data_builders.doctor",
        description="Looks through a folder of downloads and says whether it can be used.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", help="folder of the unzipped downloads")
    parser.add_argument(
        "--out", "--output", help="where the report goes (default: ./doctor_DIRNAME)"
    )
    known = recognition.known_names()
    parser.add_argument("--set", choices=known, help="which set it is (default: found out)")
    parser.add_argument("--limit", type=_positive, help="look at so many faces, drawn at random")
    values = parser.parse_args(arguments)
    root = pathlib.Path(values.directory).expanduser()
    if not root.is_dir():
        parser.error(f"{root} is not a folder")
    out = pathlib.Path(values.out or f"doctor_{root.resolve().name}").expanduser()
    try:
        seen = diagnose(root, values.set, values.limit)
        print(report.summary(seen))
        print(f"written: {', '.join(map(str, write(seen, out)))}")
    except (ValueError, OSError, *faces.FACE_ERRORS) as error:  # no traceback: the user's to mend
        verdict = diagnosis.VERDICTS[diagnosis.NOT_USABLE]
        recognition.note_deeper(root, error)
        print(f"error: {diagnosis.told(error)}\nverdict: {verdict}", file=sys.stderr)
        _write_failure(out, diagnosis.of_failure(str(root), values.set, error))
        return diagnosis.NOT_USABLE
    return seen.verdict


def _write_failure(out: pathlib.Path, failure: dict[str, Any]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        atomic.write_json(out / SUMMARY_FILE, {"command": "doctor", **failure})
    except OSError as error:
        print(f"error: {out}: cannot be written: {error}", file=sys.stderr)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(f"{value} is not positive")
    return value


if __name__ == "__main__":
    sys.exit(main())
