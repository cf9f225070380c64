"""The one table from the tensor names of the published PyTorch models to our parameter paths.

PyTorch names are those of a state_dict: `Q` encoder, `P` generator, `D_z` and `D` the embedding
and image discriminators, `LMH` the landmark path, `HPM` a skip bottleneck alone. A path is
`encoder/stem/kernel`, in the parameters or in the batch statistics. Layouts differ too: kernels
are OIHW (transposed convolutions IOHW, dense layers OI) there and HWIO (IO) here.
"""

import dataclasses
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
}

# (module in PyTorch, module here, kind of layer); the first row that matches decides.
TABLE = (
    (r"Q\.conv1", r"encoder/stem", "conv"),
    (r"Q\.bn1", r"encoder/stem_norm", "norm"),
    (r"Q\.layer(\d)\.(\d)\.conv(\d)", r"encoder/stages/layer\1/block\2/conv\3", "conv"),
    (r"Q\.layer(\d)\.(\d)\.bn(\d)", r"encoder/stages/layer\1/block\2/norm\3", "norm"),
    (r"Q\.layer(\d)\.(\d)\.downsample\.0", r"encoder/stages/layer\1/block\2/projection", "conv"),
    (
        r"Q\.layer(\d)\.(\d)\.downsample\.1",
        r"encoder/stages/layer\1/block\2/projection_norm",
        "norm",
    ),
    (r"Q\.fc", r"encoder/head", "dense"),
    (r"P\.fc", r"generator/dense", "dense"),
    (r"P\.conv1", r"generator/seed", "transposed_conv"),
    (r"P\.bn1", r"generator/seed_norm", "norm"),
    (r"P\.layer(\d)\.0\.conv1", r"generator/stages/layer\1/conv1", "transposed_conv"),
    (r"P\.layer(\d)\.0\.conv2", r"generator/stages/layer\1/conv2", "conv"),
    (r"P\.layer(\d)\.0\.bn(\d)", r"generator/stages/layer\1/norm\2", "norm"),
    (r"P\.layer(\d)\.0\.upsample\.0", r"generator/stages/layer\1/projection", "transposed_conv"),
    (r"P\.layer(\d)\.0\.upsample\.1", r"generator/stages/layer\1/projection_norm", "norm"),
    (r"P\.lin", r"generator/head", "transposed_conv"),
    (r"D_z\.lin(\d)", r"embedding_discriminator/dense\1", "dense"),
    (r"D\.main\.0", r"image_discriminator/convs/conv0", "conv"),
    (r"D\.main\.2", r"image_discriminator/convs/conv1", "conv"),
    (r"D\.main\.3", r"image_discriminator/norms/conv1", "norm"),
    (r"D\.main\.5", r"image_discriminator/convs/conv2", "conv"),
    (r"D\.main\.6", r"image_discriminator/norms/conv2", "norm"),
    (r"D\.main\.8", r"image_discriminator/convs/conv3", "conv"),
    (r"D\.main\.9", r"image_discriminator/norms/conv3", "norm"),
    (r"D\.main\.11", r"image_discriminator/convs/conv4", "conv"),
    (r"D\.main\.12", r"image_discriminator/norms/conv4", "norm"),
    (r"D\.main\.14", r"image_discriminator/head", "conv"),
    (r"LMH\.t(\d)", r"transfer/itls/layer\1", "conv"),
    (r"LMH\.lin", r"transfer/head", "transposed_conv"),
    (r"HPM\.conv(\d)", r"bottleneck/conv\1", "conv"),
    (r"HPM\.bn(\d)", r"bottleneck/norm\1", "norm"),
)

_STATISTICS = {"running_mean": "mean", "running_var": "var"}
# How many batches a batch norm has seen: PyTorch counts it and never needs it here.
_IGNORED = re.compile(r".*\.num_batches_tracked")


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
    if _IGNORED.fullmatch(name):
        return None
    module, _, leaf = name.rpartition(".")
    for pattern, replacement, kind in TABLE:
        match = re.fullmatch(pattern, module)
        if match and leaf in _leaves(kind):
            is_weight = leaf == "weight"
            path = (*match.expand(replacement).split("/"), _leaves(kind)[leaf])
            return Place(path, leaf in _STATISTICS, _AXES[kind] if is_weight else (0,))
    raise ValueError(f"no place is known for the PyTorch tensor '{name}'")


def _leaves(kind: str) -> dict[str, str]:
    if kind == "norm":
        return {"weight": "scale", "bias": "bias"} | _STATISTICS
    return {"weight": "kernel", "bias": "bias"} if kind == "dense" else {"weight": "kernel"}


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
