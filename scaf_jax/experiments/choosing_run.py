"""Runs the comparison of strategies: one training after the other, none of them twice.

Each training is one small file, `WORKDIR/choosing/trainings/HASH.npz`, named by all that it depends
on; choices are not kept, since they follow from these. So strategies, draws and budgets may be
added later, and what is done serves them.
"""

import dataclasses
import io
import pathlib
import time
from collections.abc import Mapping

import numpy as np
from absl import logging

from scaf_jax.active_learning import scoring
from scaf_jax.choosing import acquisition, strategies
from scaf_jax.data import sources
from scaf_jax.experiments import choosing_design, trainer
from scaf_jax.files import atomic
from scaf_jax.runs import identity, stage1
from scaf_jax.runs.run import Run

Array = np.ndarray

_ERRORS = "errors/"
_SCORES = (*acquisition.UNCERTAINTIES, "embeddings")


@dataclasses.dataclass(frozen=True)
class Faces:
    """The faces of an experiment.

    Attributes:
      pool: Those that may be chosen, with labels that are only looked at once they are.
      tests: Those that networks are evaluated on, by name.
    """

    pool: sources.Source
    tests: Mapping[str, sources.Source]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One evaluated network.

    Attributes:
      row: Name of the row.
      draw: Number of the draw.
      labels: How many faces it was trained on.
      errors: (N,) NME of each test face, percent, by test set.
      chosen: Keys of the labeled faces, the first choice first.
      seconds: What training, evaluation and scores took.
    """

    row: str
    draw: int
    labels: int
    errors: Mapping[str, Array]
    chosen: tuple[str, ...]
    seconds: float


def split_pool(
    train: sources.Source, tests: Mapping[str, sources.Source], held_out: int, seed: int = 0
) -> Faces:
    """Sets faces of a training split apart to evaluate on, so that no test face decides anything.

    Args:
      train: The split.
      tests: Further faces that networks are evaluated on, by name.
      held_out: How many faces.
      seed: Of the draw.

    Raises:
      ValueError: There are not so many.
    """
    if not 0 < held_out < len(train):
        raise ValueError(f"cannot hold {held_out} of {len(train)} faces out")
    order = np.random.default_rng([seed, 200]).permutation(len(train))
    rest, apart = np.sort(order[held_out:]), np.sort(order[:held_out])
    apart_first = {"held out": sources.SubsetSource(train, apart)}
    return Faces(sources.SubsetSource(train, rest), apart_first | dict(tests))


class Experiment:
    """The trainings of a design, done or read."""

    def __init__(
        self,
        shared: Run,
        pretrained: stage1.Stage1,
        faces: Faces,
        design: choosing_design.Design,
        folder: pathlib.Path,
    ) -> None:
        """Looks at the pool with stage 1 where that was not done before.

        Args:
          shared: What all trainings share.
          pretrained: The stage 1 that they start from.
          faces: The faces.
          design: What is compared.
          folder: Keeps trainings.

        Raises:
          ValueError: The pool is smaller than the largest budget.
        """
        if design.counts[-1] > len(faces.pool):
            raise ValueError(
                f"a budget of {design.counts[-1]} is more than the pool's {len(faces.pool)} faces"
            )
        wanted = {row.strategy.uncertainty for row in design.rows}
        self._wanted = {"embeddings", acquisition.NNM, acquisition.FAINTNESS, *wanted} - {""}
        self._trainer = trainer.Trainer(
            shared,
            pretrained,
            with_entropy=acquisition.ENTROPY in wanted,
            with_disagreement=acquisition.DISAGREEMENT in wanted,
        )
        self._faces, self._design, self._folder = faces, design, folder
        self._keys = faces.pool.keys
        self._place = {key: i for i, key in enumerate(self._keys)}
        self._shared = {
            "settings": atomic.plain(dict(shared.landmark_stage().stage.binding)),
            "flip": shared.evaluation.flip,
            "decoder": shared.evaluation.decoder,
            "normalizer": shared.evaluation.normalizer,
            "stage1": pretrained.identity(),
            "pool": identity.digest(self._keys),
            "tests": {name: identity.digest(x.keys) for name, x in faces.tests.items()},
        }
        folder.mkdir(parents=True, exist_ok=True)
        self.stage1_embeddings = self._stage1()

    def outcomes(self, row: choosing_design.Row, draw: int) -> list[Outcome]:
        """Returns a row's networks of one draw, one for each budget, trained where need be."""
        counts = self._design.counts
        chosen = choosing_design.first_faces(
            row.start, self._keys, counts[0], self.stage1_embeddings, draw
        )
        found = []
        for number, count in enumerate(counts):
            more = counts[number + 1] - count if number + 1 < len(counts) else 0
            needs_scores = bool(more) and row.strategy.needs_network
            result: Mapping[str, Array] = {}
            if needs_scores or count in self._design.budgets:
                result = self._training(chosen, draw, needs_scores, f"{row.name}, draw {draw}")
            if count in self._design.budgets:
                errors = {name: result[_ERRORS + name] for name in self._faces.tests}
                seconds = float(result["seconds"])
                found.append(Outcome(row.name, draw, count, errors, tuple(chosen), seconds))
            if more:
                chosen = chosen + self._choose(row.strategy, chosen, more, result, draw, number + 1)
        return found

    def _choose(
        self,
        strategy: strategies.Strategy,
        chosen: list[str],
        count: int,
        result: Mapping[str, Array],
        draw: int,
        number: int,
    ) -> list[str]:
        taken = np.array([self._place[key] for key in chosen], np.int64)
        rest = np.setdiff1d(np.arange(len(self._keys)), taken)
        features = self.stage1_embeddings
        if strategy.spread and strategy.features == strategies.STAGE2:
            features = result["embeddings"]
        places = strategies.select(
            strategy,
            [self._keys[i] for i in rest],
            count,
            scores=result[strategy.uncertainty][rest] if strategy.uncertainty else None,
            embeddings=features[rest],
            labeled_embeddings=features[taken],
            seed=choosing_design.round_seed(draw, number),
        )
        return [self._keys[rest[i]] for i in places]

    def _training(
        self, chosen: list[str], seed: int, needs_scores: bool, title: str
    ) -> dict[str, Array]:
        """Reads a training's results, or trains."""
        path = self._file({"labels": sorted(chosen), "seed": seed})
        wanted = self._wanted if needs_scores else set()
        kept = _read(path)
        if kept is not None and wanted <= kept.keys():
            return kept
        logging.info("%s: training on %d labels", title, len(chosen))
        begin = time.monotonic()
        labeled = sources.SubsetSource(self._faces.pool, sorted(self._place[key] for key in chosen))
        network = self._trainer.train(labeled, seed)
        content: dict[str, Array] = {
            _ERRORS + name: self._trainer.errors(network, source)
            for name, source in self._faces.tests.items()
        }
        if needs_scores:
            content |= _columns(self._trainer.score(network, self._faces.pool))
        content["seconds"] = np.array(time.monotonic() - begin)
        _write(path, content)
        told = ", ".join(
            f"{np.nanmean(content[_ERRORS + name]):.3f} ({name})" for name in self._faces.tests
        )
        logging.info("%s: %d labels, %.0f s, NME %s", title, len(chosen), content["seconds"], told)
        return content

    def _stage1(self) -> Array:
        path = self._file({"stage1": True})
        kept = _read(path)
        if kept is None:
            scores = self._trainer.score(self._trainer.untrained(), self._faces.pool)
            kept = {"embeddings": scores.embeddings}
            _write(path, kept)
        return kept["embeddings"]

    def _file(self, what: dict[str, object]) -> pathlib.Path:
        return self._folder / f"{identity.digest(self._shared | what)}.npz"


def _columns(scores: scoring.PoolScores) -> dict[str, Array]:
    found = {name: getattr(scores, name) for name in _SCORES}
    return {name: values for name, values in found.items() if values is not None}


def _read(path: pathlib.Path) -> dict[str, Array] | None:
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def _write(path: pathlib.Path, content: Mapping[str, Array]) -> None:
    data = io.BytesIO()
    np.savez(data, allow_pickle=False, **content)
    atomic.write_bytes(path, data.getvalue())
