"""The one table between the tensor names of the published PyTorch models and our parameter paths.

PyTorch names are those of a state_dict: `Q` encoder, `P` generator, `D_z` and `D` the embedding
and image discriminators, `LMH` the landmark path, `HPM` the skip bottlenecks, which the published
models do not have, or one of them alone. A path is `encoder/stem/kernel`, in the parameters or in
the batch statistics. Layouts differ too: kernels are OIHW (transposed convolutions IOHW, dense
layers OI) there and HWIO (IO) here.
"""

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

PyTree = Any
Tensors = Mapping[str, np.ndarray]
Key = tuple[bool, tuple[str, ...]]  # is it a statistic, its path

# Axes of a PyTorch kernel in the order of ours, by kind of layer.
_AXES = {
    "conv": (2, 3, 1, 0),
    "transposed_conv": (2, 3, 0, 1),
    "dense": (1, 0),
    "norm": (0,),
    "gain": (0,),
}

# (module in PyTorch, module here, kind of layer); # is a digit, in the same order on both sides;
# the first row that matches decides.
TABLE = (
    ("Q.conv1", "encoder/stem", "conv"),
    ("Q.bn1", "encoder/stem_norm", "norm"),
    ("Q.layer#.#.conv#", "encoder/stages/layer#/block#/conv#", "conv"),
    ("Q.layer#.#.bn#", "encoder/stages/layer#/block#/norm#", "norm"),
    ("Q.layer#.#.downsample.0", "encoder/stages/layer#/block#/projection", "conv"),
    ("Q.layer#.#.downsample.1", "encoder/stages/layer#/block#/projection_norm", "norm"),
    ("Q.fc", "encoder/head", "dense"),
    ("P.fc", "generator/dense", "dense"),
    ("P.conv1", "generator/seed", "transposed_conv"),
    ("P.bn1", "generator/seed_norm", "norm"),
    ("P.layer#.0.conv1", "generator/stages/layer#/conv1", "transposed_conv"),
    ("P.layer#.0.conv2", "generator/stages/layer#/conv2", "conv"),
    ("P.layer#.0.bn#", "generator/stages/layer#/norm#", "norm"),
    ("P.layer#.0.upsample.0", "generator/stages/layer#/projection", "transposed_conv"),
    ("P.layer#.0.upsample.1", "generator/stages/layer#/projection_norm", "norm"),
    ("P.lin", "generator/head", "transposed_conv"),
    ("D_z.lin#", "embedding_discriminator/dense#", "dense"),
    ("D.main.0", "image_discriminator/convs/conv0", "conv"),
    ("D.main.2", "image_discriminator/convs/conv1", "conv"),
    ("D.main.3", "image_discriminator/norms/conv1", "norm"),
    ("D.main.5", "image_discriminator/convs/conv2", "conv"),
    ("D.main.6", "image_discriminator/norms/conv2", "norm"),
    ("D.main.8", "image_discriminator/convs/conv3", "conv"),
    ("D.main.9", "image_discriminator/norms/conv3", "norm"),
    ("D.main.11", "image_discriminator/convs/conv4", "conv"),
    ("D.main.12", "image_discriminator/norms/conv4", "norm"),
    ("D.main.14", "image_discriminator/head", "conv"),
    ("LMH.t#", "transfer/itls/layer#", "conv"),
    ("LMH.lin", "transfer/head", "transposed_conv"),
    ("HPM.#.conv#", "transfer/bottlenecks/layer#/conv#", "conv"),
    ("HPM.#.bn#", "transfer/bottlenecks/layer#/norm#", "norm"),
    ("HPM.#", "transfer/gains/layer#", "gain"),
    ("HPM.conv#", "bottleneck/conv#", "conv"),
    ("HPM.bn#", "bottleneck/norm#", "norm"),
)

_STATISTICS = {"running_mean": "mean", "running_var": "var"}
# The keys of our leaves, by those of PyTorch's, of each kind of layer.
_LEAVES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "conv": {"weight": ("kernel",)},
    "transposed_conv": {"weight": ("kernel",)},
    "dense": {"weight": ("kernel",), "bias": ("bias",)},
    "norm": {"weight": ("scale",), "bias": ("bias",)}
    | {name: (key,) for name, key in _STATISTICS.items()},
    "gain": {"gain": ()},
}
# How many batches a batch norm has seen: PyTorch counts it and never needs it here.
COUNTER = "num_batches_tracked"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a PyTorch tensor lives here.

    Attributes:
      path: Keys from the root of the parameters or of the batch statistics.
      is_statistic: Whether it is a running statistic, not a parameter.
      axes: Axes of the PyTorch tensor in the order of ours.
    """

    path: tuple[str, ...]
    is_statistic: bool
    axes: tuple[int, ...]

    def to_ours(self, tensor: np.ndarray) -> np.ndarray:
        """Returns a PyTorch tensor in our layout."""
        return np.transpose(tensor, self.axes)

    def to_torch(self, array: np.ndarray) -> np.ndarray:
        """Returns an array of ours in PyTorch's layout."""
        return np.transpose(array, np.argsort(self.axes))

    def find(self, params: PyTree, batch_stats: PyTree) -> Any:
        """Returns the leaf at this place of nested dicts.

        Raises:
          KeyError: There is no such place.
        """
        leaf = batch_stats if self.is_statistic else params
        for key in self.path:
            leaf = leaf[key]
        return leaf


def place_of(name: str) -> Place | None:
    """Returns the place of a PyTorch tensor, or None for one that is not needed here.

    Example:
      >>> place_of("Q.conv1.weight").path
      ('encoder', 'stem', 'kernel')

    Raises:
      ValueError: The table does not know the name.
    """
    module, _, leaf = name.rpartition(".")
    if leaf == COUNTER:
        return None
    for theirs, ours, kind in TABLE:
        path = _translated(module, theirs, ours)
        if path is not None and leaf in _LEAVES[kind]:
            parts = (*path.split("/"), *_LEAVES[kind][leaf])
            axes = _AXES[kind] if leaf == "weight" else (0,)
            return Place(parts, leaf in _STATISTICS, axes)
    raise ValueError(f"no place is known for the PyTorch tensor '{name}'")


def name_of(path: tuple[str, ...], *, is_statistic: bool) -> str:
    """Returns the PyTorch name of an array of ours; the inverse of `place_of`.

    Args:
      path: Keys from the root of the parameters or of the batch statistics.
      is_statistic: Which of the two.

    Example:
      >>> name_of(("encoder", "stem", "kernel"), is_statistic=False)
      'Q.conv1.weight'

    Raises:
      ValueError: The table does not know the path.
    """
    for theirs, ours, kind in TABLE:
        for leaf, keys in _LEAVES[kind].items():
            depth = len(path) - len(keys)
            module = _translated("/".join(path[:depth]), ours, theirs)
            fits = path[depth:] == keys and is_statistic == (leaf in _STATISTICS)
            if module is not None and fits:
                return f"{module}.{leaf}"
    raise ValueError(f"no PyTorch name is known for the array '{'/'.join(path)}'")


def _translated(module: str, pattern: str, other: str) -> str | None:
    """Fills the digits of a module that matches a pattern into another; None if it does not."""
    match = _compiled(pattern).fullmatch(module)
    if match is None:
        return None
    digits = iter(match.groups())
    return "".join(next(digits) if part == "#" else part for part in other)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\#", "([0-9])"))


def load(tensors: Tensors, params: PyTree, batch_stats: PyTree) -> tuple[PyTree, PyTree]:
    """Returns parameters and batch statistics with the values of PyTorch tensors.

    Args:
      tensors: PyTorch tensors by name; they must be exactly those that the trees need.
      params: Nested dict that tells the shapes (arrays or ShapeDtypeStructs).
      batch_stats: Likewise.

    Returns:
      Trees like `params` and `batch_stats`, of the tensors' dtypes.

    Raises:
      ValueError: A name is unknown, a tensor is missing or has no place in the trees, or a shape
        is wrong; the message names them.
    """
    templates = _by_key(params, False) | _by_key(batch_stats, True)
    values, problems = {}, []
    for name, tensor in tensors.items():
        place = place_of(name)
        if place is None:
            continue
        key = (place.is_statistic, place.path)
        problem = _misfit(name, np.shape(tensor), place, templates.get(key))
        if problem:
            problems.append(problem)
        else:
            values[key] = place.to_ours(np.asarray(tensor))
    problems += [f"nothing fits {'/'.join(key[1])}" for key in templates if key not in values]
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ValueError(
            f"the PyTorch tensors do not fit this model: {'; '.join(problems[:5])}{more}. Check "
            "the model's input size, width and number of landmarks"
        )
    return _filled(params, False, values), _filled(batch_stats, True, values)


def _misfit(name: str, shape: tuple[int, ...], place: Place, template: Any) -> str | None:
    if template is None:
        return f"'{name}' has no place in it"
    if len(shape) == len(place.axes):
        if tuple(shape[axis] for axis in place.axes) == template.shape:
            return None
    wanted = tuple(template.shape[axis] for axis in np.argsort(place.axes))
    return f"'{name}' has shape {shape}, not {wanted}"


def _by_key(tree: PyTree, is_statistic: bool) -> dict[Key, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {(is_statistic, _names(key_path)): leaf for key_path, leaf in leaves}


def _filled(tree: PyTree, is_statistic: bool, values: Mapping[Key, np.ndarray]) -> PyTree:
    return jax.tree_util.tree_map_with_path(
        lambda key_path, _: values[is_statistic, _names(key_path)], tree
    )


def _names(key_path: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(entry.key for entry in key_path)


def select(tensors: Tensors, networks: Iterable[str]) -> dict[str, np.ndarray]:
    """Returns the tensors of some networks: those named `NETWORK.*`, for `load`."""
    prefixes = tuple(f"{network}." for network in networks)
    return {name: tensor for name, tensor in tensors.items() if name.startswith(prefixes)}
