"""Stage 1 as a part of a run: its faces, its guide, its training and its report."""

import csv
import functools
import io
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from absl import logging
from flax import nnx

from scaf_jax.data import mixtures, pipelines, sources
from scaf_jax.files import atomic
from scaf_jax.files.escaping import printable, spreadsheet_text
from scaf_jax.inference import bundle
from scaf_jax.reporting import report as reporting
from scaf_jax.runs import feeding, reconstruction_report, settings, stage_training
from scaf_jax.training import loop, pretraining, pretraining_terms, state

ConfigDict = ml_collections.ConfigDict

# A few times as many as an embedding has numbers, with pose and light in proportion.
_GUIDE_CROPS = 1536
SKIPPED_FILE = "skipped.csv"


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
    graphdef, _, _ = state.definition(lambda: build(rngs=nnx.Rngs(config.seed)))

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

    train_state = stage_training.train(
        config,
        section,
        folder,
        kind="pretraining",
        init=init,
        source=functools.partial(open_faces, config, folder),
        scheme=None,
        step=jax.jit(step, static_argnames="terms", donate_argnums=0),
        bind=bind,
        start=functools.partial(_guide, config) if section.guide_weight else None,
    )
    network = bundle.FaceNetwork(
        graphdef=graphdef,
        params=train_state.params,
        batch_stats=train_state.batch_stats,
        crop=settings.crop(config),
        provenance={"steps": int(train_state.step)},
    )
    return reconstruction_report.write(config, network, folder / "report", training=folder)


def open_faces(config: ConfigDict, folder: pathlib.Path) -> sources.Source:
    """Opens stage 1's faces; says what a mixture of sets consists of, in `mixture.md` too.

    Args:
      config: The run's config.
      folder: Gets `mixture.md`, and `skipped.csv` where photos were left out.
    """
    source = settings.unlabeled_source(config)
    if jax.process_index() == 0:
        _write_skipped(folder / SKIPPED_FILE, source.skipped)
    if isinstance(source, mixtures.MixedSource):
        table = mixtures.table(source.counts)
        logging.info("%s: a mixture\n%s", folder, table)
        if jax.process_index() == 0:
            folder.mkdir(parents=True, exist_ok=True)
            atomic.write_text(folder / "mixture.md", table)
    return source


def _write_skipped(path: pathlib.Path, skipped: Sequence[tuple[str, str]]) -> None:
    if not skipped:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["name", "reason"])
    rows.writerows([spreadsheet_text(printable(text)) for text in row] for row in skipped)
    atomic.write_text(path, table.getvalue())
    logging.warning("%d photos or boxes were left out; %s says which and why", len(skipped), path)


def _guide(config: ConfigDict, train_state: state.TrainState) -> state.TrainState:
    """Computes the embedding's guide from crops that are drawn alike in every process."""
    section = config.pretraining
    workers, threads = feeding.loader_size(config)
    batches = pipelines.train_batches(
        settings.unlabeled_source(config),
        crop=settings.crop(config),
        augmentation=settings.augmentation(section),
        scheme=None,
        batch_size=64,
        seed=config.seed,
        num_workers=workers,
        num_threads=threads,
    )
    images = [next(batches)["image"] for _ in range(-(-_GUIDE_CROPS // 64))]
    batches.close()
    logging.info("the embedding's guide: principal components of %d crops", 64 * len(images))
    return pretraining.with_guide(train_state, np.concatenate(images))
