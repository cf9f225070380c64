"""Tests of saving, restoring, refusing: checkpoints."""

import contextlib
import errno
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from scaf_jax.training import checkpoint_texts, checkpointing
from scaf_jax.training.checkpoint_errors import CheckpointError
from scaf_jax.training.checkpointing import Checkpoints


class State(NamedTuple):
    step: Any
    params: Any
    batch_stats: Any
    opt_state: Any


OPTIMIZER = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.constant_schedule(1e-3)))


def make_state(seed: int = 0, features: int = 4) -> State:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    params = {
        "encoder": {"conv": {"kernel": normal(3, 3, 3, features)}},
        "generator": {"blocks": [normal(5, features), jnp.zeros(5)]},
        "critic": {"kernel": normal(7)},
    }
    stats = {"encoder": {"bn": {"mean": jnp.arange(4.0), "var": jnp.ones(4)}}}
    return State(jnp.asarray(seed, jnp.int32), params, stats, OPTIMIZER.init(params))


def abstract(state: State) -> State:
    return jax.eval_shape(lambda: state)


def assert_same(ours, theirs):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.fixture
def saved(tmp_path) -> pathlib.Path:
    """A run with the checkpoints of steps 10 and 20."""
    folder = tmp_path / "checkpoints"
    with Checkpoints(folder) as checkpoints:
        for step in (10, 20):
            checkpoints.save(
                step,
                make_state(step),
                iterator_state={"next_index": step * 8},
                metadata={"scheme": "ibug68", "crop": {"margin": 0.25}, "sizes": (64, 32)},
            )
    return folder


def test_round_trip(saved):
    with Checkpoints(saved) as checkpoints:
        assert checkpoints.latest_step() == 20
        state, iterator_state, metadata = checkpoints.restore(abstract(make_state()))
        earlier = checkpoints.restore(abstract(make_state()), step=10)
    assert_same(state, make_state(20))
    assert iterator_state == {"next_index": 160}
    assert metadata["crop"] == {"margin": 0.25} and metadata["sizes"] == [64, 32]
    assert metadata["format_version"] == checkpoint_texts.FORMAT_VERSION and metadata["step"] == 20
    assert metadata["versions"]["jax"] == jax.__version__
    assert_same(earlier.state, make_state(10))


def test_metadata_is_read_without_arrays(saved):
    assert checkpointing.read_metadata(saved)["scheme"] == "ibug68"
    assert checkpointing.read_metadata(saved, step=10)["step"] == 10


def test_iterator_state_may_be_bytes_or_absent(tmp_path):
    state = make_state()
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, iterator_state=b"\x00\xff{")
        checkpoints.save(2, state)
        assert checkpoints.restore(abstract(state), 1).iterator_state == b"\x00\xff{"
        assert checkpoints.restore(abstract(state), 2).iterator_state is None


def test_old_checkpoints_go_and_a_saved_step_is_not_saved_again(tmp_path):
    state = make_state()
    with Checkpoints(tmp_path, max_to_keep=2, save_interval=5) as checkpoints:
        assert [step for step in range(1, 16) if checkpoints.should_save(step)] == [5, 10, 15]
        assert all(checkpoints.save(step, state) for step in (5, 10, 15))
        assert not checkpoints.save(15, state)
        assert not checkpoints.should_save(15)
        checkpoints.wait()
        assert checkpoints.all_steps() == [10, 15]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["10", "15"]


def test_state_may_be_donated_right_after_save(tmp_path):
    step = jax.jit(lambda x: jax.tree.map(lambda v: v * 0 - 1, x), donate_argnums=0)
    big = {"w": jnp.arange(2.0**20)}
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, big)
        jax.block_until_ready(step(big))
        checkpoints.wait()
        restored = checkpoints.restore({"w": jax.ShapeDtypeStruct((2**20,), jnp.float32)}).state
    np.testing.assert_array_equal(restored["w"], np.arange(2.0**20, dtype=np.float32))


def test_named_subtrees_only(saved):
    state = make_state()
    other_model = {
        "params": {**state.params, "aligner": jnp.zeros(3)},  # not in the checkpoint
        "batch_stats": state.batch_stats,
    }
    other_model["params"]["critic"] = {"kernel": jnp.zeros(99)}  # in it with another shape
    subtrees = ["params/encoder", "params/generator", "batch_stats/encoder"]
    restored = checkpointing.restore_parameters(saved, subtrees, other_model)
    expected = make_state(20)
    assert set(restored) == {"params", "batch_stats"}
    assert set(restored["params"]) == {"encoder", "generator"}
    assert_same(restored["params"]["encoder"], expected.params["encoder"])
    np.testing.assert_array_equal(
        restored["params"]["generator"]["blocks"]["0"], expected.params["generator"]["blocks"][0]
    )
    assert_same(restored["batch_stats"], expected.batch_stats)


def test_subtree_that_is_not_there(saved):
    target = {"params": {**make_state().params, "aligner": jnp.zeros(3)}}
    with pytest.raises(CheckpointError, match="params/aligner: missing from the checkpoint"):
        checkpointing.restore_parameters(saved, ["params/aligner"], target)
    with pytest.raises(CheckpointError, match="params/encode: neither in the checkpoint"):
        checkpointing.restore_parameters(saved, ["params/encode"], target)


def test_other_shape_is_refused_with_path_and_both_shapes(saved):
    with (
        Checkpoints(saved) as checkpoints,
        pytest.raises(CheckpointError, match="does not fit") as error,
    ):
        checkpoints.restore(abstract(make_state(features=6)))
    message = str(error.value)
    assert "params/encoder/conv/kernel" in message
    assert "(3, 3, 3, 4)" in message and "(3, 3, 3, 6)" in message


def test_other_type_missing_and_superfluous_arrays_are_refused(saved):
    state = abstract(make_state())
    half = state._replace(step=jax.ShapeDtypeStruct((), jnp.int8))
    with Checkpoints(saved) as checkpoints:
        with pytest.raises(CheckpointError, match="step: checkpoint .* int32, model .* int8"):
            checkpoints.restore(half)
        with pytest.raises(CheckpointError, match="batch_stats/extra: missing"):
            checkpoints.restore(state._replace(batch_stats={**state.batch_stats, "extra": half[0]}))
        with pytest.raises(CheckpointError, match="batch_stats/.*: in the checkpoint only"):
            checkpoints.restore(state._replace(batch_stats={}))


def test_missing_folder_and_missing_step(saved, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        checkpointing.read_metadata(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(FileNotFoundError, match=r"no checkpoint of step 15; it has \[10, 20\]"):
        checkpointing.read_metadata(saved, step=15)
    with pytest.raises(FileNotFoundError, match="did you mean .*checkpoints"):
        checkpointing.read_metadata(saved.parent)


def empty_the_data(step: pathlib.Path) -> None:
    for path in (step / "state").rglob("d/*"):
        path.write_bytes(b"")


# TensorStore's own thread complains when its read fails after the error is raised.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "damage",
    [
        empty_the_data,
        lambda step: shutil.rmtree(step / "state"),
        lambda step: (step / "state" / "_METADATA").unlink(),
        lambda step: shutil.rmtree(step / "metadata"),
        lambda step: shutil.rmtree(step / "iterator"),
        lambda step: [shutil.rmtree(p) for p in step.iterdir() if p.is_dir()],
    ],
)
def test_damaged_checkpoint_says_what_to_delete(saved, damage):
    damage(saved / "20")
    with Checkpoints(saved) as checkpoints:
        with pytest.raises(CheckpointError, match="Delete that folder to continue from step 10"):
            checkpoints.restore(abstract(make_state()))
        assert_same(checkpoints.restore(abstract(make_state()), 10).state, make_state(10))


def test_foreign_and_newer_checkpoints_are_refused(saved):
    file = saved / "20" / "metadata" / "metadata"
    metadata = json.loads(file.read_text())
    file.write_text(json.dumps({**metadata, "format_version": 99}))
    with pytest.raises(CheckpointError, match="install a newer"):
        checkpointing.read_metadata(saved)
    file.write_text(json.dumps({"some": "thing"}))
    with pytest.raises(CheckpointError, match="not written by this project"):
        checkpointing.read_metadata(saved)


def test_interrupted_save_is_not_offered_and_told(saved, caplog):
    (saved / "30.orbax-checkpoint-tmp").mkdir()
    with caplog.at_level("WARNING"), Checkpoints(saved) as checkpoints:
        assert "the checkpoint of step 30 was not finished" in caplog.text
        assert checkpoints.latest_step() == 20
        checkpoints.save(30, make_state(30))
        checkpoints.wait()
        assert checkpoints.latest_step() == 30
    assert sorted(p.name for p in saved.iterdir()) == ["20", "30"]


def test_later_ones_can_be_deleted(saved):
    with Checkpoints(saved) as checkpoints:
        checkpoints.delete_after(10)
        assert checkpoints.all_steps() == [10]
        checkpoints.save(20, make_state(3))
        checkpoints.wait()
        assert_same(checkpoints.restore(abstract(make_state())).state, make_state(3))


@pytest.mark.parametrize("where", ["save", "wait_until_finished"])
def test_a_full_disk_says_what_is_safe(saved, where, monkeypatch):
    """Both in the foreground, and found when the save in the background is waited for."""

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Checkpoints(saved) as checkpoints:
        with monkeypatch.context() as patch:
            patch.setattr(checkpoints._manager, where, full)
            with pytest.raises(CheckpointError, match="disk is full .* continues from step 20"):
                checkpoints.save(30, make_state(30))
                checkpoints.wait()
        assert_same(checkpoints.restore(abstract(make_state()), 20).state, make_state(20))


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond a size: a disk that is full once a save has begun."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextlib.contextmanager
def unwritable(folder: pathlib.Path) -> Iterator[None]:
    folder.chmod(0o555)
    user = os.geteuid()
    if not user:
        os.seteuid(65534)  # the system refuses root nothing
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


@pytest.mark.parametrize("refuse", [lambda folder: largest_file(2**16), unwritable])
def test_what_the_system_refuses_to_write_loses_nothing(saved, refuse):
    noise = jax.random.normal(jax.random.key(0), (2**18,))  # which cannot be made smaller
    for folder in (saved, *saved.parents):  # which another user may not enter
        if folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(0o755)
    with Checkpoints(saved) as checkpoints:
        with refuse(saved), pytest.raises(CheckpointError, match="continues from step 20"):
            checkpoints.save(30, {"noise": noise})
            checkpoints.wait()
    with Checkpoints(saved) as checkpoints:
        assert checkpoints.all_steps() == [10, 20]
        assert_same(checkpoints.restore(abstract(make_state())).state, make_state(20))


KILLED = """
    import os, signal, sys
    import jax, jax.numpy as jnp
    from scaf_jax.training.checkpointing import Checkpoints

    checkpoints = Checkpoints(sys.argv[1])
    checkpoints.save(1, {"w": jnp.ones(3)})
    checkpoints.wait()
    noise = jax.random.normal(jax.random.key(0), (2**24,))
    checkpoints.save(2, {"w": noise})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_while_it_saves_has_the_checkpoint_before(tmp_path, caplog):
    folder = tmp_path / "checkpoints"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), str(folder)])
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in folder.iterdir() if "tmp" in path.name]
    with caplog.at_level("WARNING"), Checkpoints(folder) as checkpoints:
        assert "the checkpoint of step 2 was not finished" in caplog.text
        assert checkpoints.all_steps() == [1]
        restored = checkpoints.restore({"w": jax.ShapeDtypeStruct((3,), jnp.float32)})
        np.testing.assert_array_equal(restored.state["w"], np.ones(3))
        checkpoints.save(3, {"w": jnp.ones(3)})  # waits for what clears the half of a save
    assert sorted(path.name for path in folder.iterdir()) == ["1", "3"]


def test_what_json_cannot_hold_is_named(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        with pytest.raises(TypeError, match="metadata"):
            checkpoints.save(1, make_state(), metadata={"size": np.zeros(3)})
        with pytest.raises(TypeError, match="iterator_state"):
            checkpoints.save(1, make_state(), iterator_state={"at": object()})
        assert checkpoints.latest_step() is None


def test_error_inside_the_block_is_the_one_that_is_seen(tmp_path):
    with pytest.raises(KeyError, match="mine"), Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, make_state())
        raise KeyError("mine")
    assert checkpointing.read_metadata(tmp_path)["step"] == 1
