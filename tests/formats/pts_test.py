"""Tests of the `.pts` reader."""

import numpy as np
import pytest

from scaf_jax.formats import pts

GOOD = "version: 1\nn_points:  2\n{\n1.5 2\n-3 4e1\n}\n"


def _write(tmp_path, text):
    path = tmp_path / "face.pts"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("\n", "\r\n"), GOOD.replace("}\n", "} \n\n")])
def test_reads_points_as_they_are(tmp_path, text):
    points = pts.read_pts(_write(tmp_path, text), 2)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points, [[1.5, 2], [-3, 40]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("-3 4e1", "-3"), ":5: expected two numbers"),
        (GOOD.replace("-3 4e1", "-3 4 5"), ":5: expected two numbers"),
        (GOOD.replace("-3 4e1", "a b"), ":5: expected two numbers"),
        (GOOD.replace("-3 4e1", "nan 4"), ":5: point"),
        (GOOD.replace("-3 4e1", "1e300 4"), ":5: point"),
        (GOOD.replace("  2", " two"), ":2: n_points"),
        (GOOD.replace("  2", " 3"), "n_points says 3, the file holds 2"),
        (GOOD.replace("}", ""), "cut short"),
        (GOOD.replace("{", ""), ":4: expected"),
        ("", "is it a .pts file"),
        (b"\xff\xd8\xff", "not a text file"),
        ("1 " * pts.MAX_BYTES, "larger than"),
    ],
)
def test_errors_name_file_and_line(tmp_path, text, message):
    with pytest.raises(pts.PtsError, match=r"face\.pts.*" + message):
        pts.read_pts(_write(tmp_path, text))


def test_other_numbers_of_points_are_refused(tmp_path):
    with pytest.raises(pts.PtsError, match="expected 68 points, the file holds 2"):
        pts.read_pts(_write(tmp_path, GOOD), 68)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(pts.PtsError, match=r"no\.pts: cannot be read"):
        pts.read_pts(tmp_path / "no.pts")


def test_missing_points_are_taken_where_they_are_allowed(tmp_path):
    path = _write(tmp_path, GOOD.replace("-3 4e1", "NaN nan"))
    points = pts.read_pts(path, 2, allow_missing=True)
    assert np.isnan(points).all(axis=1).sum() == 1 and np.isfinite(points).all(axis=1).sum() == 1
    with pytest.raises(pts.PtsError, match=r"face\.pts:5: point"):
        pts.read_pts(path)
    half = _write(tmp_path, GOOD.replace("-3 4e1", "nan 4"))
    with pytest.raises(pts.PtsError, match=r"face\.pts:5: point"):
        pts.read_pts(half, allow_missing=True)
