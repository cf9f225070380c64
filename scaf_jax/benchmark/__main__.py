"""The command: chooses what to measure.

python -m scaf_jax.benchmark steps [--sizes 128 256] [--batch 8] [--output FILE.json]
python -m scaf_jax.benchmark COMMAND --help
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from scaf_jax.commands import runtime

# Each is a module of this folder with `add_arguments(parser)` and `main(arguments) -> int`.
COMMANDS = {
    "steps": "images/s of both training steps and of inference, beside plain lax and PyTorch",
    "pipeline": "faces/s of reading, cropping and augmenting, beside decoding alone",
    "feeding": "faces/s of both ways to feed a training, beside its steps, and its first step",
    "accelerator": "all that is measured on a GPU's host, and which goals it reaches",
    "acquisition": "speed of scoring and selecting faces in active learning",
    "predict": "faces/s and ms from JPEG files to landmarks, beside decoding and the network",
    "kills": "that runs killed at random places end with the same bits",
}


def main(argv: Sequence[str]) -> int:
    """Runs a command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scaf_jax.benchmark",
        description="Commands: " + "; ".join(f"{name}: {text}" for name, text in COMMANDS.items()),
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="see COMMAND --help")
    chosen = parser.parse_args(argv)
    # Only what is asked for is loaded.
    module = importlib.import_module(f"scaf_jax.benchmark.{chosen.command}")
    own_parser = argparse.ArgumentParser(
        prog=f"python -m scaf_jax.benchmark {chosen.command}",
        description=COMMANDS[chosen.command],
    )
    module.add_arguments(own_parser)
    arguments = own_parser.parse_args(chosen.arguments)
    runtime.configure()
    return module.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
