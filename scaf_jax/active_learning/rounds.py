"""Rounds of active learning: choose faces, get their labels, train, look at the pool, choose again.

Every round is a folder, `WORKDIR/rounds/round_N`, with `selection.json`, `alignment/` (its
checkpoints), `report/`, `scores/` and pictures of the choice. Whatever is there is not done again:
a run that was stopped anywhere goes on to the same result. Source: SCAF, sec. 3.2 and 4.6.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from absl import logging

from scaf_jax.active_learning import (
    labels,
    learning_curve,
    pictures,
    round_report,
    scoring,
    selections,
)
from scaf_jax.annotation import faces
from scaf_jax.choosing import acquisition, plan, strategies
from scaf_jax.data import sources
from scaf_jax.files import atomic, strict_json
from scaf_jax.inference import bundle, predictor
from scaf_jax.reporting import report as reporting
from scaf_jax.runs import (
    alignment_stage,
    evaluation,
    identity,
    resolve,
    stage_training,
    stages,
    test_set_checks,
)
from scaf_jax.runs.run import Run
from scaf_jax.training import sharding

STAGE1_SCORES_FOLDER = "stage1_scores"


def run(resolved: Run, workdir: str) -> reporting.Report:
    """Does what is missing of all rounds.

    Args:
      resolved: The run; it has `rounds`.
      workdir: Its folder.

    Returns:
      The table of all rounds.

    Raises:
      labels.AnnotationNeeded: The oracle is `human` and it is the person's turn.
      identity.RunMismatchError: The folder holds rounds with other settings.
    """
    return Rounds(resolved, pathlib.Path(workdir)).run()


def export_round(workdir: pathlib.Path, number: int) -> pathlib.Path:
    """Writes a round's `to_annotate/` again, from its selection and the run's config.

    Args:
      workdir: The run's folder.
      number: Number of the round.

    Returns:
      The folder.

    Raises:
      FileNotFoundError: There is no such round.
    """
    folder = selections.round_folder(workdir, number)
    selection = selections.read(folder)
    path = workdir / round_report.CONFIG_FILE
    if selection is None or not path.is_file():
        raise FileNotFoundError(f"{folder}: no round was begun there; start scaf_jax.main first")
    rounds = Rounds(resolve.resolve_kept(strict_json.read_json(path)), workdir)
    rounds.ask(selection, again=True)
    return folder / faces.EXPORT_FOLDER


class Rounds:
    """One run: its data, its plan and what it has done so far."""

    def __init__(self, resolved: Run, workdir: pathlib.Path) -> None:
        """Opens the data; the first thing that fails if they are not there."""
        if resolved.rounds is None:
            raise ValueError("active_learning.strategy is empty: this run has no rounds")
        self._run, self._workdir, self._plan = resolved, workdir, resolved.rounds
        self._pool = _pool(resolved, self._plan)
        if self._plan.label_counts[-1] > len(self._pool):
            raise ValueError(
                f"active_learning.budget={self._plan.label_counts[-1]} is more than the pool's "
                f"{len(self._pool)} faces"
            )
        self._chosen: list[selections.Selection] = []
        # Of the last round that was trained; opened when a choice or an evaluation needs it.
        self._network: tuple[int, bundle.Bundle] | None = None

    def run(self) -> reporting.Report:
        """Does all rounds; see `run`."""
        # What a round would miss at its end is looked at before the first training.
        stage_training.check_devices(self._run)
        test_set_checks.check(self._run)
        _, self._pretrained = stages.ensure_pretraining(self._run, self._workdir)
        if jax.process_index() == 0:
            round_report.write_config(self._workdir, self._run)
        for number in range(self._plan.last + 1):
            self._chosen.append(self._choose(number))
            try:
                labeled = self._labeled(self._chosen)
            except labels.AnnotationNeeded:
                self._report(self._chosen[:-1])
                raise
            if self._plan.trains(number) and not self._is_evaluated(number):
                self._evaluate(number, labeled)
        return self._report(self._chosen)

    def _report(self, chosen: Sequence[selections.Selection]) -> reporting.Report:
        """Writes the report of these first rounds, all of whose faces are labeled."""
        if not chosen or jax.process_index() != 0:
            return reporting.Report(self._workdir / "report.md", {}, "")
        normalizer = self._run.evaluation.normalizer
        new_faces = {
            selection.round: learning_curve.new_faces(
                self._folder(selection.round),
                self._labels_of([selection]),
                self._run.scheme,
                normalizer,
            )
            for selection in chosen[1:]
        }
        return round_report.write(self._workdir, self._run, chosen, new_faces)

    def ask(self, selection: selections.Selection, *, again: bool = False) -> None:
        """Writes a round's faces for a person, with the points of the round before; see `labels`.

        Args:
          selection: The round's choice.
          again: Whether to write them even where that was done before.
        """
        if jax.process_index() != 0:
            return
        landmarks = pictures.read_landmarks(self._folder(selection.round))
        labels.ask(
            self._workdir,
            self._pool,
            selection,
            self._run.scheme,
            landmarks,
            self._run.crop.box,
            again=again,
        )

    def _folder(self, number: int) -> pathlib.Path:
        return selections.round_folder(self._workdir, number)

    def _choose(self, number: int) -> selections.Selection:
        """Returns a round's choice: the one on disk, or a new one."""
        folder, config_hash = self._folder(number), self._identity(number)
        selection = selections.read(folder, config_hash)
        # All processes must have looked before the first writes its choice.
        sharding.synchronize(f"read_round_{number}")
        if selection is None:
            selection = self._new_choice(number, config_hash)
            logging.info("round %d: chose %d faces", number, len(selection.keys))
        return selection

    def _new_choice(self, number: int, config_hash: str) -> selections.Selection:
        counts = self._plan.label_counts
        left = self._left_out()
        taken = {key for selection in self._chosen for key in selection.keys} - left.put_back
        keys = self._pool.keys
        rest = np.array([i for i, key in enumerate(keys) if key not in taken])
        strategy = self._plan.chooses_by(number)
        scores = self._scores(number)
        values = scores.uncertainty(strategy.uncertainty) if scores else None
        embeddings = self._embeddings(strategy, scores)
        known = taken - left.skipped
        labeled = np.array([i for i, key in enumerate(keys) if key in known], np.int64)
        places = rest[
            strategies.select(
                strategy,
                [keys[i] for i in rest],
                # Further faces take the places of those left out, while there are any.
                min(counts[number] - len(known), len(rest)),
                scores=None if values is None else values[rest],
                embeddings=None if embeddings is None else embeddings[rest],
                labeled_embeddings=None if embeddings is None else embeddings[labeled],
                distinct=self._plan.distinct,
                seed=self._plan.round_seed(number),
            )
        ]
        selection = selections.Selection(
            round=number,
            strategy=strategy.name,
            seed=self._plan.round_seed(number),
            config_hash=config_hash,
            pool_size=len(rest),
            keys=tuple(keys[i] for i in places),
            scores=tuple(None if values is None else float(values[i]) for i in places),
        )
        images = self._draw(number, strategy, scores, rest, places)
        if jax.process_index() == 0:
            self._write_choice(selection, scores, places, images)
        sharding.synchronize(f"round_{number}")
        return selection

    def _left_out(self) -> labels.LeftOut:
        """The faces so far that were asked for and are not annotated."""
        chosen = self._chosen if self._plan.oracle == "human" else []
        return labels.left_out(self._workdir, chosen)

    def _write_choice(
        self,
        selection: selections.Selection,
        scores: scoring.PoolScores | None,
        places: np.ndarray,
        images: dict[str, np.ndarray],
    ) -> None:
        """Writes pictures and points first: where there is a selection, they are there as well."""
        folder = self._folder(selection.round)
        folder.mkdir(parents=True, exist_ok=True)
        if scores is not None:
            pictures.write_landmarks(folder, scores, places)
        for name, image in images.items():
            atomic.write_png(folder / name, image)
        selections.write(folder, selection)

    def _draw(
        self,
        number: int,
        strategy: strategies.Strategy,
        scores: scoring.PoolScores | None,
        rest: np.ndarray,
        places: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """Returns the pictures of a choice by uncertainty."""
        if scores is None or not strategy.uncertainty:
            return {}
        network = self._open_network(number - 1)
        looking = predictor.Predictor(network, self._run.pass_settings)
        return pictures.draw(self._pool, strategy, scores, rest, places, looking)

    def _scores(self, number: int) -> scoring.PoolScores | None:
        """What the network of the round before says of the pool, where the choice or a person asks.

        Raises:
          stopping.Interrupted: A signal asked to stop.
        """
        wanted = self._plan.needs_scores or self._plan.oracle == "human"
        if not number or not wanted or not self._plan.trains(number - 1):
            return None
        scorer = scoring.PoolScorer(
            self._open_network(number - 1),
            self._run.pass_settings,
            with_entropy=self._plan.strategy.uncertainty == acquisition.ENTROPY,
            with_disagreement=self._plan.strategy.uncertainty == acquisition.DISAGREEMENT,
        )
        return scorer.score(self._pool, self._folder(number - 1) / "scores")

    def _embeddings(
        self, strategy: strategies.Strategy, scores: scoring.PoolScores | None
    ) -> np.ndarray | None:
        """(N, 99) that say which faces of the pool are alike, where the choice asks for it."""
        if not strategy.spread and not self._plan.distinct:
            return None
        if strategy.spread and strategy.features == strategies.STAGE2:
            return scores.embeddings if scores else None
        if self._pretrained is None:
            raise ValueError(
                f"active_learning: '{strategy.name}' or distinct=True looks at stage 1, and this "
                "run has none; set alignment.initialization=pretraining, or choose otherwise"
            )
        network = alignment_stage.untrained(self._run, self._pretrained)
        scorer = scoring.PoolScorer(network, self._run.pass_settings)
        folder = self._workdir / selections.ROUNDS_FOLDER / STAGE1_SCORES_FOLDER
        return scorer.score(self._pool, folder).embeddings

    def _labeled(self, chosen: Sequence[selections.Selection]) -> sources.Source:
        """Returns the faces of these first rounds, with their labels."""
        if self._plan.oracle == "human":
            self.ask(chosen[-1])
            sharding.synchronize(f"asked_{chosen[-1].round}")
        labeled = self._labels_of(chosen)
        if not len(labeled):
            raise ValueError(
                f"{self._workdir}: every face was skipped, so that there is nothing to learn from; "
                "annotate some of them"
            )
        return labeled

    def _labels_of(self, chosen: Sequence[selections.Selection]) -> sources.Source:
        """The faces of these rounds, with their labels, once a person was asked for them."""
        if self._plan.oracle == "human":
            return labels.annotated(self._workdir, self._pool, chosen)
        place = {key: i for i, key in enumerate(self._pool.keys)}
        places = [place[key] for selection in chosen for key in selection.keys]
        return sources.SubsetSource(self._pool, places)

    def _open_network(self, number: int) -> bundle.Bundle:
        """Trains a round's network, or opens it where that is done already."""
        if self._network is None or self._network[0] != number:
            labeled = self._labeled(self._chosen[: number + 1])
            network = alignment_stage.run_alignment(
                self._run, self._folder(number) / "alignment", self._pretrained, labeled=labeled
            )
            self._network = (number, network)
        return self._network[1]

    def _evaluate(self, number: int, labeled: sources.Source) -> None:
        network = self._open_network(number)
        if self._run.faces.test_splits:
            folder = self._folder(number) / "report"
            result = evaluation.evaluate(
                self._run,
                network,
                folder,
                labeled=labeled,
                rebuilder=alignment_stage.rebuilder(self._run, self._pretrained, network),
                training=self._folder(number) / "alignment",
            )
            logging.info("round %d, %d labels:\n%s", number, len(labeled), result.text)

    def _is_evaluated(self, number: int) -> bool:
        return (self._folder(number) / "report" / "report.md").is_file()

    def _identity(self, number: int) -> str:
        """A hash of everything that a round's choice depends on."""
        facts: list[Any] = [
            number,
            self._plan.label_counts[: number + 1],
            self._plan.round_seed(number),
            identity.digest(self._pool.keys),
        ]
        left = self._left_out()
        if left.skipped:
            facts.append(sorted(left.skipped))
        if left.put_back:
            facts.append(["put back", *sorted(left.put_back)])
        if self._plan.distinct:
            facts.append("distinct")
        if self._plan.start != plan.RANDOM or self._plan.distinct:
            facts += [self._plan.start, self._pretrained.identity() if self._pretrained else None]
        if number:  # a random first choice is random, the same for every strategy and network
            facts += [
                dataclasses.asdict(self._plan.strategy),
                self._run.landmark_stage().stage.binding,
                self._pretrained.identity() if self._pretrained else None,
                [selection.keys for selection in self._chosen],
            ]
        return identity.digest(facts)


def _pool(resolved: Run, rounds_plan: plan.Plan) -> sources.Source:
    """Returns all faces that may be chosen."""
    if rounds_plan.pool == "unlabeled":
        return resolved.faces.photos()
    if rounds_plan.oracle == "human":
        return resolved.faces.split(resolved.faces.train_split)
    # A face without labels would be bought for nothing.
    return resolved.faces.labeled(resolved.faces.train_split)
