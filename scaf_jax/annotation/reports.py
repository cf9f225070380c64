"""What became of each import: `import_report.md` for people, `import_report.json` for programs.

The JSON file keeps all imports of a round, so that no objection is ever forgotten.
"""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Any

from scaf_jax.annotation.faces import AnnotationError, read_json
from scaf_jax.files import atomic
from scaf_jax.files.escaping import escape_markdown, printable
from scaf_jax.formats.marks import Problem

MARKDOWN_FILE = "import_report.md"
JSON_FILE = "import_report.json"
VERSION = 1


@dataclasses.dataclass(frozen=True)
class ImportReport:
    """What became of an import.

    Attributes:
      source: Name of the imported file or folder.
      format: What it was taken for: `label_studio`, `label_studio_min`, `coco` or `pts`.
      accepted: Keys of the faces that were written.
      unchanged: Those of them that equal their pre-labels.
      replaced: Those of them that had another annotation before, which was kept.
      rejected: What could not be used, and why.
      missing: Keys of the faces that have no annotation, also after this import.
    """

    source: str
    format: str
    accepted: tuple[str, ...]
    unchanged: tuple[str, ...]
    replaced: tuple[str, ...]
    rejected: tuple[Problem, ...]
    missing: tuple[str, ...]


def write(round_folder: pathlib.Path, report: ImportReport) -> None:
    """Adds an import to the JSON file and makes the Markdown file anew."""
    imports = [*_read_imports(round_folder), dataclasses.asdict(report)]
    content = {"version": VERSION, "imports": imports}
    atomic.write_json(round_folder / JSON_FILE, content)
    open_problems = _open_problems(imports[:-1], report)
    atomic.write_text(round_folder / MARKDOWN_FILE, _markdown(report, open_problems))


def read_problems(round_folder: pathlib.Path) -> list[Problem]:
    """Returns the objections of all imports of a round, earliest first.

    Raises:
      AnnotationError: The file is damaged.
    """
    return _problems(round_folder / JSON_FILE, _read_imports(round_folder))


def _read_imports(round_folder: pathlib.Path) -> list[dict[str, Any]]:
    path = round_folder / JSON_FILE
    if not path.is_file():
        return []
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("imports"), list):
        raise AnnotationError(f"{path}: damaged; move it away (annotations are not in it)")
    return content["imports"]


def _problems(path: pathlib.Path, imports: list[dict[str, Any]]) -> list[Problem]:
    try:
        return [Problem(**problem) for entry in imports for problem in entry["rejected"]]
    except (KeyError, TypeError) as error:
        raise AnnotationError(
            f"{path}: damaged ({error}); move it away (annotations are not in it)"
        ) from error


def _open_problems(earlier: list[dict[str, Any]], report: ImportReport) -> list[Problem]:
    """Objections of earlier imports to faces that still have no annotation."""
    waiting = set(report.missing) - {problem.key for problem in report.rejected}
    problems = _problems(pathlib.Path(JSON_FILE), earlier)
    return [problem for problem in problems if problem.key in waiting]


def _markdown(report: ImportReport, open_problems: list[Problem]) -> str:
    lines = [
        f"# Import of {escape_markdown(report.source)}",
        "",
        f"- Read as: {report.format}",
        f"- Accepted faces: {len(report.accepted)}",
        f"- of these unchanged from the pre-labels: {len(report.unchanged)}",
        f"- of these replacing an earlier annotation: {len(report.replaced)}",
        f"- Problems: {len(report.rejected)}",
        f"- Faces still without an annotation: {len(report.missing)}",
    ]
    if report.unchanged:
        lines += ["", "## Unchanged from the pre-labels", ""]
        lines += ["If nobody has looked at these yet, correct and import them again.", ""]
        lines += [f"- {escape_markdown(key)}" for key in report.unchanged]
    if report.rejected:
        lines += ["", "## Not accepted", "", *_table(report.rejected)]
    if open_problems:
        lines += ["", "## Still open from earlier imports", "", *_table(open_problems)]
    if report.missing:
        lines += ["", "## Still without an annotation", ""]
        lines += [f"- {escape_markdown(key)}" for key in report.missing]
    return "\n".join(lines) + "\n"


def _table(problems: Iterable[Problem]) -> list[str]:
    rows = ["| where | field | face | what is wrong | what to do |", "|---|---|---|---|---|"]
    for p in problems:
        cells = (p.location, p.field, p.key or "", p.message, p.advice)
        rows.append("| " + " | ".join(escape_markdown(cell) for cell in cells) + " |")
    return rows


def summary(report: ImportReport) -> str:
    """Returns the report as lines for a terminal."""
    lines = [printable(f"{problem}") for problem in report.rejected]
    lines.append(
        f"{len(report.accepted)} faces accepted ({len(report.unchanged)} unchanged from the "
        f"pre-labels, {len(report.replaced)} replaced), {len(report.rejected)} problems, "
        f"{len(report.missing)} faces still to annotate"
    )
    return "\n".join(lines)
