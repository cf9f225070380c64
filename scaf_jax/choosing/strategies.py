"""How faces are chosen for annotation: the strategies by name, and the choice itself.

The choice is made on the host, in an order that depends on nothing but what is known of the faces
and on their keys. Sources: SCAF, sec. 3.2 and 4.6; those of `typicality`, `coverage`, `k_center`.
"""

import collections
import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scaf_jax.choosing import acquisition, coverage, k_center, near_copies, typicality

Array = npt.NDArray[Any]
Places = npt.NDArray[np.int64]

K_CENTER, TYPICLUST, PROB_COVER = "k_center", "typiclust", "prob_cover"
FACILITY = "facility_location"
SPREADS = (K_CENTER, TYPICLUST, PROB_COVER, FACILITY)
STAGE1, STAGE2 = "stage1", "stage2"
DEFAULT_DISCARD_PERCENT = 10.0
# Those look at distances between all pairs: of larger pools they see so many faces, drawn.
MOST_COMPARED = 5000


@dataclasses.dataclass(frozen=True)
class Strategy:
    """How faces are chosen.

    Attributes:
      name: What it is called.
      uncertainty: Which score ranks the pool, one of `acquisition.UNCERTAINTIES`, or '' for none.
      discard_percent: How many percent of the pool, the highest ranked, are left out.
      spread: What spreads the choice over the pool, one of `SPREADS`, or '' for nothing.
      features: Whose embeddings say which faces are alike: `stage1`, which needs no label, or
        `stage2`, the network of the round before.
      candidates: With uncertainty and spread: K faces are spread among the `candidates` x K most
        uncertain ones.
      typical_until: Where above 0, with uncertainty and spread: instead, of the faces chosen at M
        labels the share M / (M + typical_until) is the most uncertain, and the rest is spread.
    """

    name: str
    uncertainty: str = ""
    discard_percent: float = 0.0
    spread: str = ""
    features: str = STAGE2
    candidates: int = 5
    typical_until: int = 0

    @property
    def needs_network(self) -> bool:
        """Whether it looks at a network that was trained with labels."""
        return bool(self.uncertainty or (self.spread and self.features == STAGE2))

    def num_discarded(self, pool_size: int) -> int:
        """Returns how many of a pool's faces, the highest ranked, are left out."""
        return math.floor(pool_size * self.discard_percent / 100)


def _uncertain(name: str, **more: Any) -> Strategy:
    score = name.split("_")[0]
    percent = DEFAULT_DISCARD_PERCENT if name.endswith("_10") else 0.0
    return Strategy(name, score, percent, **more)


_STRATEGIES = (
    Strategy("random"),
    _uncertain("nnm"),
    _uncertain("nnm_10"),
    _uncertain("entropy"),
    _uncertain("entropy_10"),
    Strategy("k_center", spread=K_CENTER),
    # Ours: spreads the choice among the uncertain, so that one kind of hard face does not fill it.
    Strategy("nnm_k_center", "nnm", DEFAULT_DISCARD_PERCENT, K_CENTER),
    _uncertain("faintness_10"),
    _uncertain("disagreement_10"),
    Strategy("k_center_stage1", spread=K_CENTER, features=STAGE1),
    Strategy(TYPICLUST, spread=TYPICLUST, features=STAGE1),
    Strategy(PROB_COVER, spread=PROB_COVER, features=STAGE1),
    Strategy(FACILITY, spread=FACILITY, features=STAGE1),
    # Ours: typical faces while labels are few, unsure ones later.
    Strategy("typical_then_unsure", "nnm", DEFAULT_DISCARD_PERCENT, TYPICLUST, STAGE1, 5, 100),
)
STRATEGY_NAMES = tuple(strategy.name for strategy in _STRATEGIES)
# Those of the paper: what its table 4 compares.
PAPER = ("random", "nnm", "entropy", "nnm_10", "entropy_10", "k_center")


def strategy(name: str) -> Strategy:
    """Returns a strategy by its name.

    Args:
      name: One of `STRATEGY_NAMES`, or SCORE or SCORE_P for a score of
        `acquisition.UNCERTAINTIES`, which leaves out the P percent ranked highest.

    Raises:
      ValueError: There is none of this name; the message lists what there is.
    """
    for known in _STRATEGIES:
        if known.name == name:
            return known
    scores = "|".join(acquisition.UNCERTAINTIES)
    match = re.fullmatch(rf"({scores})(?:_(\d+(?:\.\d+)?))?", name)
    if match and float(match[2] or 0) < 100:
        return Strategy(name, match[1], float(match[2] or 0))
    raise ValueError(
        f"there is no strategy '{name}'; there are: {', '.join(STRATEGY_NAMES)}, and SCORE or "
        f"SCORE_P for {', '.join(acquisition.UNCERTAINTIES)} and any percentage P below 100"
    )


def select(
    strategy: Strategy,
    keys: Sequence[str],
    count: int,
    *,
    scores: Array | None = None,
    embeddings: Array | None = None,
    labeled_embeddings: Array | None = None,
    distinct: bool = False,
    seed: int = 0,
) -> Places:
    """Chooses faces of a pool to annotate.

    The pool's order does not matter: ties go to the key that sorts first.

    Args:
      strategy: How.
      keys: The N faces' keys.
      count: How many faces to choose.
      scores: (N,), for strategies with an uncertainty: that score of each face.
      embeddings: (N, D), for strategies with a spread, of its `features`; and for `distinct`.
      labeled_embeddings: (M, D), the faces that are labeled already; for the same.
      distinct: Whether of faces that are nearly the same one is chosen at most; see `near_copies`.
      seed: Of the random strategy and of clusters.

    Returns:
      (count,) int64 places in `keys`, the first choice first.

    Raises:
      ValueError: The pool is too small, has a key twice, or lacks what the strategy needs.
    """
    _check(strategy, keys, count, scores, embeddings, distinct)
    pool = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
    labeled = None
    if embeddings is not None:
        labeled = embeddings[:0] if labeled_embeddings is None else labeled_embeddings
        if distinct:
            pool = pool[near_copies.distinct(embeddings[pool], labeled, least=count)]
    if not strategy.uncertainty and not strategy.spread:
        return pool[np.random.default_rng(seed).permutation(len(pool))[:count]]
    ranked = pool
    if strategy.uncertainty:
        assert scores is not None
        ranked = _most_uncertain(strategy, np.asarray(scores, np.float64), pool, count)
    if not strategy.spread:
        return ranked[:count]
    assert embeddings is not None and labeled is not None
    if strategy.typical_until:
        unsure = count * len(labeled) // (len(labeled) + strategy.typical_until)
        first, count = ranked[:unsure], count - unsure
        labeled = np.concatenate([labeled, embeddings[first]])
        pool = pool[~np.isin(pool, first)]
        return np.concatenate([_spread(strategy, pool, count, embeddings, labeled, seed), first])
    if strategy.uncertainty:
        # Back in the order of keys, which breaks ties.
        pool = pool[np.isin(pool, ranked[: strategy.candidates * count])]
    return _spread(strategy, pool, count, embeddings, labeled, seed)


def _spread(
    strategy: Strategy, pool: Places, count: int, embeddings: Array, labeled: Array, seed: int
) -> Places:
    """The choice of a strategy's `spread` among these places."""
    if strategy.spread == K_CENTER:
        return pool[k_center.k_center_greedy(embeddings, labeled, count, order=pool)]
    if len(pool) > max(MOST_COMPARED, count):
        rng = np.random.default_rng(seed)
        pool = pool[np.sort(rng.permutation(len(pool))[: max(MOST_COMPARED, count)])]
    points = embeddings[pool]
    if strategy.spread == TYPICLUST:
        return pool[typicality.typiclust(points, labeled, count, seed=seed)]
    choose = coverage.prob_cover if strategy.spread == PROB_COVER else coverage.facility_location
    return pool[choose(points, labeled, count)]


def _most_uncertain(strategy: Strategy, scores: Array, pool: Places, count: int) -> Places:
    """Places by falling score, without the discarded ones; never fewer than count."""
    ranked = pool[np.argsort(-scores[pool], kind="stable")]
    return ranked[min(strategy.num_discarded(len(ranked)), len(ranked) - count) :]


def _check(
    strategy: Strategy,
    keys: Sequence[str],
    count: int,
    scores: Array | None,
    embeddings: Array | None,
    distinct: bool,
) -> None:
    if not 0 < count <= len(keys):
        raise ValueError(f"cannot choose {count} of {len(keys)} faces")
    if len(set(keys)) != len(keys):
        double = collections.Counter(keys).most_common(1)[0][0]
        raise ValueError(f"the pool has the key '{double}' more than once")
    if strategy.uncertainty:
        _check_rows(strategy, strategy.uncertainty, scores, keys)
    if strategy.spread or distinct:
        _check_rows(strategy, "embeddings", embeddings, keys)


def _check_rows(strategy: Strategy, what: str, rows: Array | None, keys: Sequence[str]) -> None:
    if rows is None or len(rows) != len(keys):
        given = "none" if rows is None else str(len(rows))
        raise ValueError(f"{strategy.name} needs {what} for {len(keys)} faces; there are {given}")
    finite = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
    if not finite.all():
        raise ValueError(f"{what} of the face '{keys[int(finite.argmin())]}' is not finite")
