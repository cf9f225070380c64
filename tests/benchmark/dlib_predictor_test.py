"""Tests of timing dlib's predictor, with a tiny one that dlib makes itself."""

import sys

import numpy as np
import pytest
from PIL import Image

from scaf_jax.benchmark import dlib_predictor


@pytest.fixture
def photos(tmp_path):
    """Paths, boxes and the pixels of three photos."""
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (60, 80, 3), np.uint8) for _ in range(3)]
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, photo in zip(paths, pixels, strict=True):
        Image.fromarray(photo).save(path)
    return paths, np.array([(10.4, 10, 50, 50.2)] * 3), pixels


def test_gives_what_dlib_gives(photos, tmp_path):
    dlib = pytest.importorskip("dlib")
    paths, boxes, pixels = photos
    box = dlib.rectangle(10, 10, 50, 50)
    points = dlib.points([dlib.point(20, 25), dlib.point(40, 25), dlib.point(30, 40)])
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.num_trees_per_cascade_level, options.tree_depth = 2, 5, 2
    options.be_verbose = False
    faces = [[dlib.full_object_detection(box, points)]] * 3
    predictor = dlib.train_shape_predictor(pixels, faces, options)
    predictor.save(str(tmp_path / "tiny.dat"))
    found = dlib_predictor.contestant(str(tmp_path / "tiny.dat"), paths, boxes)()
    assert [face.tolist() for face in found] == [[[20, 25], [40, 25], [30, 40]]] * 3
    with pytest.raises(ValueError, match=r"0\.png: dlib cannot read it"):
        dlib_predictor.contestant(str(paths[0]), paths, boxes)


def test_without_dlib(photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(ValueError, match="--dlib: dlib is not installed; pip install dlib-bin"):
        dlib_predictor.contestant("any.dat", *photos[:2])
