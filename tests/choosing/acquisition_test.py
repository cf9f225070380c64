"""Scores against plain NumPy in float64, and the choice among them."""

import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.choosing import acquisition
from scaf_jax.landmarks import heatmaps

KEYS = [f"photo_{i:02d}" for i in range(20)]


def _maps(shape=(3, 16, 20, 5), seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _nnm_oracle(maps: np.ndarray, peaks: np.ndarray, window: int) -> np.ndarray:
    reach, scores = window // 2, []
    for image, points in zip(maps.astype(np.float64), peaks, strict=True):
        total = 0.0
        for landmark, (x, y) in enumerate(points):
            rows, columns = slice(max(y - reach, 0), y + reach + 1), slice(max(x - reach, 0), None)
            total += image[rows, columns, landmark][:, : x + reach + 1 - max(x - reach, 0)].sum()
        scores.append(-total)
    return np.array(scores)


def _entropy_oracle(maps: np.ndarray) -> np.ndarray:
    scores = []
    for image in maps.astype(np.float64):
        entropies = []
        for landmark in range(image.shape[-1]):
            values = np.maximum(image[..., landmark], 0).ravel()
            p = values[values > 0] / values.sum() if values.any() else np.full(values.size, 1.0)
            p = p / p.sum()
            entropies.append(-(p * np.log(p)).sum())
        scores.append(np.mean(entropies))
    return np.array(scores)


@pytest.mark.parametrize("window", [1, 3, 9])
def test_nnm_against_numpy(window):
    maps, rng = _maps(), np.random.default_rng(1)
    peaks = np.stack([rng.integers(0, 20, (3, 5)), rng.integers(0, 16, (3, 5))], axis=-1)
    peaks[0, :4] = [[0, 0], [19, 15], [0, 15], [19, 0]]  # the border cuts the window
    scores = acquisition.nnm(maps, peaks, window)
    assert scores.dtype == jnp.float32
    np.testing.assert_allclose(scores, _nnm_oracle(maps, peaks, window), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 9])
def test_one_pass_finds_the_decoders_landmarks_and_the_nnm_there(size):
    codec = heatmaps.HeatmapCodec(64, 32, blur_size=size)
    maps = _maps((3, 32, 32, 5), seed=2)
    peaks, scores = acquisition.landmarks_and_nnm(maps, size)
    np.testing.assert_allclose(codec.to_crop(peaks.astype(float)), codec.decode(maps))
    expected = _nnm_oracle(maps, np.asarray(peaks), size)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-4)


def test_entropy_against_numpy():
    maps = _maps()
    maps[1, ..., 2] = 0.0
    maps[2, ..., 3] = -1.0
    scores = acquisition.entropy(maps)
    assert scores.dtype == jnp.float32
    np.testing.assert_allclose(scores, _entropy_oracle(maps), rtol=1e-5)


def test_entropy_by_hand():
    maps = np.zeros((4, 4, 8, 1), np.float32)
    maps[1] = 0.3
    maps[2, 1, 1] = 5.0
    maps[3, 0, :2] = 1e-30
    expected = [np.log(32), np.log(32), 0.0, np.log(2)]
    np.testing.assert_allclose(acquisition.entropy(maps), expected, rtol=1e-6)


def test_faint_maps_have_the_higher_nnm_and_wide_ones_the_higher_entropy():
    points = np.full((1, 1, 2), 31.0, np.float32)
    narrow, wide = (
        np.asarray(heatmaps.HeatmapCodec(64, 64, sigma=sigma).encode(points)) for sigma in (4, 8)
    )
    peaks = np.full((1, 1, 2), 31)
    assert float(acquisition.nnm(0.5 * narrow, peaks)[0]) > float(acquisition.nnm(narrow, peaks)[0])
    assert float(acquisition.nnm(narrow, peaks)[0]) < 0
    assert float(acquisition.entropy(wide)[0]) > float(acquisition.entropy(narrow)[0])


def test_rows_that_fill_up_a_batch_are_never_chosen_and_change_no_other():
    maps, valid = _maps(), np.array([True, True, False])
    peaks = np.full((3, 5, 2), 7)
    for score in (
        lambda *a, **k: acquisition.nnm(a[0], peaks[: len(a[0])], **k),
        lambda *a, **k: acquisition.landmarks_and_nnm(*a, **k)[1],
        acquisition.entropy,
    ):
        padded, alone = score(maps, valid=valid), score(maps[:2])
        assert padded[2] == -np.inf
        np.testing.assert_allclose(padded[:2], alone, rtol=1e-6)


def test_bfloat16_maps_are_summed_in_float32():
    maps = jnp.asarray(_maps(), jnp.bfloat16)
    exact = np.asarray(maps.astype(jnp.float32))
    peaks, scores = acquisition.landmarks_and_nnm(maps)
    assert scores.dtype == jnp.float32
    np.testing.assert_allclose(scores, _nnm_oracle(exact, np.asarray(peaks), 9), rtol=1e-4)
    np.testing.assert_allclose(acquisition.entropy(maps), _entropy_oracle(exact), rtol=1e-5)


@pytest.mark.parametrize("window", [0, 4, -3])
def test_windows_without_a_middle_are_refused(window):
    with pytest.raises(ValueError, match="window must be odd and positive"):
        acquisition.nnm(_maps(), np.zeros((3, 5, 2), int), window)


@pytest.mark.parametrize(
    ("name", "uncertainty", "discard", "diversity"),
    [
        ("random", "", 0, False),
        ("nnm", "nnm", 0, False),
        ("nnm_10", "nnm", 10, False),
        ("nnm_2.5", "nnm", 2.5, False),
        ("entropy", "entropy", 0, False),
        ("entropy_10", "entropy", 10, False),
        ("k_center", "", 0, True),
        ("nnm_k_center", "nnm", 10, True),
    ],
)
def test_strategies_by_name(name, uncertainty, discard, diversity):
    chosen = acquisition.strategy(name)
    assert chosen.name == name
    found = (chosen.uncertainty, chosen.discard_percent, chosen.diversity)
    assert found == (uncertainty, discard, diversity)


@pytest.mark.parametrize("name", ["", "NNM", "nnm_100", "nnm_-1", "random_10", "nnm_10 "])
def test_unknown_strategies_are_refused_with_what_there_is(name):
    with pytest.raises(ValueError, match=r"there are: random, nnm, nnm_10, .*nnm_k_center"):
        acquisition.strategy(name)


def _select(name: str, count: int, **values) -> list[int]:
    return acquisition.select(acquisition.strategy(name), KEYS, count, **values).tolist()


def test_the_highest_scores_are_taken_and_the_discarded_share_is_left_out():
    scores = np.random.default_rng(0).permutation(20).astype(np.float32)
    ranked = np.argsort(-scores).tolist()
    assert _select("nnm", 4, scores=scores) == ranked[:4]
    assert _select("entropy_10", 4, scores=scores) == ranked[2:6]
    assert _select("nnm_14.9", 4, scores=scores) == ranked[2:6]  # the floor of 2.98
    assert _select("nnm_15", 4, scores=scores) == ranked[3:7]
    # No more is left out than the choice can spare.
    assert _select("nnm_10", 19, scores=scores) == ranked[1:]


@pytest.mark.parametrize("name", acquisition.STRATEGY_NAMES)
def test_the_choice_depends_on_keys_and_not_on_the_order_of_the_pool(name):
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 4, 20).astype(np.float32)  # ties everywhere
    embeddings = rng.integers(0, 3, (20, 2)).astype(np.float32)
    chosen = []
    for order in (np.arange(20), rng.permutation(20), rng.permutation(20)):
        keys = [KEYS[i] for i in order]
        places = acquisition.select(
            acquisition.strategy(name),
            keys,
            5,
            scores=scores[order],
            embeddings=embeddings[order],
            labeled_embeddings=np.zeros((1, 2), np.float32),
            seed=7,
        )
        assert places.dtype == np.int64
        chosen.append([keys[i] for i in places])
    assert len(set(chosen[0])) == 5
    assert chosen[0] == chosen[1] == chosen[2]


def test_equal_scores_go_to_the_key_that_sorts_first():
    assert _select("nnm", 3, scores=np.zeros(20)) == [0, 1, 2]
    assert _select("nnm_10", 3, scores=np.zeros(20)) == [2, 3, 4]


def test_random_choices_differ_by_seed_only():
    assert _select("random", 5, seed=1) == _select("random", 5, seed=1)
    assert _select("random", 5, seed=1) != _select("random", 5, seed=2)


def test_the_hybrid_spreads_among_the_most_uncertain_after_the_discard():
    scores = np.arange(20, 0, -1).astype(np.float32)  # 0, 1 are discarded; 2 to 11 are candidates
    embeddings = np.zeros((20, 1), np.float32)
    embeddings[[0, 5, 9, 15], 0] = [100, 10, -4, 50]
    labeled = np.zeros((1, 1), np.float32)
    values = {"scores": scores, "embeddings": embeddings, "labeled_embeddings": labeled}
    assert _select("nnm_k_center", 2, **values) == [5, 9]
    assert _select("k_center", 2, **values) == [0, 15]


@pytest.mark.parametrize(
    ("name", "keys", "count", "values", "message"),
    [
        ("random", KEYS, 0, {}, "cannot choose 0 of 20"),
        ("random", KEYS, 21, {}, "cannot choose 21 of 20"),
        ("random", ["a", "b", "a"], 1, {}, "the key 'a' more than once"),
        ("nnm", KEYS, 1, {}, "nnm needs nnm for 20 faces; there are none"),
        ("nnm", KEYS, 1, {"scores": np.zeros(3)}, "nnm needs nnm for 20 faces; there are 3"),
        ("k_center", KEYS, 1, {}, "k_center needs embeddings for 20 faces"),
        ("entropy", ["a", "b"], 1, {"scores": np.array([0, np.nan])}, "entropy of the face 'b'"),
    ],
)
def test_impossible_choices_are_refused(name, keys, count, values, message):
    with pytest.raises(ValueError, match=message):
        acquisition.select(acquisition.strategy(name), keys, count, **values)
