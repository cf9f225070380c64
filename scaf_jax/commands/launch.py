"""What the commands that take a config have in common: start, error messages, exit codes."""

import dataclasses
import errno
import logging as logging_records
import pathlib
import sys
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from scaf_jax.active_learning import labels
from scaf_jax.commands import config_files, first_seconds, runtime
from scaf_jax.runs import stages
from scaf_jax.training import sharding, stopping

WAITING_EXIT_CODE = 3  # a person has to annotate faces first

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of looking at photos: a text for people, and how many could not be used."""

    text: str
    num_unusable: int


def start(main: Callable[[Sequence[str]], int], folder: str = "runs/{}") -> None:
    """Runs a command's `main` on the command line; --config must be given.

    Args:
      main: Takes the arguments that are no flags, returns the exit code.
      folder: --workdir, if it is not given; see `config_files.with_workdir`.
    """
    flags.mark_flags_as_required(["config", "workdir"])
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().addFilter(_is_of_interest)
    arguments = config_files.with_workdir(sys.argv, folder)
    arguments = [config_files.resolved_argument(argument) for argument in arguments]
    app.run(main, argv=arguments, flags_parser=parse_flags)


def parse_flags(arguments: Sequence[str], values: flags.FlagValues = flags.FLAGS) -> list[str]:
    """Parses a command line; a wrong flag or setting ends the program with one line.

    Args:
      arguments: The program's name and its arguments.
      values: The flags.

    Returns:
      What is left of the arguments.
    """
    try:
        return values(arguments)
    except (AttributeError, KeyError) as error:  # as a config answers to --config.NO.SUCH.FIELD
        text = str(error.args[0]).replace("\\n", ". ").replace("\\", "").replace("'", "").strip('"')
        sys.exit(f"scaf_jax: the config has no setting {text}")
    except flags.Error as error:
        # A config that raises is told with its traceback; its last line says what is wrong.
        *_, last = [line for line in str(error).splitlines() if line.strip()]
        sys.exit(f"scaf_jax: {last.strip().removeprefix('ValueError: ')}")


def command(main: Callable[[], int]) -> int:
    """Runs a command that has none of absl's flags; returns the exit code of its `main`."""
    logging.use_absl_handler()
    flags.FLAGS.mark_as_parsed()  # else the first line that is logged says that they were not
    return main()


def run(work: Callable[[], str]) -> int:
    """Sets the process up, does the work and prints what it returns; returns the exit code.

    What a user can mend is told without a traceback.
    """
    runtime.configure()
    if sharding.initialize_distributed():  # JAX listens to SIGTERM from here
        first_seconds.leave_interrupts()
        logging.info("%s", sharding.describe_processes())
    try:
        with stopping.listening():
            text = work()
    except labels.AnnotationNeeded as needed:
        print(f"\n{needed}", flush=True)
        return WAITING_EXIT_CODE
    except stopping.Interrupted as interruption:
        logging.warning("%s", interruption)
        return first_seconds.STOPPED_EXIT_CODE
    except stages.USER_ERRORS as error:
        logging.error("%s%s", error, _advice(error))
        return 1
    print(f"\n{text}", flush=True)
    return 0


def run_on_photos(work: Callable[[], Outcome]) -> int:
    """The same for work on photos; returns 1 as well if any of them could not be used."""
    unusable = 0

    def told() -> str:
        nonlocal unusable
        outcome = work()
        unusable = outcome.num_unusable
        return outcome.text

    return run(told) or int(unusable > 0)


def _advice(error: Exception) -> str:
    """What to do about an error that the system gave, which has a number and only says what."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        return ""
    steps = {
        _FULL: ". Make room on that disk (du -sh shows what takes it)",
        _FORBIDDEN: ". Give yourself the right to write there, or another folder",
    }
    todo = next((text for numbers, text in steps.items() if number in numbers), "")
    return f"{todo}. What was saved before is untouched, and the same command continues"


def _is_of_interest(record: logging_records.LogRecord) -> bool:
    """Keeps our own lines and every warning; libraries tell each file that they move."""
    ours = pathlib.Path(__file__).parents[1] in pathlib.Path(record.pathname).parents
    return ours or record.levelno >= logging_records.WARNING
