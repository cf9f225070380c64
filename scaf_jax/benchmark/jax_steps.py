"""Our side of the measurement: steps compiled with our convolutions or with plain lax."""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.experimental.compilation_cache import compilation_cache

from scaf_jax.benchmark import workloads
from scaf_jax.models import aligner
from scaf_jax.ops import platform_forms
from scaf_jax.training import alignment, preprocessing, pretraining, pretraining_terms, state

PyTree = Any
_ALL_TERMS = pretraining_terms.Terms(
    embedding=True, image=True, structural=True, interpolation=False
)


@dataclasses.dataclass(frozen=True)
class CompiledStep:
    """A compiled step that carries its state on.

    Attributes:
      step: Does one step and waits for it; returns its metrics, or landmarks (B, L, 2).
      compile_seconds: Wall time of tracing, lowering and compiling.
      memory: Bytes that the compiled program needs, by kind.
      work: What one step takes, by the compiler's account: `flops`, and `bytes` that are read and
        written. Of branches that not every step takes, the larger counts.
    """

    step: Callable[[], Any]
    compile_seconds: float
    memory: dict[str, int]
    work: dict[str, float]


@dataclasses.dataclass(frozen=True)
class _Program:
    """A function (state, batch) -> (new state, output) before compilation."""

    function: Callable[[PyTree, PyTree], tuple[PyTree, Any]]
    init: Callable[[PyTree, PyTree], PyTree]


def build(
    workload: workloads.Workload,
    weights: tuple[PyTree, PyTree],
    batch: workloads.Batch,
    *,
    plain: bool,
    dropout: bool = True,
) -> CompiledStep:
    """Compiles a workload's step and gives it a state of its own.

    Args:
      workload: What to compute.
      weights: Parameters and running statistics; they are copied.
      batch: The batch of every step.
      plain: Whether to use plain lax instead of the CPU forms of convolutions.
      dropout: Whether stage 1's embedding discriminator drops units out.
    """
    program = _program(workload, dropout)
    carried = _copy(program.init, weights)
    batch = jax.device_put(batch)
    # A program whose state is not written, as in inference, has nothing to donate.
    donated = () if workload.kind == workloads.INFERENCE else (0,)
    jitted = jax.jit(program.function, donate_argnums=donated)
    with platform_forms.plain_lax() if plain else contextlib.nullcontext():
        start = time.perf_counter()
        compiled = jitted.lower(carried, batch).compile()
        seconds = time.perf_counter() - start

    def step() -> Any:
        nonlocal carried
        new_state, output = jax.block_until_ready(compiled(carried, batch))
        carried = carried if new_state is None else new_state
        return output

    return CompiledStep(step, seconds, _memory(compiled), _work(compiled))


def _copy(init: Callable[[PyTree, PyTree], PyTree], weights: tuple[PyTree, PyTree]) -> PyTree:
    """Returns the first state in memory of its own.

    Without the copy JAX would hand on the NumPy arrays' memory, and a step that takes its state
    over (donation) would write the results into the weights of all other contestants.
    """
    return jax.jit(lambda *args: jax.tree.map(jnp.copy, init(*args)))(*weights)


def _program(workload: workloads.Workload, dropout: bool) -> _Program:
    graphdef = workload.graphdef()
    if workload.kind == workloads.PRETRAINING:
        return _pretraining(graphdef, dropout)
    if workload.kind == workloads.ALIGNMENT:
        return _alignment(workload, graphdef)
    return _inference(workload, graphdef)


def _pretraining(graphdef: nnx.GraphDef[Any], dropout: bool) -> _Program:
    settings = pretraining_terms.PretrainingSettings(dropout=dropout)
    optimizers = pretraining.build_optimizers(settings)
    step = functools.partial(
        pretraining.train_step,
        graphdef=graphdef,
        optimizers_=optimizers,
        settings=settings,
        terms=_ALL_TERMS,
        seed=0,
    )
    return _Program(step, functools.partial(pretraining.start_state, optimizers_=optimizers))


def _alignment(workload: workloads.Workload, graphdef: nnx.GraphDef[Any]) -> _Program:
    settings = alignment.AlignmentSettings()
    step = functools.partial(
        alignment.train_step, graphdef=graphdef, settings=settings, codec=workload.codec
    )

    def init(params: PyTree, batch_stats: PyTree) -> state.TrainState:
        model: aligner.Aligner = state.merge(graphdef, params, batch_stats)
        return alignment.init_state(model, settings)[1]

    return _Program(step, init)


def _inference(workload: workloads.Workload, graphdef: nnx.GraphDef[Any]) -> _Program:
    def infer(weights: tuple[PyTree, PyTree], batch: PyTree) -> tuple[None, jax.Array]:
        model: aligner.Aligner = state.merge(graphdef, *weights)
        predicted, _ = model(preprocessing.normalize(batch["image"]), train=False)
        return None, workload.codec.decode(predicted, "argmax")

    return _Program(infer, lambda params, batch_stats: (params, batch_stats))


def _memory(compiled: jax.stages.Compiled) -> dict[str, int]:
    """Returns what the compiler says of the program's memory, in bytes; empty if it is silent.

    `total` counts arguments, results and intermediate values that are there at once; donated
    arguments, whose place results take over, count once.
    """
    analysis = compiled.memory_analysis()
    if analysis is None:
        return {}
    parts = {
        "arguments": int(analysis.argument_size_in_bytes),
        "outputs": int(analysis.output_size_in_bytes),
        "aliased": int(analysis.alias_size_in_bytes),
        "temporary": int(analysis.temp_size_in_bytes),
    }
    total = parts["arguments"] + parts["outputs"] - parts["aliased"] + parts["temporary"]
    return parts | {"total": total}


def _work(compiled: jax.stages.Compiled) -> dict[str, float]:
    """Returns what the compiler says of the program's work; empty if it is silent."""
    analysis = compiled.cost_analysis() or {}
    names = {"flops": "flops", "bytes": "bytes accessed"}
    return {name: float(analysis[key]) for name, key in names.items() if key in analysis}


@contextlib.contextmanager
def no_compilation_cache() -> Iterator[None]:
    """Compiles everything anew inside the context, so that compile times mean something."""
    enabled = jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    # JAX remembers whether the cache is in use until it is reset.
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", enabled)
        compilation_cache.reset_cache()
