import os
import signal
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.training import checkpointing, loop, metric_writers, sharding, state


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


def _run(folder, step, *, steps: int, save_every: int = 100, start=None, batches=None):
    with (
        checkpointing.Checkpoints(folder / "checkpoints", save_interval=save_every) as checkpoints,
        metric_writers.MetricWriter(folder, tensorboard=False) as writer,
    ):
        return loop.train(
            start or _zero(),
            step,
            batches or Batches(),
            settings=loop.LoopSettings(steps, log_every=2),
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
    lines = metric_writers.read_scalars(tmp_path / "metrics.jsonl")
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
