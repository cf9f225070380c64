"""Tests of preparing with Apache Beam: the same data as without, and errors in one line."""

import importlib.util

import numpy as np
import pytest

from data_builders import beam_examples, prepare
from scaf_jax.data import prepared_sources

HAS_BEAM = importlib.util.find_spec("apache_beam") is not None
# Beam's own warnings about itself are not what is tested here.
with_beam = [
    pytest.mark.skipif(not HAS_BEAM, reason="needs Apache Beam: pip install 'scaf_jax[beam]'"),
    pytest.mark.filterwarnings("default"),
]
RUNNER = ("--beam_runner=DirectRunner", "--beam_options=direct_num_workers=1,no_save_main_session")


def _with_marks(test):
    for mark in with_beam:
        test = mark(test)
    return test


def _prepare(downloads, folder, *more):
    arguments = ["the300w", f"--manual_dir={downloads}", f"--data_dir={folder}"]
    return prepare.main([*arguments, *more])


@_with_marks
def test_beam_prepares_the_same_data(faces_of_afw, tmp_path, capsys):
    findings = {}
    for name, more in (("here", ()), ("beam", RUNNER)):
        assert _prepare(faces_of_afw, tmp_path / name, "--on_error=skip", *more) == 0
        said = capsys.readouterr().out
        assert "2 faces were left out" in said
        findings[name] = [line for line in said.splitlines() if str(tmp_path / name) not in line]
    assert findings["beam"] == findings["here"] and "bad points: 2" in "".join(findings["here"])
    here, beam = (
        prepared_sources.open_source("the300w", data_dir=str(tmp_path / name), split="train")
        for name in ("here", "beam")
    )
    assert here.keys == beam.keys and len(here) == 18
    for i in range(18):
        first, second = here[i], beam[i]
        assert first.keys() == second.keys()
        for name, value in first.items():
            np.testing.assert_array_equal(second[name], value)
    files = {name: list((tmp_path / name).rglob("skipped*")) for name in ("here", "beam")}
    assert [path.name for path in files["beam"]] == ["skipped.csv"]
    assert files["beam"][0].read_text() == files["here"][0].read_text()


@_with_marks
def test_a_damaged_face_stops_with_its_name(faces_of_afw, tmp_path, capsys):
    assert _prepare(faces_of_afw, tmp_path / "data", *RUNNER) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and "Traceback" not in error
    assert "face 07.pts: a point lies far outside" in error or "face 12.pts: a point" in error


@_with_marks
def test_beam_makes_cropped_forms(faces_of_afw, tmp_path):
    more = ("--on_error=skip", "--builder_config=cropped_32", *RUNNER)
    assert _prepare(faces_of_afw, tmp_path / "data", *more) == 0
    source = prepared_sources.open_source(
        "the300w/cropped_32", data_dir=str(tmp_path / "data"), split="train"
    )
    assert source[0]["stored_matrix"].shape == (2, 3)


def test_without_beam_the_command_that_installs_it_is_told(
    faces_of_afw, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(beam_examples.importlib.util, "find_spec", lambda name: None)
    assert _prepare(faces_of_afw, tmp_path / "data", *RUNNER) == 1
    error = capsys.readouterr().err
    assert "--beam_runner needs Apache Beam: pip install 'scaf_jax[beam]'" in error


def test_sets_that_are_drawn_need_no_beam(tmp_path, capsys):
    arguments = ["synthetic_faces", "--builder_config=tiny", f"--data_dir={tmp_path}", *RUNNER]
    assert prepare.main(arguments) == 1
    assert "'synthetic_faces' does not take --beam_runner" in capsys.readouterr().err
