"""Losses that are numbers no more: the training stops, or goes back and takes other faces."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from absl import logging

from scaf_jax.training import checkpointing, sharding

PyTree = Any

STOP, ROLL_BACK = "stop", "roll_back"
RESPONSES = (STOP, ROLL_BACK)
# So often may a training go back to the same checkpoint: then it is not the faces.
MOST_ROLL_BACKS = 3


class DivergenceError(RuntimeError):
    """The loss is no longer a finite number.

    Attributes:
      step: In which step, from 1.
    """

    def __init__(self, step: int, what: str, faces: Sequence[str]):
        super().__init__(
            f"{what}. Faces of this process in the batch: {', '.join(faces)}. Lower the learning "
            "rate, or look at these faces; the last checkpoint before is good."
        )
        self.step = step


@dataclasses.dataclass(frozen=True)
class Response:
    """What to do about it.

    Attributes:
      kind: `stop`, or `roll_back`: go on from a checkpoint before, with the faces that would have
        come next. The faces since that checkpoint are left out.
      steps: How many steps to go back at least; the oldest checkpoint there is has to do.
    """

    kind: str = STOP
    steps: int = 1

    def __post_init__(self) -> None:
        if self.kind not in RESPONSES:
            raise ValueError(f"on_nonfinite must be one of {RESPONSES}, not '{self.kind}'")


class RollBack:
    """Goes back to checkpoints, as `Response` says."""

    def __init__(
        self, response: Response, checkpoints: checkpointing.Checkpoints, state: PyTree
    ) -> None:
        """Takes what to do, and the state for its shapes and places."""
        self._response, self._checkpoints = response, checkpoints
        self._like = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state
        )
        self._target, self._count = -1, 0

    def __call__(self, error: DivergenceError) -> checkpointing.Restored:
        """Returns the checkpoint to go on from; those after it are deleted.

        Raises:
          DivergenceError: The training is to stop: so it was set, there is no checkpoint, or going
            back did not help.
        """
        if self._response.kind == STOP:
            raise error
        self._checkpoints.wait()
        before = [step for step in self._checkpoints.all_steps() if step < error.step]
        if not before:
            raise error
        wanted = error.step - self._response.steps
        target = max((step for step in before if step <= wanted), default=before[0])
        self._count = self._count + 1 if target == self._target else 1
        self._target = target
        if self._count > MOST_ROLL_BACKS:
            logging.error("going back to step %d did not help %d times", target, MOST_ROLL_BACKS)
            raise error
        self._checkpoints.delete_after(target)
        logging.warning("%s Going back to step %d, and on with other faces.", error, target)
        return self._checkpoints.restore(self._like, target)


def is_finite(tree: PyTree, mesh: jax.sharding.Mesh) -> bool:
    """Whether every number of a tree of arrays is finite; all processes must call it."""
    check = jax.jit(_all_finite, out_shardings=sharding.replicated(mesh))
    return bool(check(tree))


def _all_finite(tree: PyTree) -> jax.Array:
    floats = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.stack([jnp.isfinite(x).all() for x in floats]).all() if floats else jnp.array(True)
