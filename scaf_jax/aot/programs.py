"""The real steps of a config, ready to compile: what `scaf_jax.main` would run, without arrays."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from scaf_jax.inference import one_pass, steps
from scaf_jax.ops import image_groups
from scaf_jax.runs import resolve
from scaf_jax.runs import run as runs
from scaf_jax.training import alignment, pretraining, pretraining_terms, sharding, state

ConfigDict = ml_collections.ConfigDict
PyTree = Any

PRETRAINING, ALIGNMENT, SCORING = "pretraining", "alignment", "scoring"
STAGES = (PRETRAINING, ALIGNMENT, SCORING)


@dataclasses.dataclass(frozen=True)
class Program:
    """A step and what it is called with.

    Attributes:
      function: The jitted step.
      arguments: Shapes, dtypes and shardings of its arguments.
      images: Images in a step, over all devices.
    """

    function: Callable[..., Any]
    arguments: tuple[PyTree, ...]
    images: int

    def lower(self) -> jax.stages.Lowered:
        """Traces the step as it is traced where there are TPUs, and lowers it for its devices."""
        with image_groups.grouping(self.devices):
            lower = self.function.lower  # pyright: ignore[reportFunctionMemberAccess]
            return lower(*self.arguments)

    @property
    def devices(self) -> int:
        """Number of devices that share the step."""
        return len(jax.tree.leaves(self.arguments)[0].sharding.device_set)


def build(config: ConfigDict, stage: str, devices: list[Any], images_per_chip: int = 0) -> Program:
    """Returns the step of a stage.

    Args:
      config: The run's config; nothing that it names is opened, except a scheme's file.
      stage: One of `STAGES`; of stage 1 the step with all terms that ever start.
      devices: Of a topology.
      images_per_chip: Images that each device sees; 0 takes the config's batch size.

    Raises:
      ValueError: The batch cannot be divided, or a setting does not fit.
    """
    mesh = sharding.make_mesh(config.mesh.data, config.mesh.fsdp, devices)
    sections = {PRETRAINING: "pretraining", ALIGNMENT: "alignment", SCORING: "evaluation"}
    images = images_per_chip * len(devices) or config[sections[stage]].batch_size
    if stage == SCORING:
        images = one_pass.divisible(images, mesh)
    try:
        sharding.local_batch_size(images, mesh)
    except ValueError as error:
        raise ValueError(
            f"{sections[stage]}.batch_size: {error}; or use --images_per_chip"
        ) from error
    make = {PRETRAINING: _pretraining, ALIGNMENT: _alignment, SCORING: _scoring}[stage]
    # The mesh is that of the topology, not of this machine.
    here = config.copy_and_resolve_references()
    here.mesh.data, here.mesh.fsdp = -1, 1
    return make(resolve.resolve(here), mesh, images)


def _pretraining(run: runs.Run, mesh: jax.sharding.Mesh, images: int) -> Program:
    if run.pretraining is None:
        raise ValueError("this config trains no stage 1: leave pretraining.run empty")
    stage = run.pretraining.settings
    step = functools.partial(
        pretraining.train_step,
        graphdef=run.pretraining.stage.graphdef,
        optimizers_=pretraining.build_optimizers(stage),
        settings=stage,
        terms=pretraining_terms.terms_at(_last_start(stage), stage),
        seed=run.seed,
    )
    batch = _batch(mesh, images, run.crop.input_size)
    return _training(step, run.pretraining.stage.abstract, mesh, batch)


def _last_start(stage: pretraining_terms.PretrainingSettings) -> int:
    names = ("embedding_start", "image_start", "structural_start", "interpolation_start")
    return max(0, *(getattr(stage, name) for name in names))


def _alignment(run: runs.Run, mesh: jax.sharding.Mesh, images: int) -> Program:
    marks = run.scheme.num_landmarks
    stage = _stage_2(run)
    step = functools.partial(
        alignment.train_step,
        graphdef=stage.stage.graphdef,
        settings=stage.settings,
        codec=stage.codec,
    )
    batch = _batch(mesh, images, run.crop.input_size) | {
        "landmarks": _array(mesh, (images, marks, 2), jnp.float32),
        "landmark_mask": _array(mesh, (images, marks), jnp.bool_),
    }
    return _training(step, stage.stage.abstract, mesh, batch)


def _stage_2(run: runs.Run) -> runs.Alignment:
    if run.alignment is None:
        raise ValueError("this config has no stage 2: set alignment.steps")
    return run.alignment


def _training(
    step: Callable[..., Any], first: state.TrainState, mesh: jax.sharding.Mesh, batch: PyTree
) -> Program:
    places = sharding.state_shardings(mesh, first)
    jitted = jax.jit(step, donate_argnums=0, out_shardings=(places, sharding.replicated(mesh)))
    placed = sharding.abstract_with_shardings(first, places)
    return Program(jitted, (placed, batch), batch["image"].shape[0])


def _scoring(run: runs.Run, mesh: jax.sharding.Mesh, images: int) -> Program:
    stage = _stage_2(run)
    weights = [stage.stage.abstract.params, stage.stage.abstract.batch_stats]
    step = functools.partial(
        steps.score,
        graphdef=stage.stage.graphdef,
        codec=stage.codec,
        decoder=run.evaluation.decoder,
        mesh=mesh,
        with_entropy=False,
    )
    placed = sharding.abstract_with_shardings(weights, sharding.state_shardings(mesh, weights))
    batch = _batch(mesh, images, run.crop.input_size) | {
        "matrix": _array(mesh, (images, 2, 3), jnp.float32),
        "valid": _array(mesh, (images,), jnp.bool_),
    }
    jitted = jax.jit(step, out_shardings=sharding.replicated(mesh))
    return Program(jitted, (*placed, batch), images)


def _batch(mesh: jax.sharding.Mesh, images: int, size: int) -> dict[str, jax.ShapeDtypeStruct]:
    return {"image": _array(mesh, (images, size, size, 3), jnp.uint8)}


def _array(mesh: jax.sharding.Mesh, shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding.batch_sharding(mesh))
