"""The order of trials, what they share and that nothing is done twice; trainings are played."""

import pathlib

import pytest

from scaf_jax import default_config
from scaf_jax.active_learning import rounds, selections
from scaf_jax.experiments import runner, trials
from scaf_jax.files import atomic
from scaf_jax.runs import identity, stage1, stages

CHOICES = trials.Choices(
    models=("scaf",),
    seeds=2,
    labels=(50,),
    budgets=(12,),
    strategies=("nnm", "k_center"),
    steps=400,
    learning_rate=1e-3,
)


def _evaluated(folder: pathlib.Path, nme: float) -> None:
    report = folder / "report"
    report.mkdir(parents=True)
    predictors = {"arg-max": {"outer_eye_corners": {"nme": nme}}}
    splits = {"test": {"decoder": "arg-max", "predictors": predictors}}
    atomic.write_json(
        report / "metrics.json", {"normalizer": "outer_eye_corners", "splits": splits}
    )
    atomic.write_text(report / "report.md", "# done\n")


@pytest.fixture
def played(monkeypatch):
    """Replaces trainings; returns the log of (what, strategy, seed)."""
    log = []

    def active(run, workdir):
        for number, count in enumerate((10, 2)):
            folder = selections.round_folder(pathlib.Path(workdir), number)
            if (folder / "report").exists():
                continue
            log.append((f"round {number}", run.rounds.strategy.name, run.seed))
            _evaluated(folder, 20.0 - number - run.seed)
            keys = tuple(f"{number}-{i}" for i in range(count))
            choice = selections.Selection(number, "nnm", 0, "", 99, keys, (None,) * count)
            selections.write(folder, choice)
        (pathlib.Path(workdir) / "report.md").write_text("# done\n")

    def fixed(run, workdir):
        log.append(("labels", run.faces.num_labels, run.seed))
        _evaluated(pathlib.Path(workdir), 15.0)

    def pretrain(run, workdir):
        log.append(("stage 1", "", run.seed))
        return None, stage1.RunFolder(workdir / "pretraining")

    monkeypatch.setattr(rounds, "run", active)
    monkeypatch.setattr(stages, "run", fixed)
    monkeypatch.setattr(stages, "ensure_pretraining", pretrain)
    return log


def _run(table, tmp_path, **alignment):
    config = default_config.get_config()
    config.alignment.update(alignment)
    return runner.run(config, table, trials.trials(table, CHOICES), tmp_path)


def test_the_first_round_is_trained_once_a_seed(played, tmp_path):
    text = _run("table4", tmp_path)
    rounds_trained = [(what, strategy, seed) for what, strategy, seed in played[1:]]
    assert rounds_trained == [
        (what, strategy, seed)
        for seed in (0, 1)
        for what, strategy in (("round 0", "nnm"), ("round 1", "nnm"), ("round 1", "k_center"))
    ]
    assert "18.50 ± 0.71 (2)" in text


def test_what_is_done_is_not_done_again(played, tmp_path):
    first = _run("table4", tmp_path)
    count = len(played)
    assert _run("table4", tmp_path) == first
    assert played[count:] == [("stage 1", "", 0)]  # which looks whether it is there


def test_fixed_labels_train_once_each(played, tmp_path):
    text = _run("table1", tmp_path)
    assert played[1:] == [("labels", 0, 0), ("labels", 0, 1)]
    assert "15.00 ± 0.00 (2)" in text


def test_a_table_of_other_settings_is_refused(played, tmp_path):
    _run("table1", tmp_path)
    with pytest.raises(identity.RunMismatchError, match="steps was 50000, is 7"):
        _run("table1", tmp_path, steps=7)
