"""The commands around a person who annotates: give faces out, take them back, see what is left.

python -m scaf_jax.active_learning export --workdir=DIR --round=N
python -m scaf_jax.active_learning import --workdir=DIR [--round=N] FILE
python -m scaf_jax.active_learning status --workdir=DIR [--round=N]
python -m scaf_jax.active_learning next --workdir=DIR
python -m scaf_jax.active_learning skip --workdir=DIR [--round=N] FACE [FACE ...]
python -m scaf_jax.active_learning close --workdir=DIR
python -m scaf_jax.active_learning collect --workdir=DIR FOLDER
"""

import argparse
import pathlib
import re
import sys
from collections.abc import Sequence

from scaf_jax.active_learning import next_step
from scaf_jax.annotation import collecting, faces, importing, reports, skips, store
from scaf_jax.data.images import ImageError
from scaf_jax.files import places
from scaf_jax.files.escaping import printable

ROUNDS_FOLDER = "rounds"  # as in `run_folder`, which needs JAX
_MOST_LISTED = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
      arguments: Of the command line; those of the process by default.

    Returns:
      0 if all went well, 1 if an import left something out, 2 if nothing could be done.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (faces.AnnotationError, ImageError, OSError, ValueError) as error:
        print(f"active_learning: {printable(str(error))}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scaf_jax.active_learning")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("export", _export, "write a round's to_annotate/ again from its selection"),
        ("import", _import, "take annotations back"),
        ("status", _status, "say how far the rounds have come"),
        ("next", _next, "say what to do now"),
        ("skip", _skip, "leave faces out that cannot be annotated; they are never asked again"),
        ("close", _close, "end a round early: what is not annotated yet goes back to the others"),
        ("collect", _collect, "write all that was annotated as a data set of its own"),
    ):
        child = commands.add_parser(name, help=text, description=text)
        child.add_argument("--workdir", required=True, type=places.path_argument, metavar="DIR")
        child.add_argument(
            "--round",
            type=_round_number,
            metavar="N",
            required=name == "export",
            help="number of the round" + ("" if name == "export" else "; the last by default"),
        )
        child.set_defaults(command=command)
        if name == "skip":
            child.add_argument("faces", nargs="+", help="their keys, or their numbers in the round")
        if name == "collect":
            child.add_argument("folder", type=places.path_argument, help="the folder to write")
        if name == "import":
            child.add_argument(
                "file", type=places.path_argument, help="a .json file or folder of .pts"
            )
    return parser


def _round_number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of a round")
    return int(text)


def _export(options: argparse.Namespace) -> int:
    from scaf_jax.active_learning import rounds  # needs JAX, which import and status do not

    target = rounds.export_round(options.workdir, options.round)
    print(f"exported to {target}; its README.md says how to go on")
    return 0


def _import(options: argparse.Namespace) -> int:
    folder = _round_folder(options)
    report = importing.import_annotations(options.file, folder, faces.read_scheme(folder))
    print(reports.summary(report))
    print(f"report: {folder / reports.MARKDOWN_FILE}")
    if not report.missing:
        print("the round is complete: start scaf_jax.main again, with the flags it had")
    return 1 if report.rejected else 0


def _status(options: argparse.Namespace) -> int:
    folders = _exported_rounds(options.workdir)
    if options.round is not None:
        folders = {options.round: _round_folder(options)}
    if not folders:
        raise faces.AnnotationError(f"{options.workdir}: no round of it waits for annotations")
    for number, folder in sorted(folders.items()):
        _print_status(number, store.status(folder))
    return 0


def _next(options: argparse.Namespace) -> int:
    print(next_step.text(options.workdir, _exported_rounds(options.workdir)))
    return 0


def _skip(options: argparse.Namespace) -> int:
    skipped = skips.add(_last_round_folder(options), options.faces)
    print(f"{len(skipped)} faces of this round are skipped; they are not asked again")
    return 0


def _close(options: argparse.Namespace) -> int:
    folder = _last_round_folder(options)
    status = store.status(folder)
    if not status.annotated:
        raise faces.AnnotationError(
            "nothing of this round is annotated yet, so that it would teach nothing: annotate some "
            "faces first"
        )
    skips.put_back(folder, [*status.put_back, *status.missing])
    print(
        f"the round ends with {len(status.annotated)} annotated faces; {len(status.missing)} go "
        "back to those that may be asked for. Start scaf_jax.main again, with the flags it had"
    )
    return 0


def _collect(options: argparse.Namespace) -> int:
    folders = _exported_rounds(options.workdir)
    if options.round is not None:
        folders = {options.round: _round_folder(options)}
    if not folders:
        raise faces.AnnotationError(f"{options.workdir}: no round of it waits for annotations")
    count = collecting.collect([folders[n] for n in sorted(folders)], options.folder)
    print(
        f"{count} faces in {options.folder}. A data set of them, to train on with any config:\n"
        f"  python -m data_builders.prepare landmarks_folder --manual_dir={options.folder}"
    )
    return 0


def _last_round_folder(options: argparse.Namespace) -> pathlib.Path:
    """The folder of the last round, which alone may still be changed."""
    folder = _round_folder(options)
    last = max(_exported_rounds(options.workdir), default=0)
    if options.round not in (None, last):
        raise faces.AnnotationError(
            f"round {last} was chosen from what round {options.round} taught: only the last round "
            "can be changed"
        )
    return folder


def _print_status(number: int, status: store.Status) -> None:
    print(
        f"round {number}: {len(status.annotated)} of {status.asked} faces annotated, "
        f"{len(status.missing)} missing, {len(status.rejected)} of them given back but not accepted"
        + (f", {len(status.skipped)} skipped" if status.skipped else "")
        + (f", {len(status.put_back)} put back" if status.put_back else "")
    )
    for key in status.missing[:_MOST_LISTED]:
        note = " (not accepted; see import_report.md)" if key in status.rejected else ""
        print(f"  missing: {printable(key)}{note}")
    if len(status.missing) > _MOST_LISTED:
        print(f"  and {len(status.missing) - _MOST_LISTED} more")


def _round_folder(options: argparse.Namespace) -> pathlib.Path:
    if options.round is not None:
        return options.workdir / ROUNDS_FOLDER / f"round_{options.round}"
    folders = _exported_rounds(options.workdir)
    if not folders:
        raise faces.AnnotationError(f"{options.workdir}: no round of it waits for annotations")
    return folders[max(folders)]


def _exported_rounds(workdir: pathlib.Path) -> dict[int, pathlib.Path]:
    """Folders of the rounds that have an export, by number."""
    matches = {
        path: re.fullmatch(r"round_([0-9]{1,9})", path.name)
        for path in (workdir / ROUNDS_FOLDER).glob("round_*")
    }
    return {int(m[1]): path for path, m in matches.items() if m and faces.is_exported(path)}


if __name__ == "__main__":
    sys.exit(main())
