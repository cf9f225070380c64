"""What the commands that take a config have in common: start, error messages, exit codes."""

import logging as logging_records
import pathlib
import sys
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from scaf_jax.active_learning import labels
from scaf_jax.commands import config_files, runtime
from scaf_jax.runs import stages
from scaf_jax.training import sharding, stopping

STOPPED_EXIT_CODE = 75  # EX_TEMPFAIL: the same command continues
WAITING_EXIT_CODE = 3  # a person has to annotate faces first


def start(main: Callable[[Sequence[str]], int]) -> None:
    """Runs a command's `main` on the command line; --config and --workdir must be given."""
    flags.mark_flags_as_required(["config", "workdir"])
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().addFilter(_is_of_interest)
    app.run(main, argv=[config_files.resolved_argument(argument) for argument in sys.argv])


def run(work: Callable[[], str]) -> int:
    """Sets the process up, does the work and prints what it returns; returns the exit code.

    What a user can mend is told without a traceback.
    """
    runtime.configure()
    sharding.initialize_distributed()
    try:
        with stopping.listening():
            text = work()
    except labels.AnnotationNeeded as needed:
        print(f"\n{needed}", flush=True)
        return WAITING_EXIT_CODE
    except stopping.Interrupted as interruption:
        logging.warning("%s", interruption)
        return STOPPED_EXIT_CODE
    except stages.USER_ERRORS as error:
        logging.error("%s", error)
        return 1
    print(f"\n{text}", flush=True)
    return 0


def _is_of_interest(record: logging_records.LogRecord) -> bool:
    """Keeps our own lines and every warning; libraries tell each file that they move."""
    ours = pathlib.Path(__file__).parents[1] in pathlib.Path(record.pathname).parents
    return ours or record.levelno >= logging_records.WARNING
