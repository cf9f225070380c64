"""Tests of the two ways in which faces come to a training."""

import types

import jax
import numpy as np
import pytest

from scaf_jax import default_config
from scaf_jax.data import hosts
from scaf_jax.runs import feeding, resolve
from scaf_jax.training import sharding


@pytest.fixture(name="config")
def _config(tiny_faces):
    config = default_config.get_config()
    default_config.shrink(config)
    config.data.name = "synthetic_faces/tiny"
    config.data.data_dir = tiny_faces
    config.data.scheme = "ibug68"
    config.loader.num_threads = 0
    config.alignment.num_labels = 6
    config.input_size = 128  # no face shrinks to less than half
    return config


def _open(config, on_device):
    config.loader.on_device = on_device
    run = resolve.resolve(config)
    stage = run.landmark_stage().stage
    return feeding.open_feed(run, stage, run.faces.training(), run.scheme)


def _loader_size(config):
    return feeding.loader_size(resolve.resolve(config).loader)


def _batches(feed, count):
    """What the training step gets; its first argument is the number of the step."""
    step = feed.bind(lambda number, train_state, batch: batch)
    found = []
    for number in range(count):
        batch = next(feed.batches)
        indices = batch.pop("index")
        found.append({**step(number, None, sharding.to_global(batch, sharding.make_mesh()))})
        found[-1]["index"] = indices
    return [{name: np.asarray(value) for name, value in batch.items()} for batch in found]


def test_both_feeds_give_the_step_the_same(config):
    loader, devices = _open(config, "never"), _open(config, "always")
    assert loader.advice and not devices.advice
    for expected, found in zip(_batches(loader, 3), _batches(devices, 3), strict=True):
        assert expected.keys() == found.keys() and found["image"].dtype == np.uint8
        difference = np.abs(expected.pop("image").astype(int) - found.pop("image"))
        assert difference.max() <= 1
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values, name)
    continued = _open(config, "always")
    continued.batches.set_state({"batches_drawn": 2})
    (again,), (_, _, before) = _batches(continued, 1), _batches(_open(config, "always"), 3)
    for name, values in before.items():
        np.testing.assert_array_equal(again[name], values, name)


def test_on_cpus_the_loader_feeds_unless_asked(config):
    assert _open(config, "auto").complete is None
    assert _loader_size(config) == (0, 0)
    config.loader.num_workers, config.loader.num_threads = 3, 2
    assert _loader_size(config) == (3, 2)


def _accelerator(memory):
    return types.SimpleNamespace(platform="gpu", memory_stats=lambda: {"bytes_limit": memory})


def test_accelerators_keep_what_fits(config, monkeypatch, caplog):
    monkeypatch.setattr(jax, "local_devices", lambda: [_accelerator(2**30), _accelerator(2**31)])
    monkeypatch.setattr(hosts, "usable_cores", lambda: 6)
    config.loader.num_threads = 4
    assert _loader_size(config) == (4, 1)
    assert feeding._room() == 2**28
    assert _open(config, "auto").complete is not None
    monkeypatch.setattr(jax, "local_devices", lambda: [_accelerator(4000)])
    with caplog.at_level("INFO"):
        assert _open(config, "auto").complete is None
    assert "the 6 faces need about" in caplog.text
    with pytest.raises(ValueError, match="loader.on_device=always: the 6 faces need .* never"):
        _open(config, "always")


def test_shapes_that_hide_faces_need_the_loader(config):
    config.alignment.augmentation.occlusion_probability = 0.5
    with pytest.raises(ValueError, match="loader.on_device=always: .*occlusion_probability"):
        _open(config, "always")
