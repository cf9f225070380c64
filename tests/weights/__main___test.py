"""Tests of the commands export, import and show."""

import dataclasses
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax import default_config
from scaf_jax.data import box_corrections
from scaf_jax.landmarks import confidence
from scaf_jax.runs import identity, resolve
from scaf_jax.training import checkpointing
from scaf_jax.weights import __main__ as commands
from scaf_jax.weights import files, fitted


@pytest.fixture
def landmark_run(tmp_path):
    """A run whose stage 2 has one checkpoint, all zeros."""
    config = default_config.get_config()
    default_config.shrink(config)
    run = resolve.resolve(config)
    stage = run.landmark_stage().stage
    weights = {"params": stage.abstract.params, "batch_stats": stage.abstract.batch_stats}
    saved = jax.tree.map(lambda x: jnp.zeros(x.shape), weights)
    metadata = identity.metadata(run, stage)
    with checkpointing.Checkpoints(tmp_path / "run" / "alignment" / "checkpoints") as checkpoints:
        checkpoints.save(7, saved, metadata=metadata)
    return tmp_path / "run"


@pytest.fixture
def file(tiny, tmp_path):
    path = tmp_path / "tiny.safetensors"
    files.write(path, *tiny)
    return path


def test_show_prints_what_the_file_says(file, capsys):
    assert commands.main(["show", str(file)]) == 0
    output = capsys.readouterr().out
    for line in (
        "networks: encoder, generator",
        "input size: 64",
        "width multiplier: 0.0625",
        "licence: CC0",
        f"hash {files.digest(file)}",
    ):
        assert line in output


def test_import_and_export(file, tmp_path, capsys):
    folder, again = tmp_path / "run", tmp_path / "again.safetensors"
    assert commands.main(["import", str(file), str(folder)]) == 0
    assert f"--config.pretraining.run={folder}" in capsys.readouterr().out
    assert commands.main(["export", str(folder), str(again), "--licence=other"]) == 0
    assert files.read(again).about.licence == "other"
    assert files.read(again).about.attribution == "nobody"
    assert commands.main(["export", str(folder), str(again)]) == 1
    assert commands.main(["export", str(folder), str(again), "--overwrite"]) == 0
    assert files.read(again).about.licence == "CC0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "nothing"], "there is no weights file nothing"),
        (["import", "nothing", "run"], "there is no weights file nothing"),
        (["export", "nothing", "w"], "there is no checkpoint folder .*nothing"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, message, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    assert commands.main(arguments) == 1
    assert re.search(message, caplog.text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["show"], ["export", "run"], ["frobnicate"]])
def test_wrong_arguments_end_with_usage(arguments, capsys):
    with pytest.raises(SystemExit) as info:
        commands.main(arguments)
    assert info.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_whole_runs_landmark_network_is_exported(landmark_run, tmp_path, capsys, caplog):
    path = tmp_path / "network.safetensors"
    arguments = ["export", str(landmark_run), str(path)]
    assert commands.main([*arguments, "--discriminators"]) == 1
    assert "has no discriminators" in caplog.text and not path.exists()
    assert commands.main([*arguments, "--licence=mine"]) == 0
    assert f"written to {path}" in capsys.readouterr().out
    assert commands.main(["show", str(path)]) == 0
    output = capsys.readouterr().out
    for line in (
        "networks: encoder, generator, transfer",
        "landmarks: heatmap_size 32, skips True, skip_gain learned",
        "scheme ibug68, decoder argmax",
        "steps: 7",
        "licence: mine",
    ):
        assert line in output


def test_what_was_fitted_is_told_without_its_numbers(landmark_run, tmp_path, capsys):
    path = tmp_path / "network.safetensors"
    assert commands.main(["export", str(landmark_run), str(path)]) == 0
    assert "fitted after" not in capsys.readouterr().out
    rng = np.random.default_rng(0)
    errors = rng.choice([1.0, 30.0], (40, 68))
    sure = confidence.fit(rng.uniform(size=(40, 68)), errors, normalizer="eyes", origin="40 faces")
    correction = box_corrections.BoxCorrection(0.1, -0.1, 1.2, 0.8, 50)
    about, arrays = files.read(path)
    assert about.marks is not None
    marks = dataclasses.replace(about.marks, fitted=fitted.Fitted({"dlib": correction}, sure))
    files.write(path, dataclasses.replace(about, marks=marks), arrays, overwrite=True)
    assert commands.main(["show", str(path)]) == 0
    output = capsys.readouterr().out
    assert "fitted after the training:\n  boxes of dlib: on 50 faces\n  confidence: " in output
    assert "on 40 faces; right is within 10 % of eyes, expected" in output
    assert "shift_x" not in output and len(output) < 2000


def test_errors_of_the_report_go_along(landmark_run, tmp_path, capsys, caplog):
    assert commands.main(["show", str(landmark_run)]) == 1
    assert "has no model card" in caplog.text
    report = landmark_run / "report"
    report.mkdir()
    (report / "model_card.md").write_text("# Model card\n")
    predictors = {"sub-pixel": {"eyes": {"faces": 3, "nme": 4.318}}}
    metrics = {
        "normalizer": "eyes",
        "splits": {"common": {"decoder": "sub-pixel", "predictors": predictors}},
        "training": {"training steps": 7, "labeled faces": 50},
    }
    (report / "metrics.json").write_text(json.dumps(metrics))
    assert commands.main(["show", str(landmark_run / "alignment")]) == 0
    assert "# Model card" in capsys.readouterr().out
    path = tmp_path / "network.safetensors"
    assert commands.main(["export", str(landmark_run), str(path)]) == 0
    lines = ["errors:", "  common, the data set's boxes, 3 faces: NME 4.32 % of eyes"]
    assert "\n".join(lines) in capsys.readouterr().out
    # A report of another checkpoint, or none at all, says nothing.
    for content in (json.dumps(metrics | {"training": {"training steps": 8}}), "{}", "hello"):
        (report / "metrics.json").write_text(content)
        arguments = ["export", str(landmark_run), str(path), "--overwrite"]
        assert commands.main(arguments) == 0
        assert "errors:" not in capsys.readouterr().out
