"""Runs that begin with a landmark network: which parts they take, and which networks fit."""

import pathlib

import jax
import numpy as np
import pytest

from scaf_jax import default_config
from scaf_jax.runs import alignment_stage, identity, landmark_start, resolve, stage1
from scaf_jax.runs.run import Run
from scaf_jax.training import checkpointing, tree_paths


def _run(start: object = "", *, scheme: str = "ibug68", seed: int = 1, **alignment) -> Run:
    config = default_config.get_config()
    default_config.shrink(config)
    config.data.scheme, config.seed = scheme, seed
    config.pretraining.run = str(start)
    config.alignment.update(alignment)
    return resolve.resolve(config)


def _leaves(train_state) -> dict[str, np.ndarray]:
    named = tree_paths.named_leaves(
        {"params": train_state.params, "batch_stats": train_state.batch_stats}
    )
    return {name: np.asarray(leaf) for name, leaf in named.items()}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory) -> tuple[pathlib.Path, pathlib.Path, dict[str, np.ndarray]]:
    """A network of 68 landmarks: the folder of its training, its weights file, its arrays."""
    folder = tmp_path_factory.mktemp("run") / "alignment"
    run = _run(seed=7)
    stage = run.alignment.stage
    found = stage.init()
    # As after a training: statistics, too, are no longer those of the start.
    found = jax.tree.map(lambda x: x + 1 if x.dtype == np.float32 else x, found)
    with checkpointing.Checkpoints(folder / "checkpoints") as checkpoints:
        checkpoints.save(3, found, metadata=identity.metadata(run, stage) | {"step": 3})
    file = folder.parent / "network.safetensors"
    alignment_stage.bundle_of(run, found).save(file)
    return folder, file, _leaves(found)


@pytest.mark.parametrize("kind", [0, 1], ids=["folder", "file"])
@pytest.mark.parametrize(("scheme", "words"), [("ibug68", "its head too"), ("wflw98", "without")])
def test_all_but_the_head_of_other_landmarks_is_taken(theirs, kind, scheme, words):
    run = _run(theirs[kind], scheme=scheme)
    start = stage1.given(run)
    first = run.alignment.stage.init()
    found, own = _leaves(alignment_stage.with_pretrained(run, start, first)), _leaves(first)
    for name, array in found.items():
        other_head = scheme == "wflw98" and name.startswith("params/transfer/head/")
        np.testing.assert_array_equal(array, (own if other_head else theirs[2])[name], name)
    assert f"a landmark network of 'ibug68', {words}" in start.describe()
    again = alignment_stage.with_pretrained(run, start, run.alignment.stage.init())
    jax.tree.map(lambda x: x.delete(), (again.params, again.batch_stats))  # as trainings do
    again = _leaves(alignment_stage.with_pretrained(run, start, run.alignment.stage.init()))
    assert all(np.array_equal(again[name], array) for name, array in found.items())
    # Its encoder rebuilds no faces.
    assert alignment_stage.rebuilder(run, start, alignment_stage.bundle_of(run, first)) is None


def test_networks_of_another_shape_are_refused_with_both(theirs):
    with pytest.raises(identity.RunMismatchError, match="heatmap_size is 32 there and 64 here"):
        stage1.given(_run(theirs[0], heatmap_size=64))
    with pytest.raises(identity.RunMismatchError, match="skips is True there and False here"):
        stage1.given(_run(theirs[1], skips=False))


def test_networks_are_told_apart_by_what_they_hold(theirs):
    folder, file = (stage1.given(_run(path)).identity() for path in theirs[:2])
    assert folder[1] == 3 and file != folder
    assert not landmark_start.is_landmark_network(stage1.builtin.path())
