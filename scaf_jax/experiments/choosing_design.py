"""Which faces each strategy labels in the experiment that compares them: the same start for all."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from scaf_jax.choosing import strategies

RANDOM, TYPICAL = "random", "typical"
STARTS = (RANDOM, TYPICAL)


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table: a strategy, and how its first faces are drawn.

    Attributes:
      strategy: How the others are chosen.
      start: `random`, the same faces for every strategy of a draw, or `typical`, chosen by
        TypiClust on stage 1's embeddings.
    """

    strategy: strategies.Strategy
    start: str = RANDOM

    @property
    def name(self) -> str:
        """What the table calls it."""
        suffix = ", typical start" if self.start == TYPICAL else ""
        return f"{self.strategy.name}{suffix}"


@dataclasses.dataclass(frozen=True)
class Design:
    """What is compared.

    Attributes:
      rows: Strategies; `random` from a random start, which the others are compared with, is the
        first.
      counts: How many faces are labeled at first, then after each choice.
      budgets: At which of these numbers networks are evaluated.
      draws: How many draws of the first faces, each with a seed of its own for all that is random.
    """

    rows: tuple[Row, ...]
    counts: tuple[int, ...]
    budgets: tuple[int, ...]
    draws: int


def design(
    names: Sequence[str],
    starts: Sequence[str],
    *,
    initial: int,
    per_round: int,
    budgets: Sequence[int],
    draws: int,
) -> Design:
    """Returns a design.

    Args:
      names: Of the strategies.
      starts: Of `STARTS`.
      initial: How many faces are labeled before the first choice.
      per_round: How many a choice adds; 0: it goes from one budget to the next.
      budgets: Numbers of labels to evaluate at.
      draws: How many draws.

    Raises:
      ValueError: A name is unknown, or a budget is not above `initial`.
    """
    unknown = [start for start in starts if start not in STARTS]
    if unknown:
        raise ValueError(f"there is no start '{unknown[0]}'; there are: {', '.join(STARTS)}")
    if not budgets or min(budgets) <= initial or initial < 1:
        raise ValueError(f"budgets {list(budgets)} must be above the first {initial} labels")
    baseline = Row(strategies.strategy("random"))
    rows = [Row(strategies.strategy(name), start) for start in starts for name in names]
    steps = set(range(initial, max(budgets), per_round)) if per_round else {initial}
    return Design(
        rows=(baseline, *dict.fromkeys(row for row in rows if row != baseline)),
        counts=tuple(sorted(steps | set(budgets))),
        budgets=tuple(sorted(set(budgets))),
        draws=draws,
    )


def first_faces(
    start: str, keys: Sequence[str], count: int, embeddings: np.ndarray, seed: int
) -> list[str]:
    """Returns the keys of a draw's first faces.

    Args:
      start: Of `STARTS`.
      keys: Of the pool's N faces.
      count: How many.
      embeddings: (N, D) stage 1's.
      seed: Of the draw.
    """
    how = strategies.strategy("random" if start == RANDOM else strategies.TYPICLUST)
    places = strategies.select(how, keys, count, embeddings=embeddings, seed=round_seed(seed, 0))
    return [keys[int(i)] for i in places]


def round_seed(draw: int, number: int) -> int:
    """Returns the seed of a draw's choice number 0, 1, ..."""
    return int(np.random.SeedSequence([draw, number]).generate_state(1)[0])
