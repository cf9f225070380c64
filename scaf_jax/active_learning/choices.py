"""Which faces a round asks for: the choice on disk, or a new one from what is known by then."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging

from scaf_jax.active_learning import labels, pictures, scoring, selections
from scaf_jax.choosing import acquisition, plan, strategies
from scaf_jax.data import sources
from scaf_jax.files import atomic
from scaf_jax.files.places import Place
from scaf_jax.inference import bundle, predictor
from scaf_jax.runs import alignment_stage, identity, stage1
from scaf_jax.runs.run import Run
from scaf_jax.training import sharding

STAGE1_SCORES_FOLDER = "stage1_scores"


class Chooser:
    """Chooses faces of a pool, round after round."""

    def __init__(
        self,
        resolved: Run,
        workdir: Place,
        pool: sources.Source,
        pretrained: stage1.Stage1 | None,
        open_network: Callable[[int], bundle.Bundle],
    ) -> None:
        """Takes what choices are made from.

        Args:
          resolved: The run; it has `rounds`.
          workdir: Its folder.
          pool: All faces that may be chosen.
          pretrained: Stage 1; None where the networks start from random weights.
          open_network: Trains a round's network, or opens it where that is done already.
        """
        if resolved.rounds is None:
            raise ValueError("active_learning.strategy is empty: this run has no rounds")
        self._run, self._workdir, self._plan = resolved, workdir, resolved.rounds
        self._pool, self._pretrained, self._open_network = pool, pretrained, open_network

    def choose(self, chosen: Sequence[selections.Selection]) -> selections.Selection:
        """Returns the next round's choice; all processes of a multi-host run must call it.

        Args:
          chosen: The choices of all rounds before.

        Raises:
          identity.RunMismatchError: The folder holds a choice that was made otherwise.
          stopping.Interrupted: A signal asked to stop.
        """
        number, left = len(chosen), self._left_out(chosen)
        config_hash = self._identity(chosen, left)
        selection = selections.read(self._folder(number), config_hash)
        # All processes must have looked before the first writes its choice.
        sharding.synchronize(f"read_round_{number}")
        if selection is None:
            selection = self._new_choice(chosen, left, config_hash)
            logging.info("round %d: chose %d faces", number, len(selection.keys))
        return selection

    def _folder(self, number: int) -> Place:
        return selections.round_folder(self._workdir, number)

    def _left_out(self, chosen: Sequence[selections.Selection]) -> labels.LeftOut:
        """The faces so far that were asked for and are not annotated."""
        return labels.left_out(self._workdir, chosen if self._plan.oracle == "human" else [])

    def _new_choice(
        self, chosen: Sequence[selections.Selection], left: labels.LeftOut, config_hash: str
    ) -> selections.Selection:
        number, keys = len(chosen), self._pool.keys
        taken = {key for selection in chosen for key in selection.keys} - left.put_back
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
                min(self._plan.label_counts[number] - len(known), len(rest)),
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
            self._write(selection, scores, places, images)
        sharding.synchronize(f"round_{number}")
        return selection

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

    def _write(
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

    def _identity(self, chosen: Sequence[selections.Selection], left: labels.LeftOut) -> str:
        """A hash of everything that a round's choice depends on."""
        number = len(chosen)
        facts: list[Any] = [
            number,
            self._plan.label_counts[: number + 1],
            self._plan.round_seed(number),
            identity.digest(self._pool.keys),
        ]
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
                [selection.keys for selection in chosen],
            ]
        return identity.digest(facts)
