"""Tests of the arguments that all measurements share."""

import argparse
import pathlib

import pytest

from scaf_jax.benchmark import options


def test_a_folder_that_is_not_there_is_told_before_anything_is_measured(tmp_path, capsys):
    parser = argparse.ArgumentParser()
    options.add_output(parser, "times.json")
    assert parser.parse_args([]).output == pathlib.Path("times.json")
    path = tmp_path / "a.json"
    assert parser.parse_args([f"--output={path}"]).output == path
    with pytest.raises(SystemExit):
        parser.parse_args([f"--output={tmp_path}/none/a.json"])
    assert f"there is no folder '{tmp_path}/none'" in capsys.readouterr().err
