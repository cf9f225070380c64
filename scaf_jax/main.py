"""The main command: does what is still missing of stage 1, stage 2 and the evaluation.

With `active_learning.strategy`, stage 2 is done in rounds of choosing faces to annotate.

    python -m scaf_jax.main --config=configs/300w.py

Run again, it continues where it was stopped. Its folder is runs/300w, or --workdir=FOLDER.
"""

import importlib

from scaf_jax.commands import first_seconds


def run() -> None:
    """Entry point of the `scaf-jax` command."""
    first_seconds.end_at_signals()
    # Loads all libraries, which takes seconds.
    importlib.import_module("scaf_jax.commands.training_run").start()


if __name__ == "__main__":
    run()
