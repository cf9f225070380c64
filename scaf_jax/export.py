"""Exports a landmark network as a program that holds its weights, for other runtimes.

python -m scaf_jax.export MODEL FILE [--format=stablehlo] [--dtype=float32|bfloat16]
    [--platforms=cpu,cuda,tpu]
python -m scaf_jax.export MODEL FILE.onnx --format=onnx
    [--[no-]decode] [--[no-]flip] [--decoder=NAME] [--photos PHOTO...] [--overwrite]

MODEL is the folder of a run or a weights file. The program takes (N, S, S, 3) uint8 RGB crops, any
N, and gives landmarks in crop pixels, the heights of their peaks and NNM, or with --no-decode
heatmaps. Before it is written, it is compared with the network. ONNX needs an extra:
pip install 'scaf_jax[onnx]'.
"""

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from scaf_jax.commands import launch, network_export
from scaf_jax.files import places
from scaf_jax.landmarks import heatmaps
from scaf_jax.weights import exported


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 if nothing could be written."""
    given = vars(_parser().parse_args(arguments))
    for name in ("platforms", "photos"):
        given[name] = tuple(given[name])
    settings = network_export.Settings(**given)
    return launch.run(functools.partial(network_export.run, settings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scaf_jax.export", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    default = network_export.Settings("", Path())
    add = parser.add_argument
    add("model", help="the folder of a run, or a weights file")
    add("output", type=places.path_argument, help="the file to write")
    add("--format", choices=exported.FORMATS, default=default.format)
    add("--decode", action=argparse.BooleanOptionalAction, default=True, help="give landmarks")
    add("--flip", action=argparse.BooleanOptionalAction, help="average with mirrored faces")
    add("--decoder", choices=heatmaps.DECODERS, help="how places are read from heatmaps")
    add("--dtype", choices=exported.DTYPES, default=default.dtype, help="what it computes in")
    add("--platforms", type=_words, default=default.platforms, help="where StableHLO is to run")
    add("--photos", nargs="+", default=(), help="compare on these, faces that fill the photo")
    add("--overwrite", action="store_true", help="replace a file that is there")
    return parser


def _words(text: str) -> list[str]:
    return text.split(",")


if __name__ == "__main__":
    sys.exit(launch.command(main))
