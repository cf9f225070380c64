"""The experiment end to end on tiny synthetic faces, and that nothing in it is done twice."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest

from scaf_jax import default_config
from scaf_jax.experiments import choosing, choosing_run, trainer
from scaf_jax.runs import resolve

# Its trainings compile for a minute.
pytestmark = pytest.mark.slow

OPTIONS = choosing.Options(
    strategies=("disagreement_10", "typiclust"),
    starts=("random",),
    budgets=(10,),
    draws=1,
    held_out=4,
    pictures=True,
)


def _config(data_dir):
    config = default_config.get_config()
    default_config.shrink(config)
    # The same programs as in rounds_test.py.
    config.alignment.steps = 2
    config.pretraining.steps = 1
    config.pretraining.image_start = config.pretraining.structural_start = -1
    config.data.name = "synthetic_faces/tiny"
    config.data.data_dir = data_dir
    config.evaluation.splits = ("test",)
    config.active_learning.initial = 8
    config.active_learning.per_round = 0
    return config


@pytest.fixture(scope="module")
def finished(tiny_faces, tmp_path_factory) -> pathlib.Path:
    workdir = tmp_path_factory.mktemp("choosing")
    choosing.run(resolve.resolve(_config(tiny_faces)), OPTIONS, workdir)
    return workdir


def _facts(workdir):
    facts = json.loads((workdir / "choosing" / "choosing.json").read_text())
    return {fact["row"]: fact for fact in facts}


def test_all_strategies_start_from_the_same_faces_and_none_is_held_out(finished, tiny_faces):
    facts = _facts(finished)
    assert list(facts) == ["random", "disagreement_10", "typiclust"]
    assert len({tuple(fact["chosen"][:8]) for fact in facts.values()}) == 1
    assert all(len(set(fact["chosen"])) == 10 for fact in facts.values())
    train = resolve.resolve(_config(tiny_faces)).faces.split("train")
    faces = choosing_run.split_pool(train, {}, 4)
    apart = set(faces.tests["held out"].keys)
    assert len(apart) == 4
    assert not apart & {key for fact in facts.values() for key in fact["chosen"]}
    assert apart | set(faces.pool.keys) == set(train.keys)
    assert (finished / "choosing" / "first_choices.png").stat().st_size > 1000


def test_run_again_it_trains_nothing_and_further_draws_are_added(finished, tiny_faces, monkeypatch):
    trained = []

    def play(_self, labeled, seed):
        trained.append((seed, len(labeled)))
        raise InterruptedError

    monkeypatch.setattr(trainer.Trainer, "train", play)
    before = _facts(finished)
    choosing.run(resolve.resolve(_config(tiny_faces)), OPTIONS, finished)
    assert _facts(finished) == before and not trained
    with pytest.raises(InterruptedError):
        choosing.run(
            resolve.resolve(_config(tiny_faces)), dataclasses.replace(OPTIONS, draws=2), finished
        )
    assert trained == [(1, 10)]
    changed = _config(tiny_faces)
    changed.alignment.learning_rate = 1e-4
    with pytest.raises(InterruptedError):
        choosing.run(resolve.resolve(changed), OPTIONS, finished)
    assert trained[1:] == [(0, 10)]


def test_a_training_repeats_itself_whatever_was_trained_before(finished, tiny_faces):
    shared = resolve.resolve(_config(tiny_faces))
    pretrained = choosing.stages.ensure_pretraining(shared, finished)[1]
    faces = choosing_run.split_pool(shared.faces.split("train"), 4)
    fact = _facts(finished)["typiclust"]
    place = {key: i for i, key in enumerate(faces.pool.keys)}
    labeled = choosing_run.sources.SubsetSource(
        faces.pool, sorted(place[key] for key in fact["chosen"])
    )
    made = trainer.Trainer(shared, pretrained)
    errors = made.errors(made.train(labeled, 0), faces.tests["held out"])
    assert np.mean(errors) == pytest.approx(fact["errors"]["held out"]["NME"], rel=1e-5)


@pytest.mark.parametrize(("held_out", "budgets"), [(10_000, (10,)), (4, (10_000,))])
def test_what_does_not_fit_the_faces_is_refused(held_out, budgets, finished, tiny_faces):
    options = dataclasses.replace(OPTIONS, held_out=held_out, budgets=budgets)
    with pytest.raises(ValueError, match="10000"):
        choosing.run(resolve.resolve(_config(tiny_faces)), options, finished)
