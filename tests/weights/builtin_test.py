"""Tests of the stage 1 that comes along."""

import pathlib

import pytest

from scaf_jax.weights import builtin, files, header


def test_it_is_whole_and_says_where_it_is_from():
    about, arrays = files.read(builtin.path())  # which compares it with the networks
    assert (about.input_size, about.width_multiplier) == (128, 0.5)
    assert about.networks == header.AUTOENCODER and len(arrays) == 170
    crop = about.crop
    assert (crop.margin_top, crop.margin_bottom) == (0.2, 0.12)
    assert (crop.margin_left, crop.margin_right) == (0.0, 0.0)
    assert crop.pixel_convention == "centers"
    assert about.steps == 20_000
    assert "FairFace" in about.training_data and about.licence == "CC BY 4.0"
    assert "Kärkkäinen" in about.attribution


def test_it_is_small_and_has_a_card():
    assert builtin.path().stat().st_size <= 12e6
    card = builtin.path().with_suffix(".md").read_text(encoding="utf-8")
    for text in ("CC BY 4.0", "Kärkkäinen", "44,953", files.digest(builtin.path())):
        assert text in card


def test_a_package_without_it_says_so(monkeypatch):
    monkeypatch.setattr(builtin, "FILE", "other.safetensors")
    with pytest.raises(FileNotFoundError, match="other.safetensors: install scaf_jax again"):
        builtin.resolve("builtin")


def test_a_file_of_that_name_has_a_folder():
    assert builtin.resolve("builtin") == builtin.path()
    assert builtin.resolve("./x/builtin") == pathlib.Path("x/builtin")
