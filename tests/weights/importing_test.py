"""Tests of a weights file that becomes a folder, and a file again."""

import dataclasses

import numpy as np
import pytest

from scaf_jax.runs import stage1
from scaf_jax.weights import exporting, files, header, importing


@pytest.fixture
def imported(tiny, tmp_path):
    path = tmp_path / "tiny.safetensors"
    files.write(path, *tiny)
    importing.import_weights(path, tmp_path / "run")
    return path, tmp_path / "run"


def test_the_folder_knows_what_the_file_said(imported):
    path, folder = imported
    run = stage1.RunFolder(folder)
    assert run.facts() == stage1.WeightsFile(path, "").facts()
    assert run.metadata()["step"] == 7
    assert run.metadata()["weights"]["licence"] == "CC0"
    assert run.identity()[0]["weights"] == files.digest(path)


def test_exported_again_it_is_the_same_file(imported, tiny, tmp_path):
    path, folder = imported
    again = tmp_path / "again.safetensors"
    exporting.export(folder, again)
    first, second = files.read(path), files.read(again)
    assert dataclasses.replace(second.about, package_version="0.0") == first.about == tiny.about
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(second.arrays[name], array, err_msg=name)


def test_a_folder_with_checkpoints_is_left_alone(imported):
    path, folder = imported
    with pytest.raises(header.WeightsError, match="holds checkpoints already"):
        importing.import_weights(path, folder)


def test_a_bad_file_makes_no_folder(imported, tmp_path):
    path, _ = imported
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(header.WeightsError, match="damaged"):
        importing.import_weights(path, tmp_path / "other")
    assert not (tmp_path / "other").exists()
