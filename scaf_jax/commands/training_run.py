"""What `scaf_jax.main` does: all that is still missing of stage 1, stage 2 and the evaluation."""

import pathlib
import sys
from collections.abc import Sequence

from absl import app, flags, logging
from ml_collections import config_flags

from scaf_jax.active_learning import rounds
from scaf_jax.commands import launch
from scaf_jax.files import places
from scaf_jax.runs import lock, resolve, stages
from scaf_jax.training import profiling

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "Config file, with :FORM for one of its forms, such as configs/300w.py:cpu. Any setting can "
    "be given besides, such as --config.alignment.num_labels=50.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Folder of the run, also gs://bucket/folder; made if missing. If not given: runs/, then the "
    "config and its form.",
)
_PROFILE = flags.DEFINE_list(
    "profile",
    [],
    "Steps to profile, such as alignment:20-25 (counted from 1; the first one compiles); with a "
    "comma, also pretraining:20-25. The log says how to open the profile.",
)


def main(argv: Sequence[str]) -> int:
    """Runs the stages that the config asks for; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument '{argv[1]}': flags start with --")
    return launch.run(_work)


def _work() -> str:
    run_ = resolve.resolve(_CONFIG.value).with_profile(_PROFILE.value)
    do = rounds.run if run_.rounds else stages.run
    workdir = str(_WORKDIR.value)
    if run_.profile:
        places.on_disk(workdir, "--profile")
    logging.info("the run's folder: %s", workdir)
    with lock.only_one(workdir):
        report = do(run_, workdir)
    profiles = f"\n{profiling.summary(pathlib.Path(workdir))}" if run_.profile else ""
    return f"{report.text}\nReport and pictures: {report.path}{profiles}"


def start() -> None:
    """Runs the command on the command line."""
    # --help tells of the flags of the program that was started.
    for flag in flags.FLAGS.get_key_flags_for_module(__name__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    launch.start(main)
