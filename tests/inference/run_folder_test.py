"""Tests of which networks runs' folders hold, of older ones and of what is none."""

import json
import pathlib
import shutil

import jax
import jax.numpy as jnp
import pytest

from scaf_jax.inference import run_folder
from scaf_jax.landmarks import schemes
from scaf_jax.models import aligner
from scaf_jax.training import checkpoint_errors, checkpointing, state


@pytest.fixture
def copied(saved, tmp_path):
    """Makes a run's folder as the saved one, with changed metadata and parts of the arrays."""
    folder = saved[0] / "alignment" / "checkpoints"
    own = {"params": saved[1].params, "batch_stats": saved[1].batch_stats}

    def copy(change, arrays=own) -> pathlib.Path:
        metadata = json.loads(json.dumps(checkpointing.read_metadata(folder)))
        change(metadata)
        with checkpointing.Checkpoints(tmp_path / "alignment" / "checkpoints") as checkpoints:
            checkpoints.save(3, arrays, metadata=metadata)
        return tmp_path

    return copy


def _without_gains(metadata):
    for name in ("skip_gain", "path_start", "skip_gain_rate", "gradient_clip"):
        del metadata["config"]["alignment"][name]
    del metadata["config"]["alignment"]["augmentation"]["border"]
    metadata["scheme"] = "ibug68"


def test_a_checkpoint_from_before_the_gains_has_fixed_ones(copied, saved):
    fixed = aligner.Architecture(**(vars(saved[1].architecture) | {"skip_gain": aligner.FIXED}))
    _, *shapes = state.definition(fixed.build)
    params, batch_stats = jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)
    found = run_folder.read(copied(_without_gains, {"params": params, "batch_stats": batch_stats}))
    assert found.about.architecture == fixed
    assert found.about.scheme == schemes.IBUG68
    assert "gains" not in found.params["transfer"]
    assert found.about.provenance["steps"] == 3


def test_faces_that_were_chosen_are_not_said_to_be_counted(copied):
    found = run_folder.read(copied(lambda metadata: metadata["settings"].update(faces="1234")))
    assert "labels" not in found.about.provenance


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(stage="pretraining"), "holds a checkpoint of 'pretraining'"),
        (lambda m: m.pop("config"), "metadata lack 'config'"),
        (lambda m: m["config"]["alignment"].pop("sigma"), "metadata lack 'sigma'"),
        (lambda m: m["crop"].update(box="hat"), "damaged .*box must be"),
        (lambda m: m.update(scheme={"name": "unheard_of"}), "scheme: .*missing"),
        (lambda m: m["config"]["alignment"].update(skip_gain="fixed"), "in the checkpoint only"),
    ],
)
def test_what_cannot_be_used_is_named(change, message, copied):
    workdir = copied(change)
    with pytest.raises(checkpoint_errors.CheckpointError, match=message) as info:
        run_folder.read(workdir)
    assert str(workdir) in str(info.value)


def test_folders_of_runs_are_told_apart(saved, tmp_path):
    workdir, _ = saved
    for folder in (workdir, workdir / "alignment", workdir / "alignment" / "checkpoints"):
        assert run_folder.holds_landmark_network(folder)
    with checkpointing.Checkpoints(tmp_path / "pretraining" / "checkpoints") as checkpoints:
        checkpoints.save(1, {"x": jnp.zeros(1)}, metadata={"stage": "pretraining"})
    for folder in (tmp_path, tmp_path / "pretraining", tmp_path / "nowhere"):
        assert not run_folder.holds_landmark_network(folder)
    with pytest.raises(FileNotFoundError, match="there is no checkpoint folder .*nowhere"):
        run_folder.read(tmp_path / "nowhere")


def test_a_run_with_rounds_is_its_last_trained_round(copied, tmp_path):
    copied(lambda metadata: None)
    rounds = tmp_path / "active" / "rounds"
    for number in (2, 10):
        shutil.copytree(tmp_path / "alignment", rounds / f"round_{number}" / "alignment")
    (rounds / "round_11" / "alignment" / "checkpoints").mkdir(parents=True)
    (rounds / "stage1_scores").mkdir()
    last = rounds / "round_10" / "alignment" / "checkpoints"
    assert run_folder.checkpoints_of(tmp_path / "active") == last
    assert run_folder.holds_landmark_network(tmp_path / "active")
    assert run_folder.report_of(tmp_path / "active") == rounds / "round_10" / "report"
    assert run_folder.read(tmp_path / "active").about.provenance["steps"] == 3
