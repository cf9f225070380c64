"""The command: prints the table and exits with 1 if a number is too far off.

python -m scaf_jax.parity --fixtures=DIR [--faces=DIR2] [--only=losses,crops] [--output=FILE.json]
"""

import dataclasses
import json
import pathlib
import sys
from collections.abc import Sequence

from absl import app, flags, logging

from scaf_jax.parity import checks, comparison, fixtures

_FIXTURES = flags.DEFINE_string("fixtures", None, "Folder of the fixtures.", required=True)
_FACES = flags.DEFINE_string(
    "faces",
    None,
    "Folder of the photos of the crop fixtures; FIXTURES/../data/faces_300w_layout by default.",
)
_ONLY = flags.DEFINE_list(
    "only", [], f"Kinds of fixtures to check, all that are there by default: {list(checks.KINDS)}."
)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file to write the rows to; none by default.")


def main(argv: Sequence[str]) -> int:
    """Runs the checks; returns 0 if all numbers agree, 1 if not, 2 if they cannot be checked."""
    logging.set_verbosity(logging.WARNING)  # JAX's search for accelerators is not news here
    if len(argv) > 1:
        return _fail(f"unexpected arguments {argv[1:]}; flags have the form --name=value")
    try:
        folder = fixtures.Folder(pathlib.Path(_FIXTURES.value))
        faces = folder.path / ".." / "data" / "faces_300w_layout"
        if _FACES.value:
            faces = pathlib.Path(_FACES.value)
        present = checks.present_kinds(folder)
        wanted = _ONLY.value or present
        unknown = [kind for kind in wanted if kind not in checks.KINDS]
        if unknown:
            return _fail(f"--only: unknown kinds {unknown}; known: {list(checks.KINDS)}")
        absent = [kind for kind in wanted if kind not in present]
        if absent or not wanted:
            names = [name for kind in absent or checks.KINDS for name in checks.KINDS[kind]]
            return _fail(f"the folder '{folder.path}' has no {', no '.join(names)}")
        rows = checks.run(folder, faces, wanted)
    except fixtures.FixtureError as error:
        return _fail(str(error))
    _report(rows, wanted)
    return 0 if all(row.ok for row in rows) else 1


def _report(rows: list[comparison.Row], checked: Sequence[str]) -> None:
    print(comparison.format_table(rows))
    failed = sum(not row.ok for row in rows)
    print(f"\n{len(rows)} quantities, {failed} over their tolerance")
    left_out = [kind for kind in checks.KINDS if kind not in checked]
    if left_out:
        print(f"not checked (no such files, or left out by --only): {', '.join(left_out)}")
    if _OUTPUT.value:
        content = [dataclasses.asdict(row) | {"ok": row.ok} for row in rows]
        pathlib.Path(_OUTPUT.value).write_text(json.dumps(content, indent=1), encoding="utf-8")


def _fail(message: str) -> int:
    print(f"parity: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    app.run(main)
