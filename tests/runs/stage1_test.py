"""Tests of what a run may start from; whole runs that do are in stages_test.py."""

import dataclasses
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax import default_config
from scaf_jax.runs import identity, resolve, stage1
from scaf_jax.training import checkpointing, state, tree_paths
from scaf_jax.weights import files, header, importing


@pytest.fixture
def file(tmp_path) -> pathlib.Path:
    """The builtin weights in another place."""
    path = tmp_path / "copy.safetensors"
    path.write_bytes(stage1.builtin.path().read_bytes())
    return path


@pytest.fixture
def folder(file) -> pathlib.Path:
    importing.import_weights(file, file.parent / "run")
    return file.parent / "run"


def _config(run: object = "builtin", **changes):
    config = default_config.get_config()
    config.pretraining.run = str(run)
    config.input_size, config.width_multiplier = 128, 0.5
    config.alignment.heatmap_size = 64
    config.update(changes)
    return config


def _run(run: object = "builtin", **changes):
    return resolve.resolve(_config(run, **changes))


def test_none_is_opened_where_none_is_named_or_needed():
    assert stage1.given(_run("")) is None
    config = _config("nowhere")
    config.alignment.initialization = "random"
    assert stage1.given(resolve.resolve(config)) is None
    assert stage1.describe(None) == "none: random weights"
    assert stage1.origin(None)["stage1"]["identity"] is None


def test_a_folder_a_file_and_the_builtin_are_told_apart(file, folder):
    for run, kind in ((folder, stage1.RunFolder), (file, stage1.WeightsFile)):
        found = stage1.given(_run(run))
        assert isinstance(found, kind) and found.name == str(run)
    assert stage1.given(_run(folder / "checkpoints")) is not None
    builtin = stage1.given(_run())
    assert builtin.name == "builtin"
    assert builtin.describe() == (
        "builtin (128 px, width 0.5, 44,953 photos of FairFace, CC BY 4.0, 20000 steps)"
    )


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="pretraining.run: .*'nowhere'.*or 'builtin'"):
        stage1.given(_run("nowhere"))
    with pytest.raises(FileNotFoundError, match="holds no checkpoint"):
        stage1.given(_run(tmp_path))
    (tmp_path / "photo.png").write_bytes(b"photo")
    with pytest.raises(header.WeightsError, match="photo.png is damaged.* no safetensors file"):
        stage1.given(_run(tmp_path / "photo.png"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_size": 256}, "input_size is 128 there and 256 here"),
        ({"width_multiplier": 1.0}, "width_multiplier is 0.5 there and 1.0 here"),
    ],
)
def test_another_size_or_width_is_refused_with_both(changes, message, file, folder):
    for run in ("builtin", file, folder):
        with pytest.raises(identity.RunMismatchError, match=f"stage 1 in {run} .*{message}"):
            stage1.given(_run(run, **changes))


def test_other_crops_are_told_but_allowed(folder, caplog):
    caplog.set_level("INFO")
    config = _config()
    for run in ("builtin", folder):
        config.pretraining.run, config.data.margin_top = str(run), 0.2
        ours = resolve.resolve(config)
        stage1.tell_other_crop(ours, stage1.given(ours))
        assert "other crops" not in caplog.text
        config.data.margin_top = 0.05
        ours = resolve.resolve(config)
        stage1.tell_other_crop(ours, stage1.given(ours))
        assert f"{run} learned from other crops (margin_top 0.2 there, 0.05 here)" in caplog.text
        caplog.clear()


def test_file_and_folder_load_the_same(file, folder):
    arrays = files.read(file).arrays
    nested = tree_paths.nest({name: jnp.zeros(a.shape) for name, a in arrays.items()})
    nested["params"]["transfer"] = {"head": jnp.ones(3)}
    train_state = state.TrainState(
        jnp.zeros((), jnp.int32), nested["params"], nested["batch_stats"], {}
    )
    for run in (stage1.WeightsFile(file, ""), stage1.RunFolder(folder)):
        loaded = tree_paths.named_leaves(run.load(train_state))
        assert loaded.keys() == arrays.keys()
        for name, array in arrays.items():
            assert isinstance(loaded[name], jax.Array)
            np.testing.assert_array_equal(loaded[name], array, err_msg=name)


def test_the_content_tells_files_apart_and_not_the_place(file, tmp_path):
    content = files.read(file)
    other = tmp_path / "other.safetensors"
    files.write(other, dataclasses.replace(content.about, steps=1), content.arrays)
    builtin = stage1.given(_run()).identity()
    assert stage1.WeightsFile(file, "").identity() == builtin
    assert stage1.WeightsFile(other, "").identity() != builtin
    identities = []
    for path in (file, other):
        folder = tmp_path / f"run_{path.stem}"
        importing.import_weights(path, folder)
        identities.append(stage1.RunFolder(folder).identity())
    assert identities[0][0] != identities[1][0]


def test_a_training_of_stage_1_does_not_go_on_from_weights(folder):
    run = _run("")
    wanted = identity.metadata(run, run.pretraining.stage)
    saved = checkpointing.read_metadata(folder / "checkpoints")
    with pytest.raises(identity.RunMismatchError, match="holds a run with other settings"):
        identity.check_same_run(saved, wanted, folder)
