"""What a person has to do now, in one screen: `python -m scaf_jax.active_learning next`."""

import pathlib
from collections.abc import Mapping

from scaf_jax.annotation import store
from scaf_jax.annotation.faces import EXPORT_FOLDER, AnnotationError, read_index
from scaf_jax.files import strict_json
from scaf_jax.files.escaping import printable

_LISTED = 5
_PROGRAM = "python -m scaf_jax.active_learning"
_START = "python -m scaf_jax.main --config=... --workdir={} (with the flags that it had)"
REPORT_FILE = "metrics.json"


def text(workdir: pathlib.Path, rounds: Mapping[int, pathlib.Path]) -> str:
    """Returns what to do now.

    Args:
      workdir: The run's folder.
      rounds: Folders of the rounds that were exported, by number.

    Raises:
      AnnotationError: There is no run, or a file of it is damaged.
    """
    if not rounds:
        raise AnnotationError(
            f"{workdir}: no round of it waits for a person; begin with\n"
            f"  python -m scaf_jax.main --config=... --workdir={workdir} "
            "--config.active_learning.oracle=human"
        )
    number = max(rounds)
    status = store.status(rounds[number])
    done = f"{len(status.annotated)} annotated, {len(status.skipped)} skipped"
    done += f", {len(status.put_back)} put back" if status.put_back else ""
    lines = [f"Round {number}: {status.asked} faces, {done}, {len(status.missing)} to do."]
    if status.missing:
        lines += _to_annotate(workdir, number, rounds[number], status)
    elif _is_finished(workdir, number):
        lines += ["The budget is spent and the last network is trained. Its results:"]
        lines += [
            f"  {workdir / 'report.md'}",
            "The network on other photos, and all that was annotated as a data set of its own:",
            f"  python -m scaf_jax.predict {workdir} PHOTOS --output=found",
            f"  {_PROGRAM} collect --workdir={workdir} FOLDER",
        ]
    else:
        lines += ["Nothing is left to annotate. Go on with", f"  {_START.format(workdir)}"]
    return "\n".join([*lines, *_more_labels(workdir)])


def _more_labels(workdir: pathlib.Path) -> list[str]:
    """What the rounds so far say of further labels."""
    path = workdir / REPORT_FILE
    if not path.is_file():
        return []
    content = strict_json.read_json(path)
    told = content.get("more_labels") if isinstance(content, dict) else None
    if not isinstance(told, list) or not told:
        return []
    return ["So far:", *(f"  {printable(str(line))}" for line in told)]


def _to_annotate(
    workdir: pathlib.Path, number: int, folder: pathlib.Path, status: store.Status
) -> list[str]:
    missing = set(status.missing)
    waiting = [face for face in read_index(folder).faces if face.key in missing]
    lines = [f"1. Annotate, in this order, in {folder / EXPORT_FOLDER} (README.md says how):"]
    lines += [f"   {face.rank:4d}  {printable(face.key)}" for face in waiting[:_LISTED]]
    if len(waiting) > _LISTED:
        lines.append(f"         and {len(waiting) - _LISTED} more")
    if status.rejected:
        lines.append(
            f"   {len(status.rejected)} were given back but not accepted: import_report.md in "
            f"{folder} says why."
        )
    where = f"--workdir={workdir} --round={number}"
    return [
        *lines,
        "   Points that the photo does not show are left out. No face, or not usable? Never asked "
        "again after",
        f"     {_PROGRAM} skip {where} NUMBER [NUMBER ...]",
        "2. Give back what is done, as often as you like:",
        f"     {_PROGRAM} import {where} FILE",
        "3. When nothing is left, or after",
        f"     {_PROGRAM} close --workdir={workdir}",
        "   which ends the round with what is annotated by then:",
        f"     {_START.format(workdir)}",
    ]


def _is_finished(workdir: pathlib.Path, number: int) -> bool:
    """Whether the report of all rounds was written after this one."""
    path = workdir / REPORT_FILE
    if not path.is_file():
        return False
    content = strict_json.read_json(path)
    try:
        return max(row["round"] for row in content["rounds"]) >= number
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(f"{path}: damaged; start scaf_jax.main again") from error
