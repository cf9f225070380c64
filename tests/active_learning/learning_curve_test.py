"""The curve of the error against labels, and what it lets one say."""

import numpy as np
import pytest

from scaf_jax.active_learning import learning_curve, pictures
from scaf_jax.active_learning.learning_curve import Curve, Point
from scaf_jax.files import atomic
from scaf_jax.landmarks import metrics, normalizers, schemes

EYES = normalizers.DEFAULT_NORMALIZER
KEYS = [f"face {i}" for i in range(60)]


def _errors(scale: float, seed: int = 0) -> dict[str, float]:
    values = np.random.default_rng(seed).gamma(6, 1, len(KEYS)) * scale
    return dict(zip(KEYS, values, strict=True))


def test_a_band_holds_the_mean_and_narrows_with_more_faces():
    low, high = Point(10, _errors(1)).band()
    assert low < Point(10, _errors(1)).mean < high
    few = Point(10, dict(list(_errors(1).items())[:10])).band()
    assert few[1] - few[0] > high - low


@pytest.mark.parametrize(
    ("scales", "expected"),
    [
        (
            (1, 0.9, 0.7),
            "-30% (95 % interval -30% to -30%): further labels are likely to help",
        ),
        ((1, 0.99, 0.98), "further labels will change little"),
        ((1, 1.2, 1.1), "+10%"),
        ((1, 1.2, 1.1), "further labels will change little"),
    ],
)
def test_the_last_doubling_says_whether_more_labels_help(scales, expected):
    points = [Point(n, _errors(x)) for n, x in zip((10, 15, 20), scales, strict=True)]
    text = learning_curve.judgement(Curve("test", tuple(points)))
    assert text.startswith("test: from 10 to 20 labels") and expected in text


def test_few_other_faces_cannot_tell():
    points = (Point(10, _errors(1.0, seed=1)), Point(20, _errors(0.95, seed=2)))
    text = learning_curve.judgement(Curve(learning_curve.NEW_FACES, points, same_faces=False))
    assert "cannot tell" in text


def test_before_the_labels_have_doubled_nothing_is_said():
    points = (Point(10, _errors(1)), Point(15, _errors(0.5)))
    assert "too few rounds" in learning_curve.judgement(Curve("test", points))


def test_rounds_are_read_from_their_reports(tmp_path):
    for count, nme in ((10, 8.0), (20, 6.0)):
        table = f'"split","key","nme"\n"a","x",{nme}\n"a","y",\n"b","x",1\n'
        (tmp_path / str(count) / "report").mkdir(parents=True)
        atomic.write_text(tmp_path / str(count) / "report" / "per_face.csv", table)
    folders = {n: tmp_path / str(n) for n in (20, 10, 30)}
    first, second = learning_curve.test_curves(folders)
    assert (first.name, second.name) == ("a", "b")
    assert first.points == (Point(10, {"x": 8.0}), Point(20, {"x": 6.0}))


class _Faces:
    keys = ("a", "b", "c")

    def __len__(self):
        return 3

    def __getitem__(self, index):
        points = np.random.default_rng(index).uniform(0, 100, (68, 2)).astype(np.float32)
        mask = np.ones(68, bool)
        if index == 1:
            mask[36] = False  # an outer eye corner
        return {
            "landmarks": points,
            "landmark_mask": mask,
            "box_ground_truth": np.array([0, 0, 9, 9.0]),
        }


def test_new_faces_are_measured_by_what_the_network_before_said_of_them(tmp_path):
    learned = _Faces()
    said = {key: learned[i]["landmarks"] + i + 1.0 for i, key in enumerate(learned.keys[:2])}
    atomic.write_json(tmp_path / pictures.POINTS_FILE, said)
    found = learning_curve.new_faces(tmp_path, learned, schemes.IBUG68, EYES)
    assert set(found) == {"a"}  # b cannot be normalized, of c nothing was said
    expected = metrics.nme(
        said["a"][None],
        learned[0]["landmarks"][None],
        schemes.IBUG68,
        EYES,
    )
    np.testing.assert_allclose(found["a"], expected[0])
    assert learning_curve.new_faces(tmp_path / "none", learned, schemes.IBUG68, EYES) == {}


def test_the_picture_shows_each_curve():
    one = Curve("test", (Point(10, _errors(1)), Point(20, _errors(0.7))))
    two = Curve("$x_$", (Point(10, _errors(2)), Point(20, _errors(1.7))))
    first, both = learning_curve.draw([one]), learning_curve.draw([one, two])
    assert first.shape == both.shape == (500, 800, 3)
    assert (first != both).any()
