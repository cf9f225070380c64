"""The main command: does what is still missing of stage 1, stage 2 and the evaluation.

    python -m scaf_jax.main --config=configs/300w.py --workdir=runs/300w

Run again, it continues where it was stopped.
"""

import logging as logging_records
import pathlib
import sys
from collections.abc import Sequence

from absl import app, flags, logging
from ml_collections import config_flags

from scaf_jax import config_files, runtime, settings, stages
from scaf_jax.training import loop, sharding

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "Config file, with :FORM for one of its forms, such as configs/300w.py:cpu. Any setting can "
    "be given besides, such as --config.alignment.num_labels=50.",
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; made if missing.")

STOPPED_EXIT_CODE = 75  # EX_TEMPFAIL: the same command continues


def main(argv: Sequence[str]) -> int:
    """Runs the stages that the config asks for; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument '{argv[1]}': flags start with --")
    runtime.configure()
    sharding.initialize_distributed()
    try:
        report = stages.run(settings.checked(_CONFIG.value), str(_WORKDIR.value))
    except loop.Interrupted as interruption:
        logging.warning("%s", interruption)
        return STOPPED_EXIT_CODE
    except stages.USER_ERRORS as error:
        logging.error("%s", error)
        return 1
    print(f"\n{report.text}\nReport and pictures: {report.path}", flush=True)
    return 0


def run() -> None:
    """Entry point of the `scaf-jax` command."""
    flags.mark_flags_as_required(["config", "workdir"])
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().addFilter(_is_of_interest)
    app.run(main, argv=[_resolved(argument) for argument in sys.argv])


def _is_of_interest(record: logging_records.LogRecord) -> bool:
    """Keeps our own lines and every warning; libraries tell each file that they move."""
    ours = pathlib.Path(__file__).parent in pathlib.Path(record.pathname).parents
    return ours or record.levelno >= logging_records.WARNING


def _resolved(argument: str) -> str:
    """Finds the file of --config=FILE where the package has it, if it is not at that path."""
    prefix = "--config="
    if not argument.startswith(prefix):
        return argument
    try:
        return prefix + config_files.resolve_config_path(argument.removeprefix(prefix))
    except FileNotFoundError as error:
        sys.exit(f"scaf_jax: {error}")


if __name__ == "__main__":
    run()
