"""Tests of the places that training reports to."""

import io
import json

import jax.numpy as jnp
import numpy as np
import pytest
from absl import logging
from tensorboardX.proto import event_pb2

from scaf_jax.training import metric_files, metric_writers
from scaf_jax.training.metric_files import read_scalars
from scaf_jax.training.metric_writers import MetricWriter

Event = event_pb2.Event  # pyright: ignore[reportAttributeAccessIssue]  # made at run time


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def events(workdir) -> list:
    """What TensorBoard would read, oldest first (TFRecord: length, crc, data, crc)."""
    found = []
    for path in sorted((workdir / "tensorboard").iterdir()):
        data, at = path.read_bytes(), 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 8], "little")
            found.append(Event.FromString(data[at + 12 : at + 12 + length]))
            at += 12 + length + 4
    return found


def tagged(workdir) -> list[tuple[str, int]]:
    return [(v.tag, event.step) for event in events(workdir) for v in event.summary.value]


def test_scalars_reach_file_and_tensorboard(tmp_path):
    with MetricWriter(tmp_path / "run") as writer:
        writer.write_scalars(1, {"loss": jnp.float32(0.5), "rate": np.float64(2)})
        writer.write_scalars(2, {"loss": 0.25})
        # Readable while the run goes on: what was written survives a crash of the process.
        assert len(read_scalars(tmp_path / "run" / "metrics.jsonl")) == 2
    first, second = read_scalars(tmp_path / "run" / "metrics.jsonl")
    assert (first["step"], first["loss"], first["rate"]) == (1, 0.5, 2.0)
    assert (second["step"], second["loss"]) == (2, 0.25)
    assert tagged(tmp_path / "run") == [("loss", 1), ("rate", 1), ("loss", 2)]


def test_continued_run_drops_later_steps_and_torn_lines(tmp_path):
    with MetricWriter(tmp_path) as writer:
        for step in (10, 20, 30):
            writer.write_scalars(step, {"loss": step})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 15, "lo')
    with MetricWriter(tmp_path, first_step=20) as writer:
        writer.write_scalars(30, {"loss": 0})
    records = read_scalars(tmp_path / "metrics.jsonl")
    assert [(r["step"], r["loss"]) for r in records] == [(10, 10), (20, 20), (30, 0)]
    restarts = [e.step for e in events(tmp_path) if e.HasField("session_log")]
    assert restarts == [21]  # TensorBoard hides earlier events of step 21 and later


def test_fresh_run_starts_with_an_empty_file(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 1}\n')
    MetricWriter(tmp_path, first_step=0).close()
    assert read_scalars(tmp_path / "metrics.jsonl") == []


def test_not_a_number_stays_valid_json(tmp_path):
    with MetricWriter(tmp_path, tensorboard=False) as writer:
        writer.write_scalars(1, {"loss": float("nan"), "other": np.inf})
    line = (tmp_path / "metrics.jsonl").read_text()
    record = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert record["loss"] is None and record["other"] is None
    assert not (tmp_path / "tensorboard").exists()


def test_wrong_numbers_are_refused_by_name(tmp_path):
    with MetricWriter(tmp_path, tensorboard=False) as writer:
        with pytest.raises(ValueError, match="'step'"):
            writer.write_scalars(1, {"step": 1})
        with pytest.raises(ValueError, match=r"'loss' has shape \(3,\)"):
            writer.write_scalars(1, {"loss": np.zeros(3)})
    assert read_scalars(tmp_path / "metrics.jsonl") == []


def test_images(tmp_path):
    with MetricWriter(tmp_path) as writer:
        writer.write_images(3, {"one": np.zeros((8, 6, 3), np.uint8)})
        writer.write_images(3, {"grid": np.zeros((4, 8, 6, 3), np.uint8)})
        with pytest.raises(ValueError, match="'wrong' is float32"):
            writer.write_images(3, {"wrong": np.zeros((8, 6, 3), np.float32)})
    found = {v.tag: v.image for e in events(tmp_path) for v in e.summary.value}
    assert (found["one"].height, found["one"].width) == (8, 6)
    assert found["grid"].height * found["grid"].width == 4 * 8 * 6


def test_bar_on_a_terminal_shows_step_and_latest_numbers(tmp_path):
    screen = Terminal()
    with MetricWriter(
        tmp_path, total_steps=10, first_step=4, name="stage 1", stream=screen, tensorboard=False
    ) as writer:
        writer.write_scalars(10, {"loss": 0.5})
        writer.progress(10)
    shown = screen.getvalue()
    assert "stage 1" in shown and "10/10" in shown and "loss 0.5" in shown


def test_log_lines_elsewhere(tmp_path, caplog):
    logging.set_verbosity(logging.INFO)
    with MetricWriter(
        tmp_path, total_steps=3, stream=io.StringIO(), tensorboard=False, log_every_seconds=1e6
    ) as writer:
        writer.write_scalars(1, {"loss": 0.5})
        writer.progress(1)
        assert not caplog.messages  # not yet
        writer.write_scalars(2, {"nme": 7.5}, log=True)
        assert caplog.messages == ["train step 2: nme 7.5"]
        writer.progress(3)
    assert caplog.messages[-1].startswith("train step 3 of 3, 0m00s left")


def test_other_processes_write_nothing(tmp_path):
    with MetricWriter(tmp_path / "run", active=False) as writer:
        writer.write_scalars(1, {"loss": 1.0})
        writer.write_images(1, {"one": np.zeros((8, 6, 3), np.uint8)})
        writer.progress(1)
        writer.flush()
    assert not (tmp_path / "run").exists()


def test_file_that_is_missing_has_no_lines(tmp_path):
    assert read_scalars(tmp_path / "metrics.jsonl") == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "0m05s"), (65, "1m05s"), (3720, "1h02m"), (np.inf, "unknown time")]
)
def test_durations(seconds, text):
    assert metric_writers._duration(seconds) == text


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ([{"step": 10, "time": 100.0}, {"step": 30, "time": 110.0}], 15.0),
        ([{"step": 10, "time": 100.0}, {"step": 20}, {"step": 30, "time": 110.0}], 15.0),
        ([{"step": 10, "time": 100.0}], None),
        ([], None),
    ],
)
def test_times_of_lines_tell_how_long_the_steps_took(lines, seconds):
    assert metric_files.training_seconds(lines) == seconds
