"""What was fitted to the network of a run, in a file of its own beside its checkpoints."""

from absl import logging

from scaf_jax.files import atomic, strict_json
from scaf_jax.files.places import Place
from scaf_jax.inference import run_folder
from scaf_jax.weights.fitted import Fitted

NAME = "fitted.json"
# Beside it: how confidences came true.
PICTURE = "confidence.png"


def write(run: Place, steps: int, fitted: Fitted) -> Place:
    """Writes what was fitted to a run's network.

    Args:
      run: The run's folder, or that of its stage 2.
      steps: Of the checkpoint that it was fitted to.
      fitted: What was fitted.

    Returns:
      The file.
    """
    path = _path(run)
    atomic.write_json(path, {"steps": steps, "fitted": fitted.to_dict()})
    return path


def read(run: Place, steps: int) -> Fitted:
    """Returns what was fitted to a run's network; nothing where it has been trained on since.

    Raises:
      ValueError: The file is damaged; the message names it.
    """
    path = _path(run)
    if not path.is_file():
        return Fitted()
    content = strict_json.read_json(path)
    try:
        fitted, of = Fitted.from_dict(content["fitted"]), content["steps"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}; fit anew with python -m scaf_jax.fit") from error
    if of != steps:
        logging.warning("%s is of step %s, the network of %d: fit anew", path, of, steps)
        return Fitted()
    return fitted


def _path(run: Place) -> Place:
    return run_folder.checkpoints_of(run).parent / NAME
