"""Converts 3FabRec's published snapshots to weights files, and networks of ours to snapshots.

python -m scaf_jax.convert SNAPSHOT FILE.safetensors [--verify] [--photos PHOTO...]
    [--scheme=FILE.json] [--margins=NAME] [--licence=TEXT] ...
python -m scaf_jax.convert MODEL FOLDER [--verify]

SNAPSHOT is a folder with saae.mdl and meta.json, or such a file; MODEL a weights file, `builtin` or
the folder of a run. Needs PyTorch: pip install 'scaf_jax[torch]'.
"""

import argparse
import functools
import sys
from collections.abc import Sequence

from scaf_jax.commands import launch, snapshot_conversion
from scaf_jax.data import geometry
from scaf_jax.files import places
from scaf_jax.weights import exporting


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 if nothing could be written."""
    given = vars(_parser().parse_args(arguments))
    texts = {name: given.pop(name) for name in exporting.TEXTS}
    photos = tuple(given.pop("photos"))
    settings = snapshot_conversion.Settings(
        **given, photos=photos, provenance=exporting.Provenance(**texts)
    )
    return launch.run(functools.partial(snapshot_conversion.run, settings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scaf_jax.convert", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("source", help="a published snapshot; or a weights file, builtin, or the folder of a run")
    add(
        "output",
        type=places.path_argument,
        help="weights file to write; or folder of the snapshot",
    )
    add("--verify", action="store_true", help="compare with PyTorch what the networks compute")
    add("--photos", nargs="+", default=(), help="compare on these, faces that fill the photo")
    add("--scheme", type=places.path_argument, help="a scheme file for the snapshot's landmarks")
    add("--margins", choices=geometry.MARGINS, help="how its faces were cut out")
    for name, what in exporting.TEXTS.items():
        add(f"--{name}", default="", metavar="TEXT", help=f"{what}; kept in the weights file")
    add("--overwrite", action="store_true", help="replace files that are there")
    return parser


if __name__ == "__main__":
    sys.exit(launch.command(main))
