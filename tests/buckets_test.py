"""A working folder in a bucket, gs://..., against a server that stands for the cloud's.

Through the same packages that talk to the cloud: `gcsfs` for files, TensorStore for arrays.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import time

import fake_bucket
import fsspec.config
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax import predict
from scaf_jax.benchmark import killed_runs
from scaf_jax.files import atomic, csv_tables, mirrors, places, strict_json
from scaf_jax.inference import chunk_files
from scaf_jax.runs import lock
from scaf_jax.training import checkpointing, metric_files, metric_writers

# Not imported here: it reads its settings when it is.
if not importlib.util.find_spec("gcsfs"):
    pytest.skip("needs gcsfs: pip install 'scaf_jax[gcs]'", allow_module_level=True)

_SECONDS = 1500


@pytest.fixture(scope="module")
def bucket():
    """An empty bucket, for this process and those that it starts."""
    assert "gcsfs" not in sys.modules, "what was imported before asks the cloud, and waits for it"
    with fake_bucket.running() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in fake_bucket.environment(server).items():
            patch.setenv(name, value)
        fsspec.config.set_conf_env(fsspec.config.conf)  # read already, where it was imported before
        yield server


def test_files_are_written_whole_and_read(bucket):
    folder = places.at("gs://bucket/files")
    assert places.children(folder) == []
    atomic.write_json(folder / "a.json", {"x": 1})
    assert strict_json.read_json(folder / "a.json") == {"x": 1}
    atomic.write_text(folder / "a.csv", "key,nme\nb,2.5\n")
    ((place, row),) = csv_tables.read_table(folder / "a.csv", ("key", "nme"))
    assert row == {"key": "b", "nme": "2.5"} and place == "gs://bucket/files/a.csv:2"
    assert [path.name for path in places.children(folder)] == ["a.csv", "a.json"]
    copy = places.copy_here(folder / "a.csv")
    bucket.write("others/a.csv", b"other")
    assert places.copy_here(places.at("gs://bucket/others/a.csv")).read_bytes() == b"other"
    assert copy.read_bytes() == bucket.objects["files/a.csv"].content


def test_an_address_that_nothing_can_open_is_refused_by_name():
    with pytest.raises(ValueError, match="'gopher://a/b' is no place that can be opened"):
        places.at("gopher://a/b")
    with pytest.raises(ValueError, match="gs://a: annotating needs a folder on a disk"):
        places.on_disk("gs://a", "annotating")


def test_commands_that_write_to_a_disk_make_no_folder_of_an_address(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        predict.main(["runs/own", "photos", "--output=gs://bucket/found"])
    assert "gs://bucket/found: this needs a folder on a disk" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_reached_says_what_to_do(bucket, monkeypatch):
    for error, kind, text in (
        (ImportError("no gcsfs"), ValueError, r"gs://bucket/a: for buckets, pip install"),
        (RuntimeError("401"), OSError, r"gs://bucket/a cannot be reached \(401\); is there"),
    ):
        with monkeypatch.context() as patch, pytest.raises(kind, match=text):
            patch.setattr(type(places.at("gs://bucket")), "exists", _raising(error))
            places.at("gs://bucket/a")


def _raising(error):
    def raise_it(*_):
        raise error

    return raise_it


def test_a_run_in_a_bucket_is_not_locked_and_says_so(bucket, caplog):
    with lock.only_one("gs://bucket/locked"), lock.only_one("gs://bucket/locked"):
        assert "gs://bucket/locked cannot be locked: start only one run in it" in caplog.text
    assert not [name for name in bucket.objects if name.startswith("locked")]


def test_growing_files_are_copied_and_what_fails_is_copied_later(bucket, monkeypatch, caplog):
    place = places.at("gs://bucket/grows")
    with mirrors.Mirror(place) as mirror:
        mirror.fetch("log")  # not there
        with (mirror.folder / "log").open("a") as file:
            file.write("a\n")
            file.flush()
            mirror.push()
            assert bucket.objects["grows/log"].content == b"a\n"
            file.write("b\n")
            file.flush()
            mirror.push(after=3600)
            assert bucket.objects["grows/log"].content == b"a\n"
            with monkeypatch.context() as patch:
                patch.setattr(mirror, "_write", _raising(OSError("no")))
                mirror.push()
            assert "log cannot be written yet (no)" in caplog.text
    assert bucket.objects["grows/log"].content == b"a\nb\n"
    generation = bucket.objects["grows/log"].generation
    with mirrors.Mirror(place) as mirror:
        mirror.fetch("log")
        assert (mirror.folder / "log").read_text() == "a\nb\n"
        mirror.push()
    assert bucket.objects["grows/log"].generation == generation


def test_metrics_go_on_from_the_step_of_a_checkpoint(bucket):
    place = places.at("gs://bucket/metrics")
    with metric_writers.MetricWriter(place, tensorboard=True) as writer:
        for step in (1, 2, 3):
            writer.write_scalars(step, {"loss": step})
    with metric_writers.MetricWriter(place, first_step=2) as writer:
        writer.write_scalars(3, {"loss": 30})
    lines = metric_files.read_scalars(place / metric_files.SCALARS_FILE)
    assert [(line["step"], line["loss"]) for line in lines] == [(1, 1), (2, 2), (3, 30)]
    assert any(name.startswith("metrics/tensorboard/events") for name in bucket.objects)


def test_checkpoints_are_saved_replaced_and_restored(bucket):
    state = {"params": {name: jnp.arange(1000.0) for name in "ab"}}
    like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), state)
    folder = places.at("gs://bucket/run") / "checkpoints"
    with checkpointing.Checkpoints(folder, max_to_keep=1) as checkpoints:
        checkpoints.save(1, state, iterator_state={"at": 1}, metadata={"x": 1})
        checkpoints.save(2, jax.tree.map(lambda x: x + 2, state), iterator_state={"at": 2})
    with checkpointing.Checkpoints(folder, create=False) as checkpoints:
        assert checkpoints.all_steps() == [2]
        restored = checkpoints.restore(like)
    np.testing.assert_array_equal(restored.state["params"]["b"], np.arange(1000.0) + 2)
    assert restored.iterator_state == {"at": 2}
    assert not [name for name in bucket.objects if name.startswith("run/checkpoints/1/")]


def test_chunks_of_a_pass_are_kept(bucket):
    folder = places.at("gs://bucket/scores")
    chunk_files.ChunkFiles(folder, {"of": "a"}).append(0, {"nnm": np.arange(3.0)})
    (rows,) = chunk_files.ChunkFiles(folder, {"of": "a"}).read()
    np.testing.assert_array_equal(rows["nnm"], np.arange(3.0))
    assert chunk_files.ChunkFiles(folder, {"of": "b"}).read() == []


@pytest.mark.slow
def test_a_run_killed_in_a_bucket_ends_with_the_bits_of_one_on_a_disk(bucket, tiny_faces, tmp_path):
    command = killed_runs.command(tiny_faces, "synthetic_faces/tiny")
    killed_runs.start(command, tmp_path / "whole").finish()

    def start() -> subprocess.Popen:
        with (tmp_path / "log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--workdir=gs://bucket/whole"],
                stdout=log,
                stderr=log,
                env=os.environ | {"JAX_PLATFORMS": "cpu"},
            )

    process = start()
    waited = time.monotonic()
    # In the middle of stage 2: its first checkpoint is there, its last one is not.
    while not [n for n in bucket.objects if "alignment/checkpoints/2/commit_success" in n]:
        assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
        assert time.monotonic() - waited < _SECONDS
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert start().wait(_SECONDS) == 0, (tmp_path / "log").read_text()[-3000:]
    assert "continuing at step 2" in (tmp_path / "log").read_text()
    fake_bucket.fetch(bucket, "whole", tmp_path / "fetched")
    # Texts name the folder.
    for path in (tmp_path / "fetched").rglob("*.json"):
        own = path.read_text().replace("gs://bucket/whole", str(tmp_path / "fetched"))
        path.write_text(own)
    whole, fetched = (killed_runs.facts(tmp_path / name) for name in ("whole", "fetched"))
    assert len(whole) > 1000 and killed_runs.compare(whole, fetched) == []
