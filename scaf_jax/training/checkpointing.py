"""Checkpoints: saving and restoring a training state.

A checkpoint is a folder named by its step with three items: `state` (every array under its path in
the training state, so that other programs can read it without our classes), `iterator` (where the
data pipeline stood, one entry a process) and `metadata` (JSON: whatever the caller adds, for
example config, crop settings and landmark scheme, beside format version and library versions).
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

import jax
from absl import logging
from etils import epath

from scaf_jax.files.places import Place
from scaf_jax.training import (
    checkpoint_errors,
    checkpoint_storage,
    checkpoint_texts,
    sharding,
    tree_paths,
)
from scaf_jax.training.checkpoint_texts import IteratorState

PyTree = Any


class Restored(NamedTuple):
    """What `Checkpoints.restore` gives back."""

    state: PyTree
    iterator_state: IteratorState
    metadata: dict[str, Any]


class Checkpoints:
    """The checkpoints of one training run.

    Saves go on in the background while training continues; `wait` (or leaving the `with` block)
    returns only once they are on disk, and raises if one failed. All processes must make the same
    calls.

    Example:
      with Checkpoints(workdir / "checkpoints", max_to_keep=2, save_interval=1000) as checkpoints:
        if checkpoints.latest_step() is not None:
          state, iterator_state, metadata = checkpoints.restore(abstract_state)
        ...
        if checkpoints.should_save(step):
          checkpoints.save(step, state, iterator_state=..., metadata=...)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        max_to_keep: int = 2,
        save_interval: int = 1,
        create: bool = True,
    ):
        """Opens the checkpoints of a run.

        Args:
          folder: Folder that holds (or will hold) one folder a step.
          max_to_keep: Number of latest checkpoints kept; older ones are deleted.
          save_interval: `should_save` is true at multiples of this many steps.
          create: Whether to make the folder and clear what an interrupted save left. False opens
            for reading: nothing is written.

        Raises:
          FileNotFoundError: If there is no such folder and `create` is False.
        """
        if max_to_keep < 1 or save_interval < 1:
            raise ValueError(
                f"max_to_keep and save_interval must be 1 or more; got {max_to_keep}, "
                f"{save_interval}"
            )
        self.folder = _absolute(folder)
        self.save_interval = save_interval
        if not create and not self.folder.is_dir():
            raise FileNotFoundError(f"there is no checkpoint folder {self.folder}")
        if create:
            self._tell_unfinished()
        self._manager = checkpoint_storage.open_manager(
            self.folder, max_to_keep=max_to_keep, create=create
        )

    def _tell_unfinished(self) -> None:
        """Says which saves an end of the program cut short; opening clears what they left."""
        for step in checkpoint_storage.unfinished_steps(self.folder):
            logging.warning(
                "%s: the checkpoint of step %d was not finished when the program ended; it is "
                "left out",
                self.folder,
                step,
            )

    def all_steps(self) -> list[int]:
        """Steps that can be restored, in rising order."""
        return sorted(self._manager.all_steps())

    def latest_step(self) -> int | None:
        """The last step that can be restored, or None where there is none."""
        return self._manager.latest_step()

    def should_save(self, step: int) -> bool:
        """Whether `step` is a multiple of `save_interval` that is not saved yet."""
        return step % self.save_interval == 0 and step not in self._manager.all_steps()

    def save(
        self,
        step: int,
        state: PyTree,
        *,
        iterator_state: IteratorState = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Starts saving; the arrays may be donated as soon as this returns.

        Args:
          step: Number of finished training steps.
          state: Tree of jax.Array.
          iterator_state: This process's place in the data: JSON values or bytes.
          metadata: JSON values. `format`, `format_version`, `step` and `versions` are added.

        Returns:
          False if this step is saved already (nothing is done), else True.

        Raises:
          TypeError: If metadata or iterator_state hold something that JSON cannot.
          CheckpointError: It, or an earlier one in the background, cannot be written.
        """
        step = int(step)
        if step in self._manager.all_steps():
            return False
        about = checkpoint_texts.complete_metadata(metadata, step)
        iterators = sharding.gather_text(checkpoint_texts.iterator_text(iterator_state))
        with self._writing():
            checkpoint_storage.save(self._manager, step, state, iterators, about)
        return True

    def delete_after(self, step: int) -> None:
        """Deletes the checkpoints of later steps."""
        for later in [saved for saved in self.all_steps() if saved > step]:
            self._manager.delete(later)

    def wait(self) -> None:
        """Returns once every save is on disk.

        Raises:
          CheckpointError: One cannot be written.
        """
        with self._writing():
            self._manager.wait_until_finished()
            self._manager.check_for_errors()

    def close(self) -> None:
        """Waits for the saves as `wait` does, then frees the threads."""
        try:
            self.wait()
        finally:
            self._manager.close()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        try:  # the error that ended the block must reach the caller, not one from closing
            self.close()
        except Exception:
            logging.exception("a checkpoint could not be saved either")

    def read_metadata(self, step: int | None = None) -> dict[str, Any]:
        """Reads the metadata of a step (by default the latest). Raises as `restore` does."""
        step = self._existing_step(step)
        with self._reading(step):
            metadata = checkpoint_storage.read_metadata(self._manager, step)
        return checkpoint_texts.check_metadata(metadata, self._folder(step))

    def read_arrays(self, step: int | None = None) -> dict[str, jax.Array]:
        """Reads all arrays of a step, by their paths in the state. Raises as `restore` does."""
        step = self._existing_step(step)
        # Without what they were cut by: that names devices which may not be here.
        saved = self._saved_arrays(step).items()
        return self._read_arrays(
            step, {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in saved}
        )

    def read_iterator(self, step: int | None = None) -> IteratorState:
        """Reads where this process's data stood at a step. Raises as `restore` does."""
        return self._read_iterator(self._existing_step(step))

    def restore(self, abstract_state: PyTree, step: int | None = None) -> Restored:
        """Restores a training state, on whatever mesh the given shardings name.

        Args:
          abstract_state: The state's structure with a `jax.ShapeDtypeStruct` (or array) a leaf.
            Leaves without sharding go to the first local device.
          step: The step to restore; by default the latest.

        Returns:
          (state, iterator_state, metadata). The iterator state is None if none was saved, or if
          the run had another number of processes (then a warning is logged: the data order of
          that run cannot be continued).

        Raises:
          FileNotFoundError: If there is no checkpoint, or not that step.
          CheckpointError: If the checkpoint is damaged, foreign, or has other arrays; names the
            arrays with both shapes.
        """
        step = self._existing_step(step)
        metadata = self.read_metadata(step)
        wanted = tree_paths.named_leaves(abstract_state)
        problems = tree_paths.mismatches(wanted, self._saved_arrays(step))
        checkpoint_errors.refuse(self._folder(step), problems)
        leaves = self._read_arrays(step, wanted)
        state = jax.tree.unflatten(jax.tree.structure(abstract_state), list(leaves.values()))
        return Restored(state, self._read_iterator(step), metadata)

    def restore_subtrees(
        self, subtrees: Sequence[str], abstract_state: PyTree, step: int | None = None
    ) -> dict[str, Any]:
        """Restores parts of a state, for example the encoder's parameters and statistics.

        Args:
          subtrees: Paths such as 'params/encoder'.
          abstract_state: A tree that holds at least those subtrees under the same paths, with a
            `jax.ShapeDtypeStruct` (or array) a leaf.
          step: The step to restore; by default the latest.

        Returns:
          Nested dicts with those subtrees only: {'params': {'encoder': ...}}.

        Raises:
          As `restore`; also CheckpointError if a subtree does not exist.
        """
        step = self._existing_step(step)
        self.read_metadata(step)
        wanted = tree_paths.select(tree_paths.named_leaves(abstract_state), subtrees)
        saved = tree_paths.select(self._saved_arrays(step), subtrees)
        found = [*wanted, *saved]
        unknown = [t for t in subtrees if not any(tree_paths.is_under(n, t) for n in found)]
        problems = [f"{t}: neither in the checkpoint nor in the model" for t in unknown]
        problems += tree_paths.mismatches(wanted, saved)
        checkpoint_errors.refuse(self._folder(step), problems)
        return tree_paths.nest(self._read_arrays(step, wanted))

    def _existing_step(self, step: int | None) -> int:
        steps = self.all_steps()
        if step in steps:
            return step
        if step is None and steps:
            return steps[-1]
        raise checkpoint_errors.missing(self.folder, steps, step)

    def _folder(self, step: int) -> epath.Path:
        return self.folder / str(step)

    @contextlib.contextmanager
    def _reading(self, step: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            steps = self.all_steps()
            raise checkpoint_errors.unreadable(self.folder, steps, step, error) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            finished = checkpoint_storage.finished_steps(self.folder)
            raise checkpoint_errors.unwritable(self.folder, finished, error) from error

    def _saved_arrays(self, step: int) -> dict[str, Any]:
        with self._reading(step):
            return checkpoint_storage.saved_arrays(self._manager, step)

    def _read_arrays(self, step: int, wanted: Mapping[str, Any]) -> dict[str, jax.Array]:
        with self._reading(step):
            return checkpoint_storage.read_arrays(self._manager, step, wanted)

    def _read_iterator(self, step: int) -> IteratorState:
        with self._reading(step):
            texts = checkpoint_storage.read_iterators(self._manager, step)
            return checkpoint_texts.own_iterator_state(texts, step)


def folder_of(run: Place) -> Place:
    """Returns where a stage's checkpoints are: `checkpoints/` in its folder, or that itself."""
    inner = run / "checkpoints"
    return inner if inner.is_dir() else run


def read_metadata(folder: str | os.PathLike[str], step: int | None = None) -> dict[str, Any]:
    """Reads the metadata of a checkpoint without its arrays. Raises as `Checkpoints.restore`."""
    with Checkpoints(folder, create=False) as checkpoints:
        return checkpoints.read_metadata(step)


def restore_parameters(
    folder: str | os.PathLike[str],
    subtrees: Sequence[str],
    abstract_state: PyTree,
    step: int | None = None,
) -> dict[str, Any]:
    """Restores parts of another run's state. See `Checkpoints.restore_subtrees`."""
    with Checkpoints(folder, create=False) as checkpoints:
        return checkpoints.restore_subtrees(subtrees, abstract_state, step)


def _absolute(folder: str | os.PathLike[str]) -> epath.Path:
    name = os.fspath(folder)
    return epath.Path(name if "://" in name else os.path.abspath(name))
