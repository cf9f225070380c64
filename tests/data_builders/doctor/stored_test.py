"""Tests of what was seen of a face as JSON."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest

from data_builders import faces
from data_builders.doctor import examination, problems, stored


@pytest.mark.parametrize("count", [0, 2])
def test_what_was_seen_comes_back(count):
    place = "list:\udcff"  # as names are that are not UTF-8
    face = faces.Face(pathlib.Path("a/\udcff.jpg"), "key", "afw", place, faces.Annotation)
    problem = problems.Problem(place, ("train", "test"), "kind", problems.LOOK, "what", "advice")
    seen = examination.Observation(
        examination.Listed(face, ("train", "test")),
        (problem,),
        b"\0digest",
        {
            "landmarks": np.arange(2 * count, dtype=np.float32).reshape(count, 2) / 3,
            "landmark_mask": np.arange(count) > 0,
            "box_ground_truth": np.float32([1, 2, 3, 4.5]),
        },
        6,
        (40, 30),
    )
    again = stored.from_json(json.loads(json.dumps(stored.to_json(seen))))
    assert dataclasses.replace(again, values={}, listed=seen.listed) == dataclasses.replace(
        seen, values={}
    )
    assert again.listed.identity == seen.listed.identity
    assert again.listed.splits == seen.listed.splits
    for name, value in seen.values.items():
        np.testing.assert_array_equal(again.values[name], value)
        assert again.values[name].dtype == value.dtype and again.values[name].shape == value.shape


def test_what_could_not_be_read_comes_back():
    face = faces.Face(pathlib.Path("a.jpg"), "key", "", "list:1", faces.Annotation)
    listed = examination.Listed(face, ("train",))
    seen = examination.of_error(listed, faces.FaceError("list:1: bad; mend it"))
    again = stored.from_json(json.loads(json.dumps(stored.to_json(seen))))
    assert again.problems == seen.problems and not again.usable and not again.values
