"""The main command: does what is still missing of stage 1, stage 2 and the evaluation.

With `active_learning.strategy`, stage 2 is done in rounds of choosing faces to annotate.

    python -m scaf_jax.main --config=configs/300w.py --workdir=runs/300w

Run again, it continues where it was stopped.
"""

import sys
from collections.abc import Sequence

from absl import app, flags, logging
from ml_collections import config_flags

from scaf_jax import commands, config_files, runtime, settings, stages
from scaf_jax.active_learning import labels, rounds
from scaf_jax.training import loop, sharding

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "Config file, with :FORM for one of its forms, such as configs/300w.py:cpu. Any setting can "
    "be given besides, such as --config.alignment.num_labels=50.",
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; made if missing.")


def main(argv: Sequence[str]) -> int:
    """Runs the stages that the config asks for; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument '{argv[1]}': flags start with --")
    runtime.configure()
    sharding.initialize_distributed()
    try:
        config = settings.checked(_CONFIG.value)
        work = rounds.run if config.active_learning.strategy else stages.run
        report = work(config, str(_WORKDIR.value))
    except labels.AnnotationNeeded as needed:
        print(f"\n{needed}", flush=True)
        return commands.WAITING_EXIT_CODE
    except loop.Interrupted as interruption:
        logging.warning("%s", interruption)
        return commands.STOPPED_EXIT_CODE
    except stages.USER_ERRORS as error:
        logging.error("%s", error)
        return 1
    print(f"\n{report.text}\nReport and pictures: {report.path}", flush=True)
    return 0


def run() -> None:
    """Entry point of the `scaf-jax` command."""
    flags.mark_flags_as_required(["config", "workdir"])
    logging.set_verbosity(logging.INFO)
    commands.quiet_libraries()
    app.run(main, argv=[config_files.resolved_argument(argument) for argument in sys.argv])


if __name__ == "__main__":
    run()
