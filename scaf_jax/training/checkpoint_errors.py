"""What can be wrong with a checkpoint, in sentences that say what to do."""

from collections.abc import Sequence

from etils import epath

_LISTED_PROBLEMS = 8


class CheckpointError(ValueError):
    """A checkpoint is damaged, is not ours, or does not fit what it is restored into."""


def missing(folder: epath.Path, steps: Sequence[int], step: int | None) -> FileNotFoundError:
    """Returns the error of a folder that has not the checkpoint wanted.

    Args:
      folder: The folder of the checkpoints.
      steps: Those that it has.
      step: The one wanted; None where any would do.
    """
    if step is not None:
        return FileNotFoundError(
            f"{folder} has no checkpoint of step {step}; it has {list(steps) or 'none'}"
        )
    inner = folder / "checkpoints"
    hint = f"; did you mean {inner}?" if inner.is_dir() else ""
    return FileNotFoundError(f"{folder} holds no checkpoint{hint}")


def unreadable(
    folder: epath.Path, steps: Sequence[int], step: int, error: Exception
) -> CheckpointError:
    """Returns the error of a checkpoint that cannot be read.

    Args:
      folder: The folder of the checkpoints.
      steps: Those that it has, in rising order.
      step: The one that cannot be read.
      error: What reading it raised.
    """
    earlier = [s for s in steps if s < step]
    resume = f"continue from step {earlier[-1]}" if earlier else "start anew"
    return CheckpointError(
        f"the checkpoint {folder / str(step)} is incomplete, damaged or not from this project "
        f"({type(error).__name__}: {str(error)[:300]}). Delete that folder to {resume}"
    )


def unwritable(folder: epath.Path, steps: Sequence[int], error: Exception) -> CheckpointError:
    """Returns the error of a checkpoint that cannot be written.

    Args:
      folder: The folder of the checkpoints.
      steps: Those that are there, in rising order.
      error: What writing raised.
    """
    resume = f"continues from step {steps[-1]}" if steps else "starts anew"
    return CheckpointError(
        f"a checkpoint cannot be written to {folder} ({type(error).__name__}: "
        f"{str(error)[:300]}). Look whether the disk is full or the folder may not be written; "
        f"what was saved before is untouched, and the same command {resume}"
    )


def refuse(folder: epath.Path, problems: Sequence[str]) -> None:
    """Raises what keeps a checkpoint from being restored, if there is anything.

    Args:
      folder: The checkpoint.
      problems: Why it does not fit, a line each.

    Raises:
      CheckpointError: There are problems.
    """
    if not problems:
        return
    listed = "".join(f"\n  {problem}" for problem in problems[:_LISTED_PROBLEMS])
    more = len(problems) - _LISTED_PROBLEMS
    raise CheckpointError(
        f"the checkpoint {folder} does not fit the model (was the config changed?):{listed}"
        + (f"\n  and {more} more" if more > 0 else "")
    )
