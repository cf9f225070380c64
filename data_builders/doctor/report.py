"""The doctor's report: what was found, in tables, and whether it can be used."""

import pathlib
from collections.abc import Mapping, Sequence

from data_builders import faces
from data_builders.doctor.diagnosis import NOT_USABLE, USABLE_WITH_SKIP, VERDICTS, Diagnosis
from data_builders.doctor.problems import BAD, LOOK, Problem
from scaf_jax.files.escaping import escape_markdown
from scaf_jax.reporting.tables import Table


def summary(diagnosis: Diagnosis) -> str:
    """Returns what is printed: a few lines and the kinds of problems."""
    bad = sum(not seen.usable for seen in diagnosis.observations)
    name = diagnosis.data_set.name
    lines = [
        f"set: {name}{_also(diagnosis.others)}",
        f"layout: {diagnosis.found.layout}",
        f"faces looked at: {len(diagnosis.observations)}, bad: {bad}",
        *(f"  {part.name}: {_count(part)}" for part in diagnosis.found.parts),
        *diagnosis.findings(),
    ]
    if diagnosis.verdict != NOT_USABLE:
        lines.append(_command(diagnosis))
    return "\n".join(lines)


def markdown(diagnosis: Diagnosis, picture: str | None) -> str:
    """Returns the report in Markdown.

    Args:
      diagnosis: What was found out.
      picture: Name of the picture beside the report, or None.
    """
    found = diagnosis.found
    name = diagnosis.data_set.name
    text = [
        f"# {escape_markdown(str(diagnosis.root))}\n",
        f"- Data set: {name}{_also(diagnosis.others)}",
        f"- Layout: {escape_markdown(found.layout)}",
        f"- Verdict: **{VERDICTS[diagnosis.verdict]}**\n",
        *_section("Parts", _parts_table(found.parts) if found.parts else None),
        *_section("Splits", _splits_table(diagnosis)),
        *_section("Problems", _problems_table(diagnosis.by_kind())),
    ]
    text.append("Each with its file or line: [problems.csv](problems.csv).\n")
    if found.problems:
        text += ["## Incomplete\n", *(f"- {escape_markdown(line)}" for line in found.problems), ""]
    passed_over = diagnosis.found.passed_over
    if passed_over:
        counts = [f"- {escape_markdown(kind)}: {n}" for kind, n in sorted(passed_over.items())]
        text += ["## Passed over\n", *counts, ""]
    if picture:
        text += ["## Faces\n", f"![Sample faces, with points numbered from 0]({picture})\n"]
    if diagnosis.verdict != NOT_USABLE:
        text += ["## Next\n", f"    {_command(diagnosis)}\n"]
    return "\n".join(text)


def rows(diagnosis: Diagnosis) -> list[Problem]:
    """Returns all problems, those of the downloads as a whole first."""
    advice = "download and unpack it again, or use what is there"
    whole = [
        Problem(str(diagnosis.root), (), "incomplete", LOOK, text, advice)
        for text in diagnosis.found.problems
    ]
    return whole + list(diagnosis.problems)


def _also(others: Sequence[str]) -> str:
    return f" (it also looks like {', '.join(others)}; --set=NAME chooses)" if others else ""


def _count(part: faces.Part) -> str:
    return f"{part.found}" if part.expected is None else f"{part.found} of {part.expected}"


def _command(diagnosis: Diagnosis) -> str:
    skip = " --on_error=skip" if diagnosis.verdict == USABLE_WITH_SKIP else ""
    name = diagnosis.data_set.name
    return f"python -m data_builders.prepare {name} --manual_dir='{diagnosis.root}'{skip}"


def _section(title: str, table: Table | None) -> list[str]:
    return [] if table is None else [f"## {title}\n", table.markdown()]


def _parts_table(parts: Sequence[faces.Part]) -> Table:
    rows = [
        (part.name, str(part.found), "" if part.expected is None else str(part.expected))
        for part in parts
    ]
    return Table(("part", "found", "published"), tuple(rows))


def _splits_table(diagnosis: Diagnosis) -> Table:
    rows = [
        (split, str(len(diagnosis.found.splits[split])), str(looked), str(bad))
        for split, (looked, bad) in diagnosis.split_counts().items()
    ]
    return Table(("split", "faces", "looked at", "bad"), tuple(rows))


def _problems_table(by_kind: Mapping[str, Sequence[Problem]]) -> Table | None:
    rows = []
    for kind, of_kind in by_kind.items():
        first = of_kind[0]
        name = "/".join(pathlib.PurePath(first.place).parts[-2:])
        severity = "bad" if first.severity == BAD else "worth a look"
        rows.append((kind, severity, f"{name}: {first.what}", first.advice, str(len(of_kind))))
    header = ("kind", "severity", "the first", "what to do", "number")
    return Table(header, tuple(rows), num_names=4) if rows else None
