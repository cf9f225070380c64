"""Builds our models with the weights of a fixture."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from flax import nnx

from scaf_jax.models import adversarial_autoencoder, aligner, torch_names
from scaf_jax.parity import fixtures
from scaf_jax.training import state

PyTree = Any
Module = TypeVar("Module", bound=nnx.Module)
Parts = tuple[nnx.GraphDef[Module], PyTree, PyTree]

# Names of networks in the fixtures: of each of our models, the networks that it is made of.
AUTOENCODER = ("Q", "P", "D_z", "D")
ALIGNER = ("Q", "P", "LMH")


def fill(build: Callable[[], Module], tensors: torch_names.Tensors) -> Parts[Module]:
    """Returns a model's definition, parameters and statistics with the values of tensors.

    Raises:
      FixtureError: The tensors do not fit the model.
    """
    graphdef, params, batch_stats = state.split(nnx.eval_shape(build))
    try:
        params, batch_stats = torch_names.load(tensors, params, batch_stats)
    except ValueError as error:
        raise fixtures.FixtureError(str(error)) from error
    return graphdef, params, batch_stats


def autoencoder(network: fixtures.Network) -> Parts[adversarial_autoencoder.PretrainingModel]:
    """Returns the parts of stage 1's model."""
    return fill(
        lambda: adversarial_autoencoder.PretrainingModel(
            input_size=network.input_size, rngs=nnx.Rngs(0)
        ),
        torch_names.select(network.tensors, AUTOENCODER),
    )


def aligner_(network: fixtures.Network, heatmap_size: int) -> Parts[aligner.Aligner]:
    """Returns the parts of stage 2's model, without skips."""
    tensors = torch_names.select(network.tensors, ALIGNER)
    # The fixtures have every ITL; the path to the heatmaps uses as many as their size asks for.
    used = {f"LMH.t{i}.weight" for i in range(1, heatmap_size.bit_length() - 3)}
    return fill(
        lambda: aligner.Aligner(
            input_size=network.input_size,
            heatmap_size=heatmap_size,
            num_landmarks=network.num_landmarks,
            skips=False,
            rngs=nnx.Rngs(0),
        ),
        {n: t for n, t in tensors.items() if not n.startswith("LMH.t") or n in used},
    )


def read_tensor(name: str, params: PyTree, batch_stats: PyTree) -> np.ndarray:
    """Returns our value of the tensor with a PyTorch name, in PyTorch's layout, float64."""
    place = torch_names.place_of(name)
    if place is None:
        raise ValueError(f"'{name}' does not exist here")
    return place.to_torch(np.asarray(place.find(params, batch_stats), np.float64))
