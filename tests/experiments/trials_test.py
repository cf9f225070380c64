"""Which trainings each table needs."""

import pytest

from scaf_jax.experiments import trials

CHOICES = trials.Choices(
    models=("3fabrec", "scaf"),
    seeds=2,
    labels=(0, 50),
    budgets=(50, 100),
    strategies=("random", "nnm_10"),
    steps=400,
)


@pytest.mark.parametrize(
    ("table", "count"),
    [
        ("table1", 2 * 2),
        ("table2", 2 * (2 * 2 + 2 * 2)),
        ("table3", 2 * (2 * 2 + 2 * 2)),
        ("table4", 2 * 2 * 2 * 2),
        ("ablation_schedule", 2 * 2 * 2 * 2),
    ],
)
def test_tables_are_complete(table, count):
    planned = trials.trials(table, CHOICES)
    assert len(planned) == count
    assert len({trial.name for trial in planned}) == count  # each has a folder of its own
    assert all(trial.edits["seed"] == trial.seed for trial in planned)
    assert all(trial.edits["alignment.skips"] == (trial.model == "scaf") for trial in planned)


def test_active_learning_belongs_to_the_tables_that_ask_for_it():
    assert all(trial.is_active for trial in trials.trials("table4", CHOICES))
    assert not any(trial.is_active for trial in trials.trials("table1", CHOICES))
    rows = {trial.row for trial in trials.trials("table2", CHOICES) if trial.is_active}
    assert rows == {"scaf + random", "scaf + nnm_10"}


def test_the_two_step_schedule_frees_the_encoder_at_half_of_the_steps():
    starts = {
        trial.row: trial.edits["alignment.encoder_start"]
        for trial in trials.trials("ablation_schedule", CHOICES)
    }
    assert starts["scaf direct"] == 0 and starts["scaf two-step"] == 200


def test_what_is_unknown_is_refused():
    with pytest.raises(ValueError, match="table4"):
        trials.trials("table9", CHOICES)
    with pytest.raises(ValueError, match="3fabrec"):
        trials.trials("table1", trials.Choices(("resnet",), 1, (0,), (50,), ()))
