"""A landmark network as a StableHLO program that holds its weights; JAX alone runs it."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.export
import jax.numpy as jnp

from scaf_jax.deployment import calibrated
from scaf_jax.inference import bundle, steps
from scaf_jax.ops import platform_forms
from scaf_jax.training import preprocessing, state
from scaf_jax.weights import exported

PLATFORMS = ("cpu", "cuda", "tpu")


def program(
    network: bundle.Bundle,
    description: exported.Description,
    platforms: Sequence[str] = PLATFORMS,
) -> bytes:
    """Returns the program, for any number of crops, as `jax.export` serializes it.

    Args:
      network: The network.
      description: What the program is to be.
      platforms: Those that it is to run on.

    Raises:
      ValueError: There is no such platform.
    """
    unknown = sorted(set(platforms) - set(PLATFORMS))
    if unknown or not platforms:
        raise ValueError(f"platforms must be of {PLATFORMS}, not {unknown}")
    size = network.architecture.input_size
    (batch,) = jax.export.symbolic_shape("batch")
    images = jax.ShapeDtypeStruct((batch, size, size, 3), jnp.uint8)
    run = jax.jit(function(network, description))
    # Other machines do not have the library that convolutions call on this one.
    with platform_forms.portable():
        return bytes(jax.export.export(run, platforms=list(platforms))(images).serialize())


def function(network: bundle.Bundle, description: exported.Description) -> Any:
    """Returns the function of (B, S, S, 3) uint8 crops that the program computes."""
    graphdef, params = network.graphdef, network.params
    if description.dtype != network.architecture.compute_dtype:
        architecture = description.marks.architecture
        graphdef = state.definition(architecture.build)[0]
    if description.dtype == "bfloat16":
        params = jax.tree.map(_half, params)
    flip = network.scheme.flip_permutation if description.flip else ()
    weights = jax.tree.map(jnp.asarray, (params, network.batch_stats))
    locate: Any = functools.partial(
        steps.locate,
        graphdef=graphdef,
        codec=network.codec,
        decoder=network.decoder,
        flip_permutation=flip,
    )

    calibration = network.fitted.confidence
    curves = None if calibration is None else calibrated.pieces(calibration)

    def run(images: jax.Array) -> dict[str, jax.Array]:
        if description.decode:
            outputs = locate(*weights, images)
            if curves is not None:
                outputs["confidences"] = calibrated.confidences(outputs["heights"], curves)
            return {name: outputs[name] for name in description.outputs}
        model: Any = state.merge(graphdef, *weights)
        maps, _ = model(preprocessing.normalize(images), train=False)
        return {"heatmaps": maps.astype(jnp.float32)}

    return run


def _half(array: Any) -> jax.Array:
    """Kernels as they are computed with; scales and shifts keep their precision."""
    array = jnp.asarray(array)
    return array.astype(jnp.bfloat16) if array.ndim > 1 else array
