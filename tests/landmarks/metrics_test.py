"""The metrics: cases worked out by hand, properties, and numbers of the published code."""

import pathlib

import numpy as np
import pytest

from scaf_jax.landmarks import metrics, normalizers
from scaf_jax.landmarks.schemes import IBUG68, WFLW98, LandmarkScheme

FIXTURE = pathlib.Path(__file__).parents[3] / "shared" / "parity" / "metrics.npz"

# Eye corners 0 and 1, pupils at the middle of 0, 2 and of 1, 3.
FOUR = LandmarkScheme(
    name="four",
    num_landmarks=4,
    flip_permutation=(1, 0, 3, 2),
    eye_corners=(0, 1),
    left_pupil=(0, 2),
    right_pupil=(1, 3),
    outline=(),
    strokes=((0, 1),),
)
TRUTH = np.array([[[0, 0], [50, 0], [10, 0], [40, 0]]], np.float32)
PREDICTED = TRUTH + np.array([[[3, 4], [0, 0], [0, 10], [-5, 0]]], np.float32)


def nme(predicted, truth, scheme=FOUR, normalizer="outer_eye_corners", mask=None, boxes=None):
    distances = normalizers.normalizing_distances(truth, scheme, normalizer, mask=mask, boxes=boxes)
    errors = metrics.face_nme(metrics.landmark_errors(predicted, truth, distances, mask=mask))
    at_once = metrics.nme(predicted, truth, scheme, normalizer, mask=mask, boxes=boxes)
    np.testing.assert_array_equal(at_once, errors)
    return errors


def random_faces(num_landmarks=68, seed=0, sigma=4.0):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(20, 230, (8, num_landmarks, 2))
    return truth + rng.normal(0, sigma, truth.shape), truth


def test_nme_by_hand():
    errors = metrics.landmark_errors(PREDICTED, TRUTH, [40])
    np.testing.assert_allclose(errors, 100 * np.array([[5, 0, 10, 5]]) / 40)
    np.testing.assert_allclose(metrics.face_nme(errors), [100 * 5 / 40])


def test_masked_landmarks_do_not_count_whatever_they_hold():
    mask = np.array([[True, True, False, True]])
    predicted, truth = PREDICTED.copy(), TRUTH.copy()
    truth[0, 2] = np.inf, np.nan
    predicted[0, 2] = np.inf
    errors = metrics.landmark_errors(predicted, truth, [50], mask=mask)
    assert np.isnan(errors[0, 2])
    np.testing.assert_allclose(nme(predicted, truth, mask=mask), [100 * 10 / 3 / 50])


def test_a_face_without_landmarks_has_no_nme_and_does_not_count():
    truth = np.concatenate([TRUTH, np.full_like(TRUTH, np.nan)])
    predicted = np.concatenate([PREDICTED, PREDICTED])
    mask = np.isfinite(truth).all(-1)
    result = nme(predicted, truth, mask=mask)
    np.testing.assert_allclose(result, [10, np.nan])
    assert metrics.summarize(result, [10]) == {"faces": 1, "nme": 10, "fr@10": 0, "auc@10": 0}


@pytest.mark.parametrize("normalizer", ["outer_eye_corners", "inter_pupil"])
@pytest.mark.parametrize("scheme", [IBUG68, WFLW98], ids=lambda scheme: scheme.name)
def test_moving_and_scaling_the_photo_changes_nothing(scheme, normalizer):
    predicted, truth = random_faces(scheme.num_landmarks)
    expected = nme(predicted, truth, scheme, normalizer)
    moved = nme(3 * predicted + [1000, -70], 3 * truth + [1000, -70], scheme, normalizer)
    np.testing.assert_allclose(moved, expected)
    flip = list(scheme.flip_permutation)
    mirrored = [300, 0] + [-1, 1] * predicted[:, flip], [300, 0] + [-1, 1] * truth[:, flip]
    np.testing.assert_allclose(nme(*mirrored, scheme, normalizer), expected)


def test_a_perfect_prediction_has_no_error():
    _, truth = random_faces()
    summary = metrics.summarize(nme(truth, truth, IBUG68))
    assert summary == {"faces": 8, "nme": 0, "fr@8": 0, "auc@8": 1, "fr@10": 0, "auc@10": 1}


def test_a_face_without_an_eye_corner_has_no_error_but_a_box_still_serves():
    predicted, truth = random_faces()
    mask = np.ones(truth.shape[:2], bool)
    mask[5, 36] = False
    result = nme(predicted, truth, IBUG68, mask=mask)
    assert np.isnan(result[5]) and np.isfinite(np.delete(result, 5)).all()
    np.testing.assert_allclose(np.delete(result, 5), np.delete(nme(predicted, truth, IBUG68), 5))
    assert np.isfinite(nme(predicted, truth, IBUG68, "inter_pupil", mask=mask)).sum() == 7
    boxes = np.tile([0, 0, 30, 40], (8, 1))
    result = nme(predicted, truth, IBUG68, "box_diagonal", mask=mask, boxes=boxes)
    assert np.isfinite(result).all()


def test_a_broken_prediction_is_an_error_and_not_a_missing_face():
    predicted = PREDICTED.copy()
    predicted[0, 1, 0] = np.nan
    with pytest.raises(ValueError, match=r"'a\.jpg': the prediction 1 is not finite"):
        metrics.landmark_errors(predicted, TRUTH, [50], keys=["a.jpg"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.landmark_errors(PREDICTED[:, :3], TRUTH, [50]), "predicted is"),
        (lambda: metrics.landmark_errors(PREDICTED, TRUTH, [0]), "number 0"),
        (lambda: metrics.ced_area([1.0], 0), "above 0"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_failure_is_strictly_above_the_threshold():
    assert metrics.failure_rate([9, 10, 10.001, 30], 10) == 0.5


def test_area_is_the_exact_integral_of_the_curve():
    errors = np.random.default_rng(3).gamma(3, 2, 101)
    x, y = metrics.ced_curve(errors, 8)
    assert (x[0], x[-1]) == (0, 8)
    assert (y[0], y[-1]) == (0, np.mean(errors <= 8))
    staircase = np.sum(np.diff(x) * y[:-1]) / 8
    np.testing.assert_allclose(metrics.ced_area(errors, 8), staircase)
    np.testing.assert_allclose(metrics.ced_area([2, 6, 9], 8), (6 + 2 + 0) / 3 / 8)


def test_summary_names_carry_the_threshold():
    assert metrics.summarize([2.0, 12.0], [10, 7.5]) == pytest.approx(
        {
            "faces": 2,
            "nme": 7.0,
            "fr@10": 0.5,
            "auc@10": 0.4,
            "fr@7.5": 0.5,
            "auc@7.5": 5.5 / 2 / 7.5,
        }
    )


def test_a_summary_of_nothing_has_no_numbers():
    summary = metrics.summarize([np.nan], [10])
    assert summary["faces"] == 0
    assert all(np.isnan(summary[name]) for name in ("nme", "fr@10", "auc@10"))


def test_mean_shape_is_over_the_faces_that_have_a_landmark():
    shapes = np.array([[[0.0, 0], [10, 10]], [[4, 2], [np.nan, np.nan]]])
    mask = np.array([[True, True], [True, False]])
    np.testing.assert_array_equal(metrics.mean_shape(shapes, mask), [[2, 1], [10, 10]])
    with pytest.raises(ValueError, match=r"landmarks \[1\]"):
        metrics.mean_shape(shapes, mask & [True, False])


@pytest.mark.skipif(not FIXTURE.exists(), reason="../shared/parity/metrics.npz is not there")
@pytest.mark.parametrize(
    ("scheme", "name", "seeds", "sigma"),
    [(IBUG68, "nme68_outer", (5, 6), 4), (WFLW98, "nme98_outer", (7, 8), 9)],
    ids=["ibug68", "wflw98"],
)
def test_the_published_code_gives_the_same_numbers(scheme, name, seeds, sigma):
    shape = (8, scheme.num_landmarks, 2)
    truth = np.random.default_rng(seeds[0]).uniform(20, 230, shape).astype(np.float32)
    noise = np.random.default_rng(seeds[1]).normal(0, sigma, shape).astype(np.float32)
    predicted = truth + noise
    distances = normalizers.normalizing_distances(truth, scheme)
    errors = metrics.landmark_errors(predicted, truth, distances)
    with np.load(FIXTURE) as fixture:
        np.testing.assert_allclose(errors, fixture[name], rtol=1e-4)
        if scheme is WFLW98:
            rate = metrics.failure_rate(metrics.face_nme(errors), 10)
            assert rate == pytest.approx(float(fixture["fr10_98"]))
