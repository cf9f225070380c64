"""The measurement of the data pipeline runs and writes what it says; its times are not judged."""

import argparse
import json

import numpy as np
import pytest

from scaf_jax.benchmark import machine, photos, pipeline
from scaf_jax.data import geometry, images, samples


@pytest.fixture
def quick_machine(monkeypatch):
    monkeypatch.setattr(machine, "describe", lambda: {"processor": "none"})


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    pipeline.add_arguments(parser)
    return parser.parse_args(words)


def test_writes_all_times_and_a_table(tmp_path, quick_machine, capsys):
    output = tmp_path / "times.json"
    words = ("--photos", "160", "--size=32", "--faces=5", "--rounds=2", f"--output={output}")
    assert pipeline.main(_arguments(*words)) == 0
    (row,) = json.loads(output.read_text())["rows"]
    assert row["photos"] == "160 px" and row["faces"] == 8  # whole batches
    assert set(row["faces_per_second"]) == {
        f"{form}_{what}"
        for form in ("original", "cropped")
        for what in ("decode", "pipeline", "bilinear")
    }
    assert all(len(times) == 2 for times in row["seconds"].values())
    rates, ratios = row["faces_per_second"], row["ratios"]
    median = np.median(row["seconds"]["original_decode"])
    assert rates["original_decode"] == pytest.approx(8 / median)
    assert ratios["cropped_to_original"] == pytest.approx(
        rates["cropped_pipeline"] / rates["original_pipeline"]
    )
    assert ratios["original_pipeline_to_decode"] == pytest.approx(
        rates["original_pipeline"] / rates["original_decode"]
    )
    assert ratios["cropped_bilinear_to_decode"] == pytest.approx(
        rates["cropped_bilinear"] / rates["cropped_decode"]
    )
    assert "cropped_32" in capsys.readouterr().out
    assert "pipeline / decode" in (tmp_path / "times.md").read_text()


def test_a_prepared_set_can_be_measured(tmp_path, quick_machine, tiny_faces):
    words = ("--data_name=synthetic_faces/tiny", f"--data_dir={tiny_faces}", "--size=32")
    output = tmp_path / "times.json"
    more = ("--faces=8", "--rounds=1", f"--output={output}")
    assert pipeline.main(_arguments(*words, *more)) == 0
    (row,) = json.loads(output.read_text())["rows"]
    assert row["photos"] == "synthetic_faces/tiny"


def test_a_set_that_is_not_prepared_is_told(capsys):
    assert pipeline.main(_arguments("--data_name=the300w", "--data_dir=/nowhere")) == 2
    assert "is not prepared in /nowhere" in capsys.readouterr().err


def test_photos_are_as_large_as_asked_for_and_show_the_face_in_its_box():
    (record,) = photos.make(400, 1)
    assert images.image_size(record["image"], "") == (400, 300)
    x0, y0, x1, y1 = record["box_ground_truth"]
    points = record["landmarks"] + 0.5
    np.testing.assert_allclose(
        [*points.min(axis=0), *points.max(axis=0)], [x0, y0, x1, y1], atol=2.5
    )
    row = samples.EvaluationCrop(geometry.crop_settings("300w", input_size=64), 68)((0, record))
    assert row["image"].std() > 10
    assert photos.make(400, 1)[0]["image"] == record["image"]
