"""The stages of a run, each resumable: pretraining, alignment, evaluation.

A working folder holds `pretraining/` and `alignment/` (checkpoints, metrics, report each) and
`report/`. What is done already is not done again.
"""

from scaf_jax.files import places
from scaf_jax.files.places import Place
from scaf_jax.reporting import report as reporting
from scaf_jax.runs import (
    alignment_stage,
    evaluation,
    identity,
    lock,
    pretraining_stage,
    stage1,
    stage_training,
    test_set_checks,
)
from scaf_jax.runs.run import Run
from scaf_jax.training import checkpoint_errors, loop

# What a user can mend, told without a traceback.
USER_ERRORS = (
    OSError,  # data not prepared, no checkpoint, no photos; a full disk, no permission
    checkpoint_errors.CheckpointError,
    loop.DivergenceError,
    identity.RunMismatchError,
    lock.WorkdirBusyError,
    ValueError,
)


def run(resolved: Run, workdir: str) -> reporting.Report:
    """Does what is missing of all stages.

    Args:
      resolved: The run.
      workdir: Its folder.

    Returns:
      The last stage's report.

    Raises:
      DataNotPreparedError: A data set is missing; the message has the command.
      ValueError: A landmark is known in none of the labeled faces, test faces cannot be
        evaluated, or a batch cannot be divided among the devices.
      FileNotFoundError, RunMismatchError: `pretraining.run` is not there, or does not fit.
    """
    folder = places.at(workdir)
    # What a run needs is looked for first: if it is missing, that must not cost a training.
    stage1.given(resolved)
    stage_training.check_devices(resolved)
    stage_training.tell_if_slow(resolved)
    if resolved.alignment:
        alignment_stage.labeled_faces(resolved)
        test_set_checks.check(resolved)
    report, pretrained = ensure_pretraining(resolved, folder)
    if not resolved.alignment:
        if report is None:
            raise ValueError("nothing to do: alignment.steps is 0 and pretraining.run is set")
        return report
    network = alignment_stage.run_alignment(resolved, folder / "alignment", pretrained)
    return evaluation.evaluate(
        resolved,
        network,
        folder / "report",
        rebuilder=alignment_stage.rebuilder(resolved, pretrained, network),
        training=folder / "alignment",
    )


def ensure_pretraining(
    resolved: Run, folder: Place
) -> tuple[reporting.Report | None, stage1.Stage1 | None]:
    """Trains stage 1 in a run's folder, unless the config names another one or needs none.

    Returns:
      Its report, where it was trained here, and itself, where one is needed.

    Raises:
      FileNotFoundError, RunMismatchError: The one that the config names is not there, or does not
        fit.
    """
    if resolved.pretraining:
        own = folder / "pretraining"
        report = pretraining_stage.run_pretraining(resolved, resolved.pretraining, own)
        return report, stage1.RunFolder(own)
    given = stage1.given(resolved)
    if given is not None:
        stage1.tell_other_crop(resolved, given)
    return None, given
