"""Stage 1 as a part of a run: its faces, its guide, its training and its report."""

import csv
import functools
import io
from collections.abc import Sequence

import jax
import numpy as np
from absl import logging

from scaf_jax.data import mixtures, pipelines, sources
from scaf_jax.files import atomic
from scaf_jax.files.escaping import printable, spreadsheet_text
from scaf_jax.files.places import Place
from scaf_jax.inference import bundle
from scaf_jax.reporting import report as reporting
from scaf_jax.runs import feeding, reconstruction_report, stage_training
from scaf_jax.runs.run import Pretraining, Run
from scaf_jax.training import pretraining, pretraining_terms, state

# A few times as many as an embedding has numbers, with pose and light in proportion.
_GUIDE_CROPS = 1536
SKIPPED_FILE = "skipped.csv"


def run_pretraining(run: Run, trained: Pretraining, folder: Place) -> reporting.Report:
    """Trains stage 1 to its end, from where it was; writes its report.

    Args:
      run: The run.
      trained: Its stage 1.
      folder: Gets `checkpoints/`, metrics and `report/`.
    """
    train_state = stage_training.train(run, work(run, trained, folder), folder)
    network = bundle.FaceNetwork(
        graphdef=trained.stage.graphdef,
        params=train_state.params,
        batch_stats=train_state.batch_stats,
        crop=run.crop,
        provenance={"steps": int(train_state.step)},
    )
    return reconstruction_report.write(run, network, folder / "report", training=folder)


def work(run: Run, trained: Pretraining, folder: Place) -> stage_training.Work:
    """Returns what the training of stage 1 is about; see `run_pretraining`."""
    step = functools.partial(
        pretraining.train_step,
        graphdef=trained.stage.graphdef,
        optimizers_=pretraining.build_optimizers(trained.settings),
        settings=trained.settings,
        seed=run.seed,
    )
    return stage_training.Work(
        stage=trained.stage,
        step=stage_training.jit_step(run, trained.stage, step, static_argnames="terms"),
        static=lambda number: {"terms": pretraining_terms.terms_at(number, trained.settings)},
        open_faces=functools.partial(open_faces, run, folder),
        start=functools.partial(_guide, run, trained) if trained.architecture.guided else None,
    )


def open_faces(run: Run, folder: Place) -> sources.Source:
    """Opens stage 1's faces; says what a mixture of sets consists of, in `mixture.md` too.

    Args:
      run: The run.
      folder: Gets `mixture.md`, and `skipped.csv` where photos were left out.
    """
    source = run.faces.pretraining()
    if jax.process_index() == 0:
        _write_skipped(folder / SKIPPED_FILE, source.skipped)
    if isinstance(source, mixtures.MixedSource):
        table = mixtures.table(source.counts)
        logging.info("%s: a mixture\n%s", folder, table)
        if jax.process_index() == 0:
            folder.mkdir(parents=True, exist_ok=True)
            atomic.write_text(folder / "mixture.md", table)
    return source


def _write_skipped(path: Place, skipped: Sequence[tuple[str, str]]) -> None:
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


def _guide(run: Run, trained: Pretraining, train_state: state.TrainState) -> state.TrainState:
    """Computes the embedding's guide from crops that are drawn alike in every process."""
    workers, threads = feeding.loader_size(run.loader)
    batches = pipelines.train_batches(
        run.faces.pretraining(),
        crop=run.crop,
        augmentation=trained.stage.augmentation,
        scheme=None,
        batch_size=64,
        seed=run.seed,
        num_workers=workers,
        num_threads=threads,
    )
    images = [next(batches)["image"] for _ in range(-(-_GUIDE_CROPS // 64))]
    batches.close()
    logging.info("the embedding's guide: principal components of %d crops", 64 * len(images))
    return pretraining.with_guide(train_state, np.concatenate(images))
