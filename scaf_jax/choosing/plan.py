"""What a run of active learning does: how many faces, chosen how, labeled by whom.

Source: SCAF, sec. 4.6.
"""

import dataclasses
from typing import Any

import numpy as np

from scaf_jax.choosing import strategies

ORACLES = ("dataset", "human")
TRAIN, UNLABELED = "train", "unlabeled"
POOLS = (TRAIN, UNLABELED)
RANDOM, TYPICAL = "random", "typical"
STARTS = (RANDOM, TYPICAL)
# Faces added by a round, for the budgets of the paper on 300-W and WFLW.
_PER_ROUND = {50: 10, 158: 30, 315: 60, 100: 20, 200: 40, 375: 75, 750: 100}


@dataclasses.dataclass(frozen=True)
class Plan:
    """The settings of a run's rounds.

    Attributes:
      strategy: How faces are chosen.
      label_counts: How many faces are labeled in round 0, 1, ...; the last is the budget.
      seed: Seed of random choices.
      oracle: `dataset` or `human`.
      pool: `train` or `unlabeled`.
      train_every_round: Whether rounds whose network chooses nothing are trained as well.
      start: How the first faces are chosen: `random`, or `typical` ones of stage 1's embeddings.
      distinct: Whether of near copies one is chosen at most; see `near_copies`.
    """

    strategy: strategies.Strategy
    label_counts: tuple[int, ...]
    seed: int
    oracle: str
    pool: str
    train_every_round: bool
    start: str = RANDOM
    distinct: bool = False

    def __post_init__(self) -> None:
        if self.oracle not in ORACLES:
            raise ValueError(f"active_learning.oracle must be one of {ORACLES}")
        if self.pool not in POOLS:
            raise ValueError(f"active_learning.pool must be one of {POOLS}")
        if self.oracle == "dataset" and self.pool != TRAIN:
            raise ValueError(
                "active_learning.pool='unlabeled' has no labels to reveal: set "
                "active_learning.oracle='human'"
            )

    @property
    def last(self) -> int:
        """Number of the last round."""
        return len(self.label_counts) - 1

    @property
    def needs_scores(self) -> bool:
        """Whether the choice looks at a network's view of the pool."""
        return self.strategy.needs_network

    def chooses_by(self, number: int) -> strategies.Strategy:
        """Returns the strategy of a round."""
        if number:
            return self.strategy
        return strategies.strategy("random" if self.start == RANDOM else strategies.TYPICLUST)

    def trains(self, number: int) -> bool:
        """Whether a network is trained in a round."""
        return number == self.last or self.needs_scores or self.train_every_round

    def round_seed(self, number: int) -> int:
        """Returns the seed of a round's random choice; round 0's is the same for every strategy."""
        return int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])


def label_counts(budget: int, initial: int, per_round: int) -> tuple[int, ...]:
    """Returns how many faces are labeled in each round, the budget last.

    Example:
      >>> label_counts(50, initial=10, per_round=15)
      (10, 25, 40, 50)

    Raises:
      ValueError: A number is not positive, or the first round is larger than the budget.
    """
    if min(budget, initial, per_round) < 1:
        raise ValueError("active_learning: budget, initial and per_round must be positive")
    if initial > budget:
        raise ValueError(f"active_learning.initial={initial} is more than the budget of {budget}")
    return (*range(initial, budget, per_round), budget)


def make(*, strategy: str, budget: int, initial: int, per_round: int, **others: Any) -> Plan:
    """Returns the plan of settings as the config's `active_learning` names them.

    Args:
      strategy: Name of the strategy.
      budget: Labeled faces at the end.
      initial: Of them, in the first round.
      per_round: Added by each further round; 0: as the paper does for the budget, else a fifth.
      **others: The other attributes of `Plan`.

    Raises:
      ValueError: A setting does not fit; the message names it.
    """
    per_round = per_round or _PER_ROUND.get(budget, -(-budget // 5))
    return Plan(
        strategy=strategies.strategy(strategy),
        label_counts=label_counts(budget, initial, per_round),
        **others,
    )
