"""The stages of a run, each resumable: pre-training, alignment, evaluation.

A working folder holds `pretraining/` and `alignment/` (checkpoints, metrics, report each) and
`report/`. What is done already is not done again.
"""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from absl import logging
from flax import nnx

from scaf_jax import evaluation, reconstruction_report, run_identity, settings
from scaf_jax.data import mixtures, pipelines, sources
from scaf_jax.models import aligner
from scaf_jax.reporting import files
from scaf_jax.reporting import report as reporting
from scaf_jax.training import (
    alignment,
    checkpointing,
    loop,
    metric_writers,
    pretraining,
    pretraining_terms,
    sharding,
    state,
)

ConfigDict = ml_collections.ConfigDict


# What a user can mend, told without a traceback.
USER_ERRORS = (
    FileNotFoundError,  # data not prepared, no checkpoint, no photos
    checkpointing.CheckpointError,
    loop.DivergenceError,
    run_identity.RunMismatchError,
    ValueError,
)

# A few times as many as an embedding has numbers, with pose and light in proportion.
_GUIDE_CROPS = 1536


def run(config: ConfigDict, workdir: str) -> reporting.Report:
    """Does what is missing of all stages.

    Args:
      config: From a config file; see `default_config`.
      workdir: The run's folder.

    Returns:
      The last stage's report.
    """
    folder = pathlib.Path(workdir)
    # The data are looked for first: a missing data set must not cost a training.
    if config.alignment.steps:
        settings.labeled_source(config)
        for split in config.evaluation.splits:
            settings.split_source(config, split)
    report, pretrained = ensure_pretraining(config, folder)
    if not config.alignment.steps:
        if report is None:
            raise ValueError("nothing to do: alignment.steps is 0 and pretraining.run is set")
        return report
    model, train_state = run_alignment(config, folder / "alignment", pretrained)
    rebuilder = None if pretrained is None else with_pretrained(config, pretrained, train_state)
    return evaluation.evaluate(config, model, train_state, folder / "report", rebuilder=rebuilder)


def ensure_pretraining(
    config: ConfigDict, folder: pathlib.Path
) -> tuple[reporting.Report | None, pathlib.Path | None]:
    """Trains stage 1 in a run's folder, unless the config names another one or needs none.

    Returns:
      Its report, where it was trained here, and its folder, where one is needed.
    """
    if config.alignment.initialization != "pretraining":
        return None, None
    if config.pretraining.run:
        return None, pathlib.Path(config.pretraining.run)
    return run_pretraining(config, folder / "pretraining"), folder / "pretraining"


def run_pretraining(config: ConfigDict, folder: pathlib.Path) -> reporting.Report:
    """Trains stage 1 to its end, from where it was; writes its report.

    Args:
      config: The run's config.
      folder: Gets `checkpoints/`, metrics and `report/`.
    """
    section, stage = config.pretraining, settings.pretraining_settings(config)
    optimizers = pretraining.build_optimizers(stage)
    build = functools.partial(
        pretraining.PretrainingModel,
        input_size=config.input_size,
        width_multiplier=config.width_multiplier,
        guided=bool(section.guide_weight),
        dtype=settings.compute_dtype(config),
    )
    graphdef, _, _ = state.split(nnx.eval_shape(lambda: build(rngs=nnx.Rngs(config.seed))))

    def init() -> state.TrainState:
        model = build(rngs=nnx.Rngs(config.seed))
        return pretraining.init_state(model, optimizers)[1]

    step = functools.partial(
        pretraining.train_step,
        graphdef=graphdef,
        optimizers_=optimizers,
        settings=stage,
        seed=config.seed,
    )

    def bind(jitted: Callable[..., Any]) -> loop.StepFunction:
        return lambda number, train_state, batch: jitted(
            train_state, batch, terms=pretraining_terms.terms_at(number, stage)
        )

    train_state = _train(
        config,
        section,
        folder,
        kind="pretraining",
        init=init,
        source=functools.partial(_unlabeled, config, folder),
        scheme=None,
        step=jax.jit(step, static_argnames="terms", donate_argnums=0),
        bind=bind,
        start=functools.partial(_guide, config) if section.guide_weight else None,
    )
    return reconstruction_report.write(config, graphdef, train_state, folder / "report")


def _unlabeled(config: ConfigDict, folder: pathlib.Path) -> sources.Source:
    """Opens stage 1's faces; says what a mixture of sets consists of, in `mixture.md` too."""
    source = settings.unlabeled_source(config)
    if isinstance(source, mixtures.MixedSource):
        table = mixtures.table(source.counts)
        logging.info("%s: a mixture\n%s", folder, table)
        if jax.process_index() == 0:
            folder.mkdir(parents=True, exist_ok=True)
            files.write_text(folder / "mixture.md", table)
    return source


def _guide(config: ConfigDict, train_state: state.TrainState) -> state.TrainState:
    """Computes the embedding's guide from crops that are drawn alike in every process."""
    section = config.pretraining
    batches = pipelines.train_batches(
        settings.unlabeled_source(config),
        crop=settings.crop(config),
        augmentation=settings.augmentation(section),
        scheme=None,
        batch_size=64,
        seed=config.seed,
        num_threads=config.loader.num_threads,
    )
    images = [next(batches)["image"] for _ in range(-(-_GUIDE_CROPS // 64))]
    batches.close()
    logging.info("the embedding's guide: principal components of %d crops", 64 * len(images))
    return pretraining.with_guide(train_state, np.concatenate(images))


def run_alignment(
    config: ConfigDict,
    folder: pathlib.Path,
    pretrained: pathlib.Path | None,
    *,
    labeled: sources.Source | None = None,
) -> tuple[nnx.GraphDef[aligner.Aligner], state.TrainState]:
    """Trains stage 2 to its end, from where it was.

    Args:
      config: The run's config.
      folder: Gets `checkpoints/` and metrics.
      pretrained: Folder of a stage 1, or None to start from random weights.
      labeled: The faces to learn from; by default those that the config names. A folder belongs
        to the faces that it was begun with.

    Returns:
      The model's definition and the last state.

    Raises:
      RunMismatchError: `folder` or `pretrained` was made with other settings.
    """
    stage = settings.alignment_settings(config)
    build = functools.partial(build_aligner, config)
    graphdef, _, _ = state.split(nnx.eval_shape(build))

    def init() -> state.TrainState:
        return alignment.init_state(build(), stage)[1]

    step = functools.partial(
        alignment.train_step, graphdef=graphdef, settings=stage, codec=settings.codec(config)
    )
    train_state = _train(
        config,
        config.alignment,
        folder,
        kind="alignment",
        init=init,
        source=lambda: labeled or settings.labeled_source(config),
        faces_digest="" if labeled is None else run_identity.digest(labeled.keys),
        scheme=settings.scheme(config),
        step=jax.jit(step, donate_argnums=0),
        bind=lambda jitted: lambda _, train_state, batch: jitted(train_state, batch),
        start=None
        if pretrained is None
        else functools.partial(with_pretrained, config, pretrained),
    )
    return graphdef, train_state


def build_aligner(config: ConfigDict) -> aligner.Aligner:
    """Returns the stage-2 network of a config, with random weights."""
    return aligner.Aligner(
        input_size=config.input_size,
        heatmap_size=config.alignment.heatmap_size,
        num_landmarks=settings.scheme(config).num_landmarks,
        skips=config.alignment.skips,
        width_multiplier=config.width_multiplier,
        dtype=settings.compute_dtype(config),
        rngs=nnx.Rngs(config.seed),
    )


def _train(
    config: ConfigDict,
    section: ConfigDict,
    folder: pathlib.Path,
    *,
    kind: str,
    init: Callable[[], state.TrainState],
    source: Callable[[], sources.Source],
    scheme: Any,
    step: Callable[..., Any],
    bind: Callable[[Callable[..., Any]], loop.StepFunction],
    start: Callable[[state.TrainState], state.TrainState] | None = None,
    faces_digest: str = "",
) -> state.TrainState:
    """Opens everything that a training needs, restores or starts it, and runs the loop."""
    mesh = sharding.make_mesh(config.mesh.data, config.mesh.fsdp)
    metadata = run_identity.metadata(config, section, kind, faces_digest)
    sharding.local_batch_size(section.batch_size, mesh)
    abstract = jax.eval_shape(init)
    shardings = sharding.state_shardings(mesh, abstract)
    with checkpointing.Checkpoints(
        folder / "checkpoints", save_interval=section.save_every
    ) as checkpoints:
        restored = None
        if checkpoints.latest_step() is not None:
            placed = sharding.abstract_with_shardings(abstract, shardings)
            run_identity.check_same_run(checkpoints.read_metadata(), metadata, folder)
            restored = checkpoints.restore(placed)
            train_state = restored.state
            logging.info("%s: continuing at step %d", folder, int(train_state.step))
        else:
            train_state = jax.jit(init, out_shardings=shardings)()
            if start is not None:
                train_state = start(train_state)
        if int(train_state.step) >= section.steps:
            return train_state
        faces = source()
        batches = pipelines.train_batches(
            faces,
            crop=settings.crop(config),
            augmentation=settings.augmentation(section),
            scheme=scheme,
            batch_size=section.batch_size,
            seed=config.seed,
            num_workers=config.loader.num_workers,
            num_threads=config.loader.num_threads,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        if restored is not None:
            batches.set_state(restored.iterator_state)
        logging.info(
            "%s: %d faces, %d steps of %d", folder, len(faces), section.steps, section.batch_size
        )
        with metric_writers.MetricWriter(
            folder, first_step=int(train_state.step), total_steps=section.steps, name=kind
        ) as writer:
            return loop.train(
                train_state,
                bind(step),
                batches,
                settings=loop.LoopSettings(section.steps, section.log_every),
                checkpoints=checkpoints,
                writer=writer,
                mesh=mesh,
                metadata=metadata,
                keys=lambda: faces.keys,
            )


def checkpoints_of(folder: pathlib.Path) -> pathlib.Path:
    """Returns where a stage's checkpoints are: in `checkpoints/`, or in the folder given."""
    inner = folder / "checkpoints"
    return inner if inner.is_dir() else folder


def with_pretrained(
    config: ConfigDict, pretrained: pathlib.Path, train_state: state.TrainState
) -> state.TrainState:
    """Returns a stage-2 state with stage 1's encoder and generator.

    Raises:
      run_identity.RunMismatchError: Stage 1 was trained at another size.
    """
    directory = checkpoints_of(pretrained)
    saved = checkpointing.read_metadata(directory).get("settings", {})
    wrong = [
        f"{name} is {saved.get(name)!r} there and {config[name]!r} here"
        for name in run_identity.MODEL_FIELDS
        if saved.get(name) != config[name]
    ]
    if wrong:
        raise run_identity.RunMismatchError(
            f"stage 1 in {pretrained} does not fit: {'; '.join(wrong)}"
        )
    names = ("encoder", "generator")
    subtrees = [f"{kind}/{name}" for kind in ("params", "batch_stats") for name in names]
    loaded = checkpointing.restore_parameters(directory, subtrees, train_state)
    logging.info("encoder and generator from %s", pretrained)
    return state.TrainState(
        step=train_state.step,
        params=train_state.params | loaded["params"],
        batch_stats=train_state.batch_stats | loaded["batch_stats"],
        opt_state=train_state.opt_state,
    )
