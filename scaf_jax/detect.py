"""Finds the faces of a folder of photos and writes their boxes, a table that all commands take.

python -m scaf_jax.detect PHOTOS
    [--output=FILE.csv] [--detector=NAME] [--most_faces=N] [--smallest=PIXELS] [--workers=N]
    [--overwrite]

Writes PHOTOS/boxes.csv, which is found there wherever a folder of photos is given, and a picture of
some photos with their boxes. Stopped, the same command continues.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scaf_jax.commands import face_search, launch
from scaf_jax.detection import detectors
from scaf_jax.files import places


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 if any photo could not be used."""
    settings = face_search.Settings(**vars(_parser().parse_args(arguments)))
    return launch.run_on_photos(lambda: face_search.run(settings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scaf_jax.detect", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    default = face_search.Settings(Path())
    add = parser.add_argument
    add("folder", type=places.path_argument, help="the folder of photos")
    add("--output", type=places.path_argument, help="the table; by default boxes.csv in the folder")
    add("--detector", choices=detectors.NAMES, default=default.detector, help="finds the faces")
    add("--most_faces", type=int, default=0, metavar="N", help="of a photo, the N largest")
    small = "leaves out faces whose box has a shorter side"
    add("--smallest", type=float, default=default.smallest, metavar="PIXELS", help=small)
    add("--workers", type=int, default=default.workers, metavar="N", help="processes that look")
    add("--overwrite", action="store_true", help="replace the table")
    return parser


if __name__ == "__main__":
    sys.exit(launch.command(main))
