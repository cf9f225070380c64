"""Rounds end to end on tiny synthetic faces: kept whole, stopped anywhere, and with a person."""

import json
import pathlib
import shutil

import jax
import numpy as np
import pytest

from scaf_jax import default_config
from scaf_jax.active_learning import (
    labels,
    learning_curve,
    pictures,
    round_report,
    rounds,
    selections,
)
from scaf_jax.annotation import faces, importing, skips, store
from scaf_jax.inference import bundle, fitted_file
from scaf_jax.landmarks import schemes
from scaf_jax.runs import alignment_stage, evaluation, identity, resolve
from scaf_jax.runs import faces as faces_of_runs
from scaf_jax.training import stopping
from scaf_jax.weights import exporting

BUDGET, INITIAL, PER_ROUND = 10, 8, 3  # two rounds, the last smaller than others would be


def _config(data_dir: str, pretrained: pathlib.Path | str = "", **active):
    config = default_config.get_config()
    default_config.shrink(config)
    config.alignment.steps = 2
    # The same program as in stages_test.py.
    config.pretraining.steps = 1
    config.pretraining.image_start = config.pretraining.structural_start = -1
    config.pretraining.run = str(pretrained)
    config.data.name = "synthetic_faces/tiny"
    config.data.data_dir = data_dir
    config.evaluation.splits = ("test",)
    config.evaluation.full = ""
    config.active_learning.strategy = "nnm_k_center"
    config.active_learning.budget = BUDGET
    config.active_learning.initial = INITIAL
    config.active_learning.per_round = PER_ROUND
    config.active_learning.update(active)
    return config


@pytest.fixture(scope="module")
def finished(tiny_faces, tmp_path_factory) -> pathlib.Path:
    workdir = tmp_path_factory.mktemp("rounds")
    rounds.run(resolve.resolve(_config(tiny_faces)), str(workdir))
    return workdir


def _choices(workdir: pathlib.Path) -> list[dict]:
    paths = sorted((workdir / "rounds").glob("round_*/selection.json"))
    return [json.loads(path.read_text()) for path in paths]


def test_rounds_add_new_faces_up_to_the_budget(finished, tiny_faces):
    choices = _choices(finished)
    assert [len(choice["selected"]) for choice in choices] == [INITIAL, BUDGET - INITIAL]
    keys = [face["key"] for choice in choices for face in choice["selected"]]
    assert len(set(keys)) == BUDGET
    assert set(keys) <= set(resolve.resolve(_config(tiny_faces)).faces.split("train").keys)
    assert [choice["strategy"] for choice in choices] == ["random", "nnm_k_center"]
    assert all(face["score"] is not None for face in choices[1]["selected"])


def test_every_round_is_reported(finished):
    metrics = json.loads((finished / "metrics.json").read_text())
    assert [row["labels"] for row in metrics["rounds"]] == [INITIAL, BUDGET]
    for number, row in enumerate(metrics["rounds"]):
        folder = selections.round_folder(finished, number)
        own = json.loads((folder / "report" / "metrics.json").read_text())
        assert own["training"]["labeled faces"] == row["labels"]
        assert row["nme"]["test"] > 0
        if number:
            for name in ("highest_scores.png", "heatmaps.png", "scores.png"):
                assert (folder / name).stat().st_size > 1000
    assert "| 1 | nnm_k_center | 10 |" in (finished / "report.md").read_text()


def test_run_again_it_trains_nothing(finished, tiny_faces, monkeypatch):
    before = (finished / "metrics.json").read_text()
    monkeypatch.setattr(alignment_stage, "run_alignment", None)
    rounds.run(resolve.resolve(_config(tiny_faces)), str(finished))
    assert (finished / "metrics.json").read_text() == before


@pytest.mark.parametrize(
    "change", [{"strategy": "nnm_10"}, {"per_round": 1}, {"seed": 1}], ids=lambda c: next(iter(c))
)
def test_other_settings_in_the_same_folder_are_refused(finished, tiny_faces, change):
    with pytest.raises(identity.RunMismatchError, match=r"selection\.json"):
        rounds.run(resolve.resolve(_config(tiny_faces, **change)), str(finished))


def test_rounds_of_another_stage_1_are_refused(finished, tiny_faces, tmp_path):
    same = _config(tiny_faces, finished / "pretraining")
    rounds.run(resolve.resolve(same), str(finished))  # the same stage 1, named
    file = tmp_path / "rounded.safetensors"
    exporting.export(finished / "pretraining", file)
    with pytest.raises(identity.RunMismatchError, match=r"round_1.*selection\.json"):
        rounds.run(resolve.resolve(_config(tiny_faces, file)), str(finished))


class _Killed(Exception):
    """The machine went away."""


class _StopAtOnce(stopping.StopSignal):
    """Behaves as if a signal came in the first step."""

    def __init__(self) -> None:
        super().__init__()
        self.received = "SIGTERM"


def _die(*_args, **_kwargs):
    raise _Killed


# Round 1 stops wherever round 0 does, and in two more places.
@pytest.mark.parametrize("number", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_stopped_in_every_phase_it_goes_on_to_the_same_choice(
    number, finished, tiny_faces, tmp_path, monkeypatch
):
    config = _config(tiny_faces, finished / "pretraining")
    if number:  # the first round is there already
        shutil.copytree(selections.round_folder(finished, 0), tmp_path / "rounds" / "round_0")
        shutil.rmtree(tmp_path / "rounds" / "round_0" / "scores")
    phases = [
        (selections, "write", _die, _Killed),
        (rounds.Rounds, "_evaluate", _die, _Killed),
        (stopping, "StopSignal", _StopAtOnce, stopping.Interrupted),  # in the training
        (evaluation, "evaluate", _die, _Killed),
    ]
    if number:
        phases.insert(0, (stopping, "StopSignal", _StopAtOnce, stopping.Interrupted))
        phases.insert(1, (pictures, "draw", _die, _Killed))
    for module, name, replacement, error in phases:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, replacement)
            with pytest.raises(error):
                rounds.run(resolve.resolve(config), str(tmp_path))
    rounds.run(resolve.resolve(config), str(tmp_path))
    mine, whole = _choices(tmp_path), _choices(finished)
    assert [c["selected"] for c in mine] == [c["selected"] for c in whole]
    errors = [json.loads((w / "metrics.json").read_text())["rounds"] for w in (tmp_path, finished)]
    assert errors[0] == errors[1]


def test_a_person_annotates_and_the_run_goes_on(finished, tiny_faces, tmp_path):
    config = _config(tiny_faces, finished / "pretraining", oracle="human", budget=10, per_round=2)
    train = resolve.resolve(config).faces.split("train")
    truth = {key: train[i]["landmarks"] for i, key in enumerate(train.keys)}
    left: list[str] = []
    for number in (0, 1):
        for _ in range(2):  # asking again changes nothing
            with pytest.raises(labels.AnnotationNeeded, match="import --workdir"):
                rounds.run(resolve.resolve(config), str(tmp_path))
        folder = selections.round_folder(tmp_path, number)
        if number == 0:  # two faces cannot be annotated; their pre-labels stay in the folder
            left += skips.add(folder, ["2", "3"])
        _annotate(folder, truth, seed=number)
        if number == 1:  # no time for the last face: the round is closed without it
            unmarked = faces.read_index(folder).faces[-1]
            (folder / "to_annotate" / "pts" / f"{unmarked.stem}.pts").unlink()
            skips.put_back(folder, [unmarked.key])
        report = importing.import_annotations(
            folder / "to_annotate" / "pts", folder, schemes.IBUG68
        )
        assert not report.rejected and not report.missing
        assert not set(report.accepted) & set(left)
    result = rounds.run(resolve.resolve(config), str(tmp_path))
    # Others were asked for in the skipped ones' place.
    assert [row["labels"] for row in result.metrics["rounds"]] == [6, 9]
    assert result.metrics["more_labels"][0].startswith("test: ")
    assert (tmp_path / round_report.CURVE_FILE).stat().st_size > 1000
    assert not {face["key"] for face in _choices(tmp_path)[1]["selected"]} & set(left)
    given = store.read_annotations(selections.round_folder(tmp_path, 1))
    assert len(given) == 3 and all(x.mask.sum() == 67 and not x.mask[7] for x in given.values())
    # A further round may ask for the face that was put back.
    chosen = [selections.read(selections.round_folder(tmp_path, n)) for n in (0, 1)]
    put_back = labels.left_out(tmp_path, chosen).put_back
    assert len(put_back) == 1 and not put_back & set(given)
    again = rounds.export_round(tmp_path, 1)
    assert again == selections.round_folder(tmp_path, 1) / "to_annotate"


def test_the_first_faces_are_there_before_stage_1_is_trained(
    tiny_faces, tmp_path, monkeypatch, caplog
):
    config = _config(tiny_faces, oracle="human")

    def stopped(run, workdir):
        raise stopping.Interrupted("in stage 1")

    monkeypatch.setattr(rounds.stages, "ensure_pretraining", stopped)
    with pytest.raises(stopping.Interrupted, match="in stage 1"), caplog.at_level("INFO"):
        rounds.run(resolve.resolve(config), str(tmp_path))
    assert "to_annotate: can be annotated while stage 1 is trained" in caplog.text
    folder = selections.round_folder(tmp_path, 0)
    asked = faces.read_index(folder).faces
    assert {face.key for face in asked} == set(selections.read(folder).keys)
    (folder / "to_annotate" / "README.md").unlink()
    rounds.export_round(tmp_path, 0)
    assert (folder / "to_annotate" / "README.md").is_file()


def test_photos_of_which_none_is_labeled(finished, tiny_faces, tmp_path, monkeypatch):
    """No prepared data set is there: photos, their boxes and a scheme are all that is given."""
    human = {"oracle": "human", "pool": "unlabeled", "strategy": "nnm_10"}
    config = _config(tiny_faces, finished / "pretraining", **human)
    train = resolve.resolve(config).faces.split("train")
    photos, truth, rows = tmp_path / "photos", {}, ["name,x0,y0,x1,y1", "none.jpg,,,,"]
    photos.mkdir()
    for i in range(len(train)):
        name = f"{i}.jpg"
        (photos / name).write_bytes(train[i]["image"])
        truth[name] = train[i]["landmarks"]
        rows.append(",".join([name, *(str(x) for x in train[i]["box_ground_truth"])]))
    (photos / "none.jpg").write_bytes(train[0]["image"])
    (photos / "boxes.csv").write_text("\n".join(rows))
    (tmp_path / "scheme.json").write_text('{"name": "ibug68"}')
    config.data.data_dir = str(tmp_path / "nothing")
    config.data.scheme = str(tmp_path / "scheme.json")
    config.evaluation.splits = ()
    config.pretraining.unlabeled_dir = str(photos)
    workdir, fitted = tmp_path / "run", []

    def fit(network, labeled, boxes, folder):
        fitted.append((len(labeled), folder.parent.name))
        (folder / fitted_file.NAME).write_text("{}")

    # Only where a detector is installed would there be a file; tests of fitting look at it.
    monkeypatch.setattr(rounds.detected_boxes, "with_fits", fit)
    said = ("chosen without a look at what", "those of an average face")
    for number in (0, 1):
        with pytest.raises(labels.AnnotationNeeded):
            rounds.run(resolve.resolve(config), str(workdir))
        folder = selections.round_folder(workdir, number)
        told = (folder / "to_annotate" / "README.md").read_text()
        assert all(text in told for text in said)
        said = ("network was least sure", "those of the network of round 0")
        _annotate(folder, truth, seed=number)
        importing.import_annotations(folder / "to_annotate" / "pts", folder, schemes.IBUG68)
    result = rounds.run(resolve.resolve(config), str(workdir))
    told = result.metrics["rounds"]
    assert [row["labels"] for row in told] == [INITIAL, BUDGET]
    assert [list(row["nme"]) for row in told] == [[learning_curve.NEW_FACES], []]
    assert 0 < told[0]["nme"][learning_curve.NEW_FACES] < 200
    # Once for each network, whatever was started again.
    assert fitted == [(INITIAL, "round_0"), (BUDGET, "round_1")]
    for path in workdir.rglob(fitted_file.NAME):
        path.unlink()
    assert "none.jpg" not in {x["key"] for c in _choices(workdir) for x in c["selected"]}
    last = bundle.Bundle.load(workdir)
    assert last.provenance["steps"] == 2
    again = bundle.Bundle.load(workdir / "rounds" / "round_1")
    jax.tree.map(np.testing.assert_array_equal, last.params, again.params)


def _annotate(folder: pathlib.Path, truth: dict[str, np.ndarray], *, seed: int) -> None:
    """Plays the person: true points, a little off and one left out, but no skipped face."""
    rng = np.random.default_rng(seed)
    left = skips.read(folder)
    for face in faces.read_index(folder).faces:
        if face.key in left:
            continue
        points = truth[face.key] + rng.normal(0, 0.5, (68, 2))
        points = np.clip(points, 0, [face.width - 1, face.height - 1]) + 1  # .pts count from 1
        lines = [f"{x:.3f} {y:.3f}" for x, y in points]
        if seed:
            lines[7] = "nan nan"
        text = "\n".join(["version: 1", "n_points: 68", "{", *lines, "}"])
        (folder / "to_annotate" / "pts" / f"{face.stem}.pts").write_text(text + "\n")


def test_the_budget_must_fit_the_pool(tiny_faces, tmp_path):
    with pytest.raises(ValueError, match="more than the pool"):
        rounds.run(resolve.resolve(_config(tiny_faces, budget=10_000)), str(tmp_path))


@pytest.mark.parametrize(("oracle", "pool"), [("dataset", "labeled"), ("human", "every")])
def test_faces_without_landmarks_are_not_bought_but_a_person_may_be_asked(
    monkeypatch, tiny_faces, oracle, pool
):
    monkeypatch.setattr(faces_of_runs.Faces, "split", lambda *_: "every")
    monkeypatch.setattr(faces_of_runs.Faces, "labeled", lambda *_: "labeled")
    run = resolve.resolve(_config(tiny_faces, oracle=oracle))
    assert rounds._pool(run, run.rounds) == pool
