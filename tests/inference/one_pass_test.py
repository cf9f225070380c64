"""Tests of the pass over faces: every face once, in order, stopped and continued anywhere."""

import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.data import sources
from scaf_jax.inference import one_pass
from scaf_jax.training import loop


def _step(params, batch_stats, batch):
    """The light of each face and where it is in its source."""
    light = batch["image"].astype(jnp.float32).mean(axis=(1, 2, 3))
    return {"light": light + params["gray"], "place": batch["index"], "valid": batch["valid"]}


@pytest.fixture
def looking(network, pass_settings):
    return one_pass.OnePass(_step, network(), pass_settings, title="look", doing="looking at")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(one_pass, "BATCHES_PER_CHUNK", 1)


def test_every_face_comes_back_once_and_in_order(looking, faces):
    rows = looking.run(faces)
    assert rows.keys() == {"light", "place"}
    np.testing.assert_array_equal(rows["place"], range(5))
    assert sorted(faces.read) == [0, 1, 2, 3, 4]
    alone = [looking.run(sources.SubsetSource(faces, [i]))["light"][0] for i in range(5)]
    np.testing.assert_array_equal(rows["light"], alone)
    assert len(set(alone)) > 1


def test_without_faces_there_is_nothing_to_do(looking, faces):
    with pytest.raises(ValueError, match="no faces for looking at"):
        looking.run(sources.SubsetSource(faces, []))


def test_what_is_kept_is_not_computed_again(looking, faces, tmp_path):
    kept = one_pass.Kept(tmp_path / "rows", {"weights": "mine"})
    first = looking.run(faces, kept=kept)
    faces.read.clear()
    again = looking.run(faces, kept=kept)
    assert faces.read == []
    for name, values in first.items():
        np.testing.assert_array_equal(again[name], values)
    looking.run(faces, kept=one_pass.Kept(tmp_path / "rows", {"weights": "others"}))
    assert sorted(faces.read) == [0, 1, 2, 3, 4]


def test_a_signal_stops_it_after_a_batch_and_it_goes_on(looking, faces, tmp_path):
    kept = one_pass.Kept(tmp_path, {})
    whole = looking.run(faces)
    faces.before = lambda index: os.kill(os.getpid(), signal.SIGTERM) if index == 2 else None
    message = "stopped by SIGTERM after looking at 4 faces; they are kept. The same command cont"
    with pytest.raises(loop.Interrupted, match=message):
        looking.run(faces, kept=kept)
    faces.read.clear()
    rows = looking.run(faces, kept=kept)
    assert faces.read == [4]
    np.testing.assert_array_equal(rows["light"], whole["light"])


def test_a_pass_that_keeps_nothing_says_that_it_begins_again(looking, faces):
    faces.before = lambda index: os.kill(os.getpid(), signal.SIGTERM) if index == 0 else None
    with pytest.raises(loop.Interrupted, match="after looking at 2 faces. .*from its start"):
        looking.run(faces)


def test_only_the_inputs_asked_for_go_to_the_devices(network, faces, pass_settings):
    def step(params, batch_stats, batch):
        assert batch.keys() == {"image", "valid"}
        return {"dark": batch["image"].max(axis=(1, 2, 3)) == 0, "valid": batch["valid"]}

    asked = one_pass.OnePass(
        step, network(), pass_settings, title="", doing="", inputs=("image", "valid")
    )
    assert not asked.run(faces)["dark"].any()


def test_weights_are_put_on_the_devices_once(network, pass_settings):
    mesh = pass_settings.mesh
    (array,) = jax.tree.leaves(one_pass.placed({"x": np.ones(3)}, mesh))
    assert array.sharding.device_set == set(mesh.devices.flat)
    assert one_pass.placed({"x": array}, mesh)["x"] is array
    assert one_pass.divisible(7, mesh) % mesh.size == 0
