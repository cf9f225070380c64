"""Scores against plain NumPy in float64."""

import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.choosing import acquisition
from scaf_jax.landmarks import heatmaps


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
    peaks, scores, heights = acquisition.landmarks_and_heights(maps, size)
    np.testing.assert_allclose(codec.to_crop(peaks.astype(float)), codec.decode(maps))
    expected = _nnm_oracle(maps, np.asarray(peaks), size)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-4)
    # Each landmark's part of it.
    by_landmark = [
        _nnm_oracle(maps[..., [i]], np.asarray(peaks)[:, [i]], size) for i in range(maps.shape[-1])
    ]
    expected = -np.stack(by_landmark, axis=1) / size**2
    np.testing.assert_allclose(heights, expected, rtol=1e-5, atol=1e-5)


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


def test_faintness_compares_a_landmark_with_itself_on_other_faces_and_counts_size():
    rng = np.random.default_rng(0)
    heights = rng.uniform(0.1, 1, (9, 3))
    heights[:, 2] = 1e-3  # always faint: it says nothing
    sizes = rng.uniform(20, 60, 9)
    expected = []
    for face in range(9):
        missing = [max(0.0, 1 - heights[face, i] / np.median(heights[:, i])) for i in range(3)]
        expected.append(np.mean(missing) * np.median(sizes) / sizes[face])
    np.testing.assert_allclose(acquisition.faintness(heights, sizes), expected)


def test_faintness_of_maps_that_are_empty_everywhere_is_finite():
    assert np.isfinite(acquisition.faintness(np.zeros((4, 2)), np.ones(4))).all()


def test_disagreement_against_numpy():
    copies = np.random.default_rng(1).normal(size=(4, 3, 5, 2))
    sizes = np.array([1.0, 2.0, 4.0])
    expected = []
    for face in range(3):
        lengths = [
            np.hypot(*(copies[c, face, i] - copies[:, face, i].mean(axis=0)))
            for c in range(4)
            for i in range(5)
        ]
        expected.append(np.mean(lengths) / sizes[face])
    np.testing.assert_allclose(acquisition.disagreement(copies, sizes), expected)
    # Copies that agree leave nothing, wherever they are.
    np.testing.assert_array_equal(acquisition.disagreement(copies[[0, 0]], sizes), 0)


def test_the_size_of_a_face_is_that_of_its_box_and_never_0():
    landmarks = np.array([[[1, 1], [10, 5], [2, 3]], [[4, 4], [4, 4], [4, 4]]], float)
    np.testing.assert_allclose(acquisition.face_sizes(landmarks), [6, 1])
