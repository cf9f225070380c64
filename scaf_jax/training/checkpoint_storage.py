"""How a checkpoint lies on disk: its three items, written and read. The only file that knows Orbax.

Errors are Orbax's own; `checkpointing` puts them into words.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import orbax.checkpoint as ocp
from etils import epath

from scaf_jax.training import tree_paths

Manager = ocp.CheckpointManager

# How Orbax names the folder of a save until it is whole.
_UNFINISHED = re.compile(r"^(\d+)\.orbax-checkpoint-tmp")


def open_manager(folder: epath.Path, *, max_to_keep: int, create: bool) -> Manager:
    """Opens the checkpoints of a folder; see `checkpointing.Checkpoints`."""
    return ocp.CheckpointManager(
        folder,
        item_names=("state", "iterator", "metadata"),
        item_handlers={
            "state": ocp.PyTreeCheckpointHandler(),
            "iterator": ocp.JsonCheckpointHandler(),
            "metadata": ocp.JsonCheckpointHandler(),
        },
        options=ocp.CheckpointManagerOptions(
            create=create,
            cleanup_tmp_directories=create,
            preservation_policy=ocp.checkpoint_managers.LatestN(max_to_keep),
            # Made in the background, a folder that the system refuses is found after five minutes.
            async_options=ocp.AsyncOptions(create_directories_asynchronously=False),
        ),
    )


def unfinished_steps(folder: epath.Path) -> list[int]:
    """Returns the steps of saves that were begun and not finished, in rising order."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    found = [_UNFINISHED.match(name) for name in names]
    return sorted(int(match[1]) for match in found if match)


def finished_steps(folder: epath.Path) -> list[int]:
    """Returns the steps of the saves that are whole on disk, in rising order."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if name.isdecimal())


def save(
    manager: Manager,
    step: int,
    state: Any,
    iterators: Sequence[str],
    metadata: Mapping[str, Any],
) -> None:
    """Starts saving in the background.

    Args:
      manager: Of the checkpoints.
      step: Number of finished training steps.
      state: Tree of jax.Array.
      iterators: Where the data stood, a text of each process.
      metadata: JSON values.
    """
    manager.save(
        step,
        args=ocp.args.Composite(
            # Saved trees are plain nested dicts: optimizer classes may change between versions.
            state=ocp.args.PyTreeSave(tree_paths.nest(tree_paths.named_leaves(state))),
            iterator=ocp.args.JsonSave({"processes": list(iterators)}),
            metadata=ocp.args.JsonSave(dict(metadata)),
        ),
        force=True,
    )


def read_metadata(manager: Manager, step: int) -> Any:
    """Reads a checkpoint's metadata: whatever JSON is there."""
    item = ocp.args.Composite(metadata=ocp.args.JsonRestore())
    return manager.restore(step, args=item)["metadata"]


def read_iterators(manager: Manager, step: int) -> list[str]:
    """Reads where the data stood, a text of each process that saved."""
    item = ocp.args.Composite(iterator=ocp.args.JsonRestore())
    return manager.restore(step, args=item)["iterator"]["processes"]


def saved_arrays(manager: Manager, step: int) -> dict[str, Any]:
    """Returns shape and dtype of a checkpoint's arrays, by their paths in the state."""
    return tree_paths.named_leaves(manager.item_metadata(step)["state"].tree)


def read_arrays(manager: Manager, step: int, wanted: Mapping[str, Any]) -> dict[str, jax.Array]:
    """Reads arrays of a checkpoint.

    Args:
      manager: Of the checkpoints.
      step: Which one.
      wanted: By path a `jax.ShapeDtypeStruct` or array; those without sharding go to the first
        local device.

    Returns:
      The arrays in the order of `wanted`.
    """
    item = tree_paths.nest({name: _with_sharding(leaf) for name, leaf in wanted.items()})
    arguments = ocp.args.PyTreeRestore(
        item,
        restore_args=ocp.checkpoint_utils.construct_restore_args(item),
        partial_restore=True,
    )
    restored = manager.restore(step, args=ocp.args.Composite(state=arguments))
    found = tree_paths.named_leaves(restored["state"])
    return {name: found[name] for name in wanted}


def _with_sharding(leaf: Any) -> jax.ShapeDtypeStruct:
    place = getattr(leaf, "sharding", None)
    if place is None:
        place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)
