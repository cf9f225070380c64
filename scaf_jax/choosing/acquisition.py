"""Which faces are worth annotating: how unsure heatmaps are, and who is chosen for it.

Source: SCAF, sec. 3.2 and 4.6. Scores are computed on the device; the choice among a pool's scores
is made on the host, in an order that depends on nothing but the scores and the faces' keys.
"""

import collections
import dataclasses
import functools
import math
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from scaf_jax.choosing import k_center
from scaf_jax.landmarks import heatmaps as codecs

Array = npt.NDArray[Any]

NNM, ENTROPY = "nnm", "entropy"
UNCERTAINTIES = (NNM, ENTROPY)
DEFAULT_DISCARD_PERCENT = 10.0


@functools.partial(jax.jit, static_argnames="window")
def nnm(
    heatmaps: jax.Array, peaks: jax.Array, window: int = 9, *, valid: jax.Array | None = None
) -> jax.Array:
    """Negative Neighborhood Magnitude: minus the sum of each map's values around its peak.

    The fainter a face's maps are where they found its landmarks, the higher its score. Reads only
    the windows. Source: SCAF, eq. 1; the paper does not tell the window's size.

    Args:
      heatmaps: (B, H, W, L).
      peaks: (B, L, 2) int x, y of the landmarks in heatmap pixels, inside the maps.
      window: Side of the square window, in heatmap pixels; odd. The border cuts it.
      valid: (B,) bool, False for rows that only fill up the batch.

    Returns:
      (B,) float32 (float64 for float64 heatmaps), higher = less sure; -inf where not valid.

    Raises:
      ValueError: The window is even or not positive.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window must be odd and positive, not {window}")
    values = jax.vmap(functools.partial(_windows, size=window))(_at_least_float32(heatmaps), peaks)
    return _only_valid(-values.sum(axis=(1, 2, 3)), valid)


def _windows(maps: jax.Array, peaks: jax.Array, *, size: int) -> jax.Array:
    """(H, W, L) maps and (L, 2) peaks to the (size, size, L) values around them, 0 outside."""
    height, width, num_landmarks = maps.shape
    offsets = jnp.arange(size)[:, None] - size // 2
    x, y = peaks[:, 0] + offsets, peaks[:, 1] + offsets  # (size, L)
    inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None]
    x, y = jnp.clip(x, 0, width - 1), jnp.clip(y, 0, height - 1)
    place = (y[:, None], x[None], jnp.arange(num_landmarks))
    return jnp.where(inside, maps.at[place].get(mode="promise_in_bounds"), 0)


@functools.partial(jax.jit, static_argnames=("blur_size", "reach"))
def landmarks_and_nnm(
    heatmaps: jax.Array,
    blur_size: int = 9,
    *,
    valid: jax.Array | None = None,
    reach: int | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Peaks of the blurred maps, and the NNM around them, in one pass over the maps.

    A box blur's value is its window's sum over the window's area, so the blurred maxima are the
    windows' sums around the landmarks: NNM = -blur_size^2 x the sum of the blurred maxima.

    Args:
      heatmaps: (B, H, W, L).
      blur_size: Side of the box blur and of NNM's window, in heatmap pixels; odd.
      valid: (B,) bool, False for rows that only fill up the batch.
      reach: `HeatmapCodec.reach` for the peaks of its sub-pixel decoder; by default arg-max's.

    Returns:
      Peaks (B, L, 2) x, y in heatmap pixels, as `HeatmapCodec.decode` finds them (int32, or with
      reach in the dtype of the maps), and `nnm`'s score (B,) at the whole pixels with window =
      blur_size; -inf where not valid.
    """

    def view(maps: jax.Array) -> tuple[jax.Array, jax.Array]:
        blurred = codecs.box_blur(maps, blur_size)
        peaks, maxima = codecs.find_maxima(blurred)
        scores = -(blur_size**2) * maxima.sum(axis=1)
        if reach is not None:
            peaks = codecs.refine_peaks(blurred, peaks, reach=reach)
        return peaks, scores

    # The sum belongs to an image's turn: after all of them it makes XLA:CPU use one thread only.
    peaks, scores = codecs.by_image_on_cpu(view, _at_least_float32(heatmaps))
    return peaks, _only_valid(scores, valid)


@jax.jit
def entropy(heatmaps: jax.Array, *, valid: jax.Array | None = None) -> jax.Array:
    """Mean over the landmarks of their maps' spatial entropy, in nats.

    A map without its negative values, divided by its sum, is taken as a distribution over pixels;
    a map without positive values counts as the uniform one, log(H W). Source: SCAF, sec. 4.6.

    Args:
      heatmaps: (B, H, W, L).
      valid: (B,) bool, False for rows that only fill up the batch.

    Returns:
      (B,) float32 (float64 for float64 heatmaps), higher = less sure; -inf where not valid.
    """
    entropies = codecs.by_image_on_cpu(_entropies, _at_least_float32(heatmaps))
    return _only_valid(entropies.mean(axis=1), valid)


def _entropies(maps: jax.Array) -> jax.Array:
    """(B, H, W, L) maps to the entropy of each, (B, L)."""
    maps = jnp.maximum(maps, 0)
    totals = maps.sum(axis=(1, 2), keepdims=True)
    some = totals > 0
    p = maps / jnp.where(some, totals, 1)
    # p log p is 0 at 0, where the logarithm is not finite.
    entropies = -(p * jnp.log(jnp.where(p > 0, p, 1))).sum(axis=(1, 2))
    return jnp.where(some[:, 0, 0], entropies, math.log(maps.shape[1] * maps.shape[2]))


def _at_least_float32(heatmaps: jax.Array) -> jax.Array:
    return heatmaps.astype(jnp.promote_types(heatmaps.dtype, jnp.float32))


def _only_valid(scores: jax.Array, valid: jax.Array | None) -> jax.Array:
    return scores if valid is None else jnp.where(valid, scores, -jnp.inf)


@dataclasses.dataclass(frozen=True)
class Strategy:
    """How faces are chosen.

    Attributes:
      name: What it is called.
      uncertainty: Which score ranks the pool: `nnm`, `entropy`, or '' for none.
      discard_percent: How many per cent of the pool, the highest ranked, are left out.
      diversity: Whether K-center-greedy chooses, from the whole pool or the most uncertain.
      candidates: With uncertainty and diversity: K-center-greedy chooses K faces from the
        `candidates` x K most uncertain ones.
    """

    name: str
    uncertainty: str = ""
    discard_percent: float = 0.0
    diversity: bool = False
    candidates: int = 5

    def num_discarded(self, pool_size: int) -> int:
        """Returns how many of a pool's faces, the highest ranked, are left out."""
        return math.floor(pool_size * self.discard_percent / 100)


_STRATEGIES = (
    Strategy("random"),
    Strategy(NNM, NNM),
    Strategy("nnm_10", NNM, DEFAULT_DISCARD_PERCENT),
    Strategy(ENTROPY, ENTROPY),
    Strategy("entropy_10", ENTROPY, DEFAULT_DISCARD_PERCENT),
    Strategy("k_center", diversity=True),
    # Ours: spreads the choice among the uncertain, so that one kind of hard face does not fill it.
    Strategy("nnm_k_center", NNM, DEFAULT_DISCARD_PERCENT, diversity=True),
)
STRATEGY_NAMES = tuple(strategy.name for strategy in _STRATEGIES)


def strategy(name: str) -> Strategy:
    """Returns a strategy by its name.

    Args:
      name: One of `STRATEGY_NAMES`, or nnm_P or entropy_P, which leave out the P per cent ranked
        highest.

    Raises:
      ValueError: There is none of this name; the message lists what there is.
    """
    for known in _STRATEGIES:
        if known.name == name:
            return known
    match = re.fullmatch(r"(nnm|entropy)_(\d+(?:\.\d+)?)", name)
    if match and float(match[2]) < 100:
        return Strategy(name, match[1], float(match[2]))
    raise ValueError(
        f"there is no strategy '{name}'; there are: {', '.join(STRATEGY_NAMES)}, and nnm_P and "
        "entropy_P for any percentage P below 100"
    )


def select(
    strategy: Strategy,
    keys: Sequence[str],
    count: int,
    *,
    scores: Array | None = None,
    embeddings: Array | None = None,
    labeled_embeddings: Array | None = None,
    seed: int = 0,
) -> npt.NDArray[np.int64]:
    """Chooses faces of a pool to annotate.

    The pool's order does not matter: ties go to the key that sorts first.

    Args:
      strategy: How.
      keys: The N faces' keys.
      count: How many faces to choose.
      scores: (N,), for strategies with an uncertainty: `nnm` or `entropy` of each face.
      embeddings: (N, D), for strategies with diversity.
      labeled_embeddings: (M, D), the faces that are labelled already; for diversity.
      seed: Seed of the random strategy.

    Returns:
      (count,) int64 places in `keys`, the first choice first.

    Raises:
      ValueError: The pool is too small, has a key twice, or lacks what the strategy needs.
    """
    _check(strategy, keys, count, scores, embeddings)
    by_key = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
    pool = by_key
    if strategy.uncertainty:
        assert scores is not None
        pool = _most_uncertain(strategy, np.asarray(scores, np.float64), by_key, count)
    elif not strategy.diversity:
        return by_key[np.random.default_rng(seed).permutation(len(keys))[:count]]
    if strategy.diversity:
        assert embeddings is not None
        if strategy.uncertainty:
            # Back in the order of keys, which breaks ties.
            pool = by_key[np.isin(by_key, pool[: strategy.candidates * count])]
        labeled = embeddings[:0] if labeled_embeddings is None else labeled_embeddings
        pool = pool[k_center.k_center_greedy(embeddings, labeled, count, order=pool)]
    return pool[:count]


def _most_uncertain(
    strategy: Strategy, scores: Array, by_key: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.int64]:
    """Places by falling score, without the discarded ones; never fewer than count."""
    ranked = by_key[np.argsort(-scores[by_key], kind="stable")]
    return ranked[min(strategy.num_discarded(len(ranked)), len(ranked) - count) :]


def _check(
    strategy: Strategy,
    keys: Sequence[str],
    count: int,
    scores: Array | None,
    embeddings: Array | None,
) -> None:
    if not 0 < count <= len(keys):
        raise ValueError(f"cannot choose {count} of {len(keys)} faces")
    if len(set(keys)) != len(keys):
        double = collections.Counter(keys).most_common(1)[0][0]
        raise ValueError(f"the pool has the key '{double}' more than once")
    if strategy.uncertainty:
        _check_rows(strategy, strategy.uncertainty, scores, keys)
    if strategy.diversity:
        _check_rows(strategy, "embeddings", embeddings, keys)


def _check_rows(strategy: Strategy, what: str, rows: Array | None, keys: Sequence[str]) -> None:
    if rows is None or len(rows) != len(keys):
        given = "none" if rows is None else str(len(rows))
        raise ValueError(f"{strategy.name} needs {what} for {len(keys)} faces; there are {given}")
    finite = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
    if not finite.all():
        raise ValueError(f"{what} of the face '{keys[int(finite.argmin())]}' is not finite")
