import os
import signal
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.training import (
    checkpointing,
    divergence,
    loop,
    metric_files,
    metric_writers,
    sharding,
    state,
)


class Batches:
    """Numbers 0, 1, 2, ... as batches."""

    def __init__(self) -> None:
        self.drawn = 0

    def __next__(self) -> dict[str, Any]:
        self.drawn += 1
        return {"x": np.full(2, self.drawn - 1, np.float32), "index": np.array([0, 1])}

    def get_state(self) -> dict[str, int]:
        return {"drawn": self.drawn}

    def set_state(self, state: dict[str, int]) -> None:
        self.drawn = state["drawn"]


def _sum_step(_: int, train_state: state.TrainState, batch: dict[str, Any]):
    total = train_state.params["total"] + batch["x"].sum()
    new_state = state.TrainState(train_state.step + 1, {"total": total}, {}, {})
    return new_state, {"loss": total, "other": jnp.asarray(jnp.nan)}


def _zero() -> state.TrainState:
    return state.TrainState(jnp.zeros((), jnp.int32), {"total": jnp.zeros(())}, {}, {})


def _run(
    folder,
    step,
    *,
    steps: int,
    save_every: int = 100,
    start=None,
    batches=None,
    on_nonfinite=divergence.Response(),  # noqa: B008
):
    with (
        checkpointing.Checkpoints(folder / "checkpoints", save_interval=save_every) as checkpoints,
        metric_writers.MetricWriter(
            folder, first_step=int((start or _zero()).step), tensorboard=False
        ) as writer,
    ):
        return loop.train(
            start or _zero(),
            step,
            batches or Batches(),
            settings=loop.LoopSettings(steps, log_every=2, on_nonfinite=on_nonfinite),
            checkpoints=checkpoints,
            writer=writer,
            mesh=sharding.make_mesh(),
            metadata={"stage": "test"},
            keys=lambda: ["faces/a.jpg", "faces/b.jpg"],
        )


def test_trains_to_the_last_step_and_saves_it(tmp_path):
    final = _run(tmp_path, _sum_step, steps=5)
    assert float(final.params["total"]) == 2 * (0 + 1 + 2 + 3 + 4)
    with checkpointing.Checkpoints(tmp_path / "checkpoints", create=False) as checkpoints:
        assert checkpoints.latest_step() == 5
        restored = checkpoints.restore(jax.eval_shape(_zero))
    assert restored.iterator_state == {"drawn": 5}


def test_writes_means_of_the_steps_since_the_last_line(tmp_path):
    _run(tmp_path, _sum_step, steps=4)
    lines = metric_files.read_scalars(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [2, 4]
    assert lines[0]["train/loss"] == np.mean([0, 2])
    assert lines[1]["train/loss"] == np.mean([6, 12])
    assert "train/other" not in lines[0]  # NaN: a term whose turn it was not


def test_a_loss_that_is_not_finite_names_step_and_faces_and_is_not_saved(tmp_path):
    def diverge(number, train_state, batch):
        new_state, metrics = _sum_step(number, train_state, batch)
        return new_state, metrics | {"loss": jnp.asarray(jnp.nan if number >= 3 else 1.0)}

    with pytest.raises(loop.DivergenceError, match=r"step 4 .*faces/a\.jpg, faces/b\.jpg"):
        _run(tmp_path, diverge, steps=10, save_every=2)
    with checkpointing.Checkpoints(tmp_path / "checkpoints", create=False) as checkpoints:
        assert checkpoints.all_steps() == [2]


def test_a_state_that_is_not_finite_is_not_saved_though_its_loss_was(tmp_path):
    def diverge(number, train_state, batch):
        new_state, metrics = _sum_step(number, train_state, batch)
        bad = {"total": jnp.asarray(jnp.inf)} if number == 3 else new_state.params
        return state.TrainState(new_state.step, bad, {}, {}), metrics | {"loss": jnp.asarray(1.0)}

    with pytest.raises(loop.DivergenceError, match=r"step 4 left parameters .*faces/a\.jpg"):
        _run(tmp_path, diverge, steps=10, save_every=2)
    with checkpointing.Checkpoints(tmp_path / "checkpoints", create=False) as checkpoints:
        assert checkpoints.all_steps() == [2]


def _bad_batch(number: int):
    """A step whose loss is infinite for the batch of this number (from 0), whenever it comes."""

    def step(_, train_state, batch):
        new_state, metrics = _sum_step(_, train_state, batch)
        bad = batch["x"][0] == number
        return new_state, metrics | {"loss": jnp.where(bad, jnp.inf, metrics["loss"])}

    return step


@pytest.mark.parametrize(("back", "expected"), [(1, [0, 1, 2, 3, 6, 7]), (3, [0, 1, 6, 7, 8, 9])])
def test_rolled_back_it_goes_on_with_other_faces(tmp_path, back, expected):
    """Batch 5, of step 6, is bad: from the checkpoint of step 4, or 2, on with batch 6."""
    response = divergence.Response(divergence.ROLL_BACK, back)
    final = _run(tmp_path, _bad_batch(5), steps=6, save_every=2, on_nonfinite=response)
    assert float(final.params["total"]) == 2 * sum(expected)
    lines = metric_files.read_scalars(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [2, 4, 6]
    with checkpointing.Checkpoints(tmp_path / "checkpoints", create=False) as checkpoints:
        restored = checkpoints.restore(jax.eval_shape(_zero))
    assert restored.iterator_state == {"drawn": expected[-1] + 1}


def test_rolling_back_ends_where_it_does_not_help_or_there_is_nothing(tmp_path):
    def always(number, train_state, batch):
        new_state, metrics = _sum_step(number, train_state, batch)
        return new_state, metrics | {"loss": jnp.asarray(jnp.nan if number == 3 else 1.0)}

    response = divergence.Response(divergence.ROLL_BACK)
    batches = Batches()
    with pytest.raises(loop.DivergenceError, match="step 4"):
        _run(tmp_path / "a", always, steps=6, save_every=2, batches=batches, on_nonfinite=response)
    assert batches.drawn > 2 + 2 * divergence.MOST_ROLL_BACKS
    with pytest.raises(loop.DivergenceError, match="step 4"):
        _run(tmp_path / "b", always, steps=6, save_every=5, on_nonfinite=response)


def test_unknown_responses_are_refused():
    with pytest.raises(ValueError, match="on_nonfinite .* not 'retry'"):
        divergence.Response("retry")


def test_a_log_line_of_steps_before_and_after_a_stop_is_that_of_an_unbroken_run(tmp_path):
    """Lines tell of two steps each; the run stops in the middle of one."""

    def stopped(number, train_state, batch):
        if number == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return _sum_step(number, train_state, batch)

    _run(tmp_path / "whole", _sum_step, steps=6)
    with pytest.raises(loop.Interrupted, match="after step 3 of 6"):
        _run(tmp_path / "parts", stopped, steps=6)
    with checkpointing.Checkpoints(tmp_path / "parts" / "checkpoints") as checkpoints:
        restored = checkpoints.restore(jax.eval_shape(_zero))
    batches = Batches()
    batches.set_state(restored.iterator_state)
    _run(tmp_path / "parts", _sum_step, steps=6, start=restored.state, batches=batches)
    whole, parts = (
        [
            {n: v for n, v in line.items() if n != "time" and not n.startswith("pace/")}
            for line in metric_files.read_scalars(tmp_path / name / "metrics.jsonl")
        ]
        for name in ("whole", "parts")
    )
    assert parts == whole


def test_a_signal_stops_after_saving_and_the_run_can_go_on(tmp_path):
    def stopped_in_third_step(number, train_state, batch):
        if number == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return _sum_step(number, train_state, batch)

    with pytest.raises(loop.Interrupted, match="after step 3 of 6"):
        _run(tmp_path, stopped_in_third_step, steps=6)
    with checkpointing.Checkpoints(tmp_path / "checkpoints", create=False) as checkpoints:
        restored = checkpoints.restore(jax.eval_shape(_zero))
    batches = Batches()
    batches.set_state(restored.iterator_state)
    final = _run(tmp_path, _sum_step, steps=6, start=restored.state, batches=batches)
    assert float(final.params["total"]) == 2 * sum(range(6))
