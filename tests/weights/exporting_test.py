"""Tests of weights files written from runs of stage 1."""

import pathlib

import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax import default_config
from scaf_jax.runs import identity, resolve
from scaf_jax.training import checkpoint_errors, checkpointing, tree_paths
from scaf_jax.weights import exporting, files, header, networks

ALL = header.AUTOENCODER + header.DISCRIMINATORS


@pytest.fixture
def run(tmp_path) -> pathlib.Path:
    """A stage 1 with random weights and an optimizer's state, as the training saves it."""
    config = default_config.get_config()
    default_config.shrink(config)
    rng = np.random.default_rng(0)
    leaves = networks.expected_arrays(ALL, input_size=64, width_multiplier=1 / 16)
    arrays = {
        name: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32) for name, leaf in leaves.items()
    }
    saved = tree_paths.nest(arrays | {"opt_state/count": jnp.zeros(())})
    run = resolve.resolve(config)
    for stage in run.stages:
        metadata = identity.metadata(run, stage)
        with checkpointing.Checkpoints(tmp_path / stage.name / "checkpoints") as checkpoints:
            checkpoints.save(3, saved, metadata=metadata)
    return tmp_path / "pretraining"


def _saved(folder: pathlib.Path, names) -> dict[str, np.ndarray]:
    expected = networks.expected_arrays(names, input_size=64, width_multiplier=1 / 16)
    restored = checkpointing.restore_parameters(
        folder / "checkpoints", list(expected), tree_paths.nest(expected)
    )
    return {name: np.asarray(x) for name, x in tree_paths.named_leaves(restored).items()}


@pytest.mark.parametrize(("discriminators", "names"), [(False, header.AUTOENCODER), (True, ALL)])
def test_the_file_has_the_runs_networks(discriminators, names, run, tmp_path):
    path = tmp_path / "w.safetensors"
    provenance = exporting.Provenance("my photos", "mine", "me")
    exporting.export(run, path, discriminators=discriminators, provenance=provenance)
    about, arrays = files.read(path)
    assert about.networks == names
    assert (about.input_size, about.width_multiplier, about.steps) == (64, 1 / 16, 3)
    assert (about.crop.margin_top, about.crop.margin_bottom) == (0.2, 0.12)
    assert (about.training_data, about.licence, about.attribution) == ("my photos", "mine", "me")
    saved = _saved(run, names)
    assert saved.keys() == arrays.keys()
    for name, array in saved.items():
        exact = array if name.startswith("batch_stats/") else array.astype(np.float16)
        np.testing.assert_array_equal(arrays[name], exact, err_msg=name)


def test_what_is_no_stage_1_is_refused(run, tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(header.WeightsError, match="of 'alignment', not of stage 1"):
        exporting.export(run.parent / "alignment", path)
    with pytest.raises(FileNotFoundError, match="holds no checkpoint|no checkpoint folder"):
        exporting.export(tmp_path / "nowhere", path)
    assert not path.exists()


def test_a_file_needs_a_folder_and_a_free_name(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere for w: make it"):
        exporting.export(run, tmp_path / "nowhere" / "w")
    (tmp_path / "w").write_text("mine")
    with pytest.raises(header.WeightsError, match="is there already"):
        exporting.export(run, tmp_path / "w")
    assert (tmp_path / "w").read_text() == "mine"
    exporting.export(run, tmp_path / "w", overwrite=True)
    assert files.read(tmp_path / "w").about.training_data == ""


def test_networks_that_a_run_lacks_are_named(run, tiny, tmp_path):
    without = tmp_path / "without" / "checkpoints"
    metadata = checkpointing.read_metadata(run / "checkpoints")
    with checkpointing.Checkpoints(without) as checkpoints:
        checkpoints.save(3, tree_paths.nest(tiny.arrays), metadata=metadata)
    exporting.export(without.parent, tmp_path / "w")
    with pytest.raises(checkpoint_errors.CheckpointError, match="discriminator.*: missing from"):
        exporting.export(without.parent, tmp_path / "v", discriminators=True)
