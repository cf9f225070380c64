"""Which trainings each table needs."""

import dataclasses

import pytest

from scaf_jax.experiments import trials

CHOICES = trials.Choices(
    models=("3fabrec", "scaf"),
    seeds=2,
    labels=(0, 50),
    budgets=(50, 100),
    strategies=("random", "nnm_10"),
    steps=400,
    learning_rate=1e-3,
)


@pytest.mark.parametrize(
    ("table", "count"),
    [
        ("table1", 2 * 2),
        ("table2", 2 * (2 * 2 + 2 * 2)),
        ("table3", 2 * (2 * 2 + 2 * 2)),
        ("table4", 2 * 2 * 2 * 2),
        ("ablation_schedule", 2 * 2 * 2 * 2),
        ("labels", 2 * 2 * 2),
        ("ablation_skips", 2 * 3 * 2),
    ],
)
def test_tables_are_complete(table, count):
    planned = trials.trials(table, CHOICES)
    assert len(planned) == count
    assert len({trial.name for trial in planned}) == count  # each has a folder of its own
    assert all(trial.edits["seed"] == trial.seed for trial in planned)
    if table != "ablation_skips":
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
        trials.trials("table1", dataclasses.replace(CHOICES, models=("resnet",)))


def _choices(**changes):
    return dataclasses.replace(CHOICES, labels=(50,), seeds=1, learning_rate=0.002, **changes)


def test_random_weights_train_whole_at_one_rate():
    (trial,) = trials.trials("labels", _choices(models=("random_weights",)))
    edits = {name.removeprefix("alignment."): value for name, value in trial.edits.items()}
    assert edits["initialization"] == "random" and edits["skips"]
    assert edits["train_backbone_norm"]
    parts = ("learning_rate", "encoder_learning_rate", "generator_learning_rate")
    assert [edits[name] for name in parts] == [0.002] * 3


def test_a_model_may_have_its_own_rate():
    choices = _choices(models=trials.MODELS, rates={"3fabrec": 0.01, "random_weights": 0.005})
    fabrec, scaf, whole = (trial.edits for trial in trials.trials("labels", choices))
    assert fabrec["alignment.learning_rate"] == fabrec["alignment.encoder_learning_rate"] == 0.01
    assert "alignment.learning_rate" not in scaf  # the config's
    assert "alignment.generator_learning_rate" not in fabrec
    assert whole["alignment.generator_learning_rate"] == 0.005
    with pytest.raises(ValueError, match="no model 'resnet'"):
        trials.trials("labels", _choices(rates={"resnet": 0.1}))


def test_the_ablation_of_skips_differs_in_skips_alone():
    planned = trials.trials("ablation_skips", _choices())
    names = ("alignment.skips", "alignment.skip_gain")
    forms = {t.row: [t.edits.get(name) for name in names] for t in planned}
    assert forms == {
        "no skips": [False, None],
        "fixed gain": [True, "fixed"],
        "learned gain": [True, "learned"],
    }
    rest = [{k: v for k, v in trial.edits.items() if k not in names} for trial in planned]
    assert rest[0] == rest[1] == rest[2]
