"""Tests of making examples in several processes: what is made must not depend on how many."""

import pytest

from data_builders import examples, faces, precropped, prepare
from data_builders.the300w import downloads
from scaf_jax.data import prepared_sources


def _members(root):
    return downloads.find(root).splits["train"]


def _keys(made):
    return [
        (index, one.key if isinstance(one, examples.Skipped) else one.example["key"])
        for index, one in made
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_examples_come_in_the_order_of_the_list(faces_of_afw, workers):
    make = examples.ExampleMaker("train", 68, "skip", precropped.Cropping(32, ("300w",)))
    made = list(examples.make_all(make, _members(faces_of_afw), workers))
    assert _keys(made) == [(i, f"afw/face {i:02d}.jpg") for i in range(20)]
    assert [i for i, one in made if isinstance(one, examples.Skipped)] == [7, 12]
    for index, one in made:
        if not isinstance(one, examples.Skipped):
            assert one.example["index"] == index and one.example["stored_matrix"].shape == (2, 3)
        assert one.seen.listed.splits == ("train",)
        assert one.seen.usable != isinstance(one, examples.Skipped)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_face_that_cannot_be_used_stops_where_that_is_asked_for(faces_of_afw, workers):
    made = examples.make_all(examples.ExampleMaker("train", 68), _members(faces_of_afw), workers)
    with pytest.raises(faces.FaceError, match="face 07.pts: a point lies far outside the photo"):
        list(made)


def test_workers_prepare_the_same_data(faces_of_afw, tmp_path, capsys):
    for workers in (1, 2):
        data_dir = tmp_path / str(workers)
        arguments = [f"--manual_dir={faces_of_afw}", f"--data_dir={data_dir}", "--on_error=skip"]
        assert prepare.main(["the300w", *arguments, f"--workers={workers}"]) == 0
        assert "2 faces were left out" in capsys.readouterr().out
    first, second = (
        prepared_sources.open_source("the300w", data_dir=str(tmp_path / name), split="train")
        for name in "12"
    )
    assert first.keys == second.keys and len(first) == 18
    assert all(first[i]["image"] == second[i]["image"] for i in range(18))
    tables = [next((tmp_path / name).rglob("skipped.csv")).read_text() for name in "12"]
    assert tables[0] == tables[1] and "face 12.jpg" in tables[0]
    assert prepare.main(["the300w", *arguments, "--workers=0"]) == 1
    assert "--workers must be 1 or more, not 0" in capsys.readouterr().err
