"""Choices that need no network: drawn, kept on disk, and with faces that a person left out."""

import pytest

from scaf_jax import default_config
from scaf_jax.active_learning import choices, labels
from scaf_jax.data import sources
from scaf_jax.runs import identity, resolve

KEYS = [f"face_{i}" for i in range(12)]


class _Pool(sources.SubsetSource):
    """Faces of which only the names are asked for."""

    def __init__(self) -> None:
        pass

    @property
    def keys(self) -> list[str]:
        return KEYS


@pytest.fixture
def chooser(tiny_faces, tmp_path):
    def build(**active):
        config = default_config.get_config()
        default_config.shrink(config)
        config.data.name, config.data.data_dir = "synthetic_faces/tiny", tiny_faces
        config.evaluation.splits, config.evaluation.full = ("test",), ""
        config.active_learning.strategy = "random"
        config.active_learning.budget = 9
        config.active_learning.initial = config.active_learning.per_round = 3
        config.active_learning.update(active)
        return choices.Chooser(resolve.resolve(config), tmp_path, _Pool(), None, _no_network)

    return build


def _no_network(number: int):
    raise AssertionError(f"round {number} needs no network")


def test_no_face_is_chosen_twice_and_the_choice_on_disk_is_kept(chooser):
    chosen = []
    for _ in range(3):
        chosen.append(chooser().choose(chosen))
    assert len({key for choice in chosen for key in choice.keys}) == 9
    assert chooser().choose(chosen[:1]) == chosen[1]


def test_a_choice_of_another_seed_is_refused(chooser):
    first = chooser().choose([])
    with pytest.raises(identity.RunMismatchError, match=r"selection\.json"):
        chooser(seed=1).choose([])
    assert len(first.keys) == 3


def test_skipped_faces_are_replaced_and_faces_put_back_may_come_again(chooser, monkeypatch):
    human = {"oracle": "human", "budget": 12, "per_round": 9}
    first = chooser(**human).choose([])
    skipped, put_back, annotated = first.keys
    left = labels.LeftOut(frozenset({skipped}), frozenset({put_back}))
    monkeypatch.setattr(labels, "left_out", lambda _, chosen: left)
    monkeypatch.setattr(choices.Chooser, "_scores", lambda *_: None)  # a person's points to begin
    second = chooser(**human).choose([first])
    assert set(second.keys) == set(KEYS) - {skipped, annotated}


def test_strategies_of_stage_1_say_that_there_is_none(chooser):
    first = chooser(strategy="typiclust").choose([])
    with pytest.raises(ValueError, match="this run has none"):
        chooser(strategy="typiclust").choose([first])
