"""Arguments that several benchmarks take."""

import argparse
import pathlib


def positive(text: str) -> int:
    """Reads a whole number of 1 or more; for `argparse`'s `type`."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {value}")
    return value


def add_output(parser: argparse.ArgumentParser, name: str, beside: str = "") -> None:
    """Adds `--output`, a JSON file whose folder must be there before anything is measured.

    Args:
      parser: Of the command.
      name: Of the file by default.
      beside: What else is written.
    """
    parser.add_argument(
        "--output", type=_file, default=name, help=f"JSON file{beside} (default: {name})"
    )


def _file(text: str) -> pathlib.Path:
    path = pathlib.Path(text)
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder '{path.parent}'")
    return path
