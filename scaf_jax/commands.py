"""What the commands have in common: exit codes, and whose log lines are shown."""

import logging as logging_records
import pathlib

from absl import logging

STOPPED_EXIT_CODE = 75  # EX_TEMPFAIL: the same command continues
WAITING_EXIT_CODE = 3  # a person has to annotate faces first


def quiet_libraries() -> None:
    """Keeps our own log lines and every warning; libraries tell each file that they move."""
    logging.get_absl_handler().addFilter(_is_of_interest)


def _is_of_interest(record: logging_records.LogRecord) -> bool:
    ours = pathlib.Path(__file__).parent in pathlib.Path(record.pathname).parents
    return ours or record.levelno >= logging_records.WARNING
