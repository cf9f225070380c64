"""Weights files: written from a run, made a run's folder again, looked at.

python -m scaf_jax.weights export RUN FILE [--discriminators] [--overwrite]
    [--training_data=TEXT] [--licence=TEXT] [--attribution=TEXT]
python -m scaf_jax.weights import FILE FOLDER
python -m scaf_jax.weights show FILE|RUN

RUN is WORKDIR/pretraining for its stage 1; WORKDIR or WORKDIR/alignment for its landmark network.
FILE may be `builtin` for import and show: the stage 1 that comes along. Of a run, show prints the
model card that its report wrote.
"""

import argparse
import dataclasses
import functools
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scaf_jax.commands import launch
from scaf_jax.files import places
from scaf_jax.files.escaping import printable
from scaf_jax.files.places import Place
from scaf_jax.inference import bundle, run_folder
from scaf_jax.reporting import model_card
from scaf_jax.weights import builtin, exporting, files, fitted, header, importing


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
      arguments: Of the command line; those of the process by default.

    Returns:
      0 if all went well, 1 if not.
    """
    options = _parser().parse_args(arguments)
    return launch.run(functools.partial(options.command, options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scaf_jax.weights")
    children = parser.add_subparsers(required=True, metavar="COMMAND")
    text = "write the last checkpoint of a stage 1, or a landmark network, as a weights file"
    export = children.add_parser("export", help=text, description=text)
    export.add_argument("run", type=places.path_argument, help="WORKDIR/pretraining, or WORKDIR")
    export.add_argument("file", type=places.path_argument, help="to write, FILE.safetensors")
    export.add_argument("--discriminators", action="store_true", help="write them as well")
    export.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    for field, what in exporting.TEXTS.items():
        export.add_argument(f"--{field}", default="", metavar="TEXT", help=f"{what}; kept in it")
    export.set_defaults(command=_export)
    text = "make a folder for pretraining.run of a weights file"
    import_ = children.add_parser("import", help=text, description=text)
    import_.add_argument("file", help="a weights file, or builtin")
    import_.add_argument("folder", type=places.path_argument, help="the folder to make")
    import_.set_defaults(command=_import)
    text = "print what a weights file says of itself, or a run's model card"
    show = children.add_parser("show", help=text, description=text)
    show.add_argument("file", help="a weights file, builtin, or the folder of a run")
    show.set_defaults(command=_show)
    return parser


def _export(options: argparse.Namespace) -> str:
    fields = dataclasses.fields(exporting.Provenance)
    provenance = exporting.Provenance(**{f.name: getattr(options, f.name) for f in fields})
    if run_folder.holds_landmark_network(options.run):
        if options.discriminators:
            raise header.WeightsError(
                f"{options.run} holds a landmark network, which has no discriminators: leave out "
                "--discriminators, or give WORKDIR/pretraining"
            )
        exporting.check_folder(options.file)
        network = bundle.Bundle.load(options.run)
        about = network.save(options.file, provenance=provenance, overwrite=options.overwrite)
    else:
        about = exporting.export(
            options.run,
            options.file,
            discriminators=options.discriminators,
            provenance=provenance,
            overwrite=options.overwrite,
        )
    return f"{_text(about)}\nwritten to {options.file}"


def _import(options: argparse.Namespace) -> str:
    about = importing.import_weights(builtin.resolve(options.file), options.folder)
    return f"{_text(about)}\nimported; use it with --config.pretraining.run={options.folder}"


def _show(options: argparse.Namespace) -> str:
    path = builtin.resolve(options.file)
    if path.is_dir():
        return _card_of_run(path)
    about, arrays = files.read(path)
    size = path.stat().st_size / 1e6
    count = sum(array.size for array in arrays.values())
    return (
        f"{_text(about)}\n{len(arrays)} arrays, {count:,} numbers, {size:.1f} MB, "
        f"hash {files.digest(path)}"
    )


def _card_of_run(run: Place) -> str:
    # Stage 1 has a report of its own.
    for folder in (run / "report", run_folder.report_of(run)):
        card = folder / "model_card.md"
        if card.is_file():
            return places.read_text(card)
    raise FileNotFoundError(
        f"{run} has no model card, report/model_card.md: the report is written when a run's "
        "evaluation is done"
    )


def _flat(entries: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Entries in one line: of a scheme its name, of other objects their own entries."""
    for name, value in entries.items():
        if name == "scheme":
            yield name, value["name"]
        elif name in (model_card.ERRORS, "fitted"):
            continue  # lines of their own
        elif isinstance(value, Mapping):
            yield from _flat(value)
        else:
            yield name, value


def _fitted(found: fitted.Fitted) -> Iterator[str]:
    """What was fitted, without its numbers, which are thousands."""
    for name, correction in found.boxes.items():
        yield f"  boxes of {printable(name)}: on {correction.faces} faces"
    sure = found.confidence
    if sure is not None:
        yield (
            f"  confidence: {sure.kind}, on {printable(sure.origin)}; right is within "
            f"{sure.right_percent:g} % of {printable(sure.normalizer)}, expected calibration error "
            f"{sure.error:.3f}"
        )


def _text(about: header.Header) -> str:
    lines = []
    for name, value in about.to_dict().items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {inner}" for key, inner in _flat(value))
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        shown = printable(str(value)) if value != "" else "not stated"
        lines.append(f"{name.replace('_', ' ')}: {shown}")
    # A line for each test set.
    errors = about.marks.provenance.get(model_card.ERRORS) if about.marks else None
    if errors:
        lines += ["errors:", *(f"  {printable(line)}" for line in str(errors).split("; "))]
    if about.marks is not None and about.marks.fitted:
        lines += ["fitted after the training:", *_fitted(about.marks.fitted)]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(launch.command(main))
