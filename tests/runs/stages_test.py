import json
import pathlib
import types

import jax
import numpy as np
import pytest

from scaf_jax import default_config
from scaf_jax.data import prepared_sources
from scaf_jax.inference import bundle
from scaf_jax.runs import evaluation, faces, identity, resolve, stage_training, stages
from scaf_jax.training import (
    checkpointing,
    divergence,
    loop,
    pretraining_terms,
    profiling,
    sharding,
    stopping,
)
from scaf_jax.weights import exporting, files


def _config(data_dir: str):
    config = default_config.get_config()
    default_config.shrink(config)
    # One program for all steps, the same as in configs_test.py: it is compiled once.
    config.pretraining.image_start = config.pretraining.structural_start = -1
    # The device cuts the crops out; in configs_test.py the loader feeds it.
    config.loader.on_device = "always"
    config.data.name = "synthetic_faces/tiny"
    config.data.data_dir = data_dir
    config.evaluation.splits = ("test",)
    config.evaluation.full = ""
    return config


@pytest.fixture(scope="module")
def finished_run(tiny_faces, tmp_path_factory) -> pathlib.Path:
    workdir = tmp_path_factory.mktemp("run")
    run = resolve.resolve(_config(tiny_faces)).with_profile(["alignment:2-3"])
    stages.run(run, str(workdir))
    return workdir


def _arrays(folder: pathlib.Path, step: int) -> dict[str, np.ndarray]:
    with checkpointing.Checkpoints(folder, create=False) as checkpoints:
        saved = checkpoints._saved_arrays(step)
        read = checkpoints._read_arrays(
            step, {k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in saved.items()}
        )
    return {name: np.asarray(value) for name, value in read.items()}


def test_a_run_trains_both_stages_and_reports(finished_run):
    metrics = json.loads((finished_run / "report" / "metrics.json").read_text())
    predictors = metrics["splits"]["test"]["predictors"]
    assert set(predictors) == {"arg-max", "sub-pixel", "mean shape"}
    assert predictors["arg-max"]["outer_eye_corners"]["faces"] == 32
    rows = (finished_run / "report" / "per_face.csv").read_text().splitlines()
    assert len(rows) == 1 + 32
    pictures = ("ced.png", "loss.png", "faces_test.png", "heatmaps_test.png", "worst_test.png")
    for name in pictures:
        assert (finished_run / "report" / name).stat().st_size > 1000
    stage1 = json.loads((finished_run / "pretraining" / "report" / "metrics.json").read_text())
    for made in (metrics["training"], stage1["training"]):
        assert 0 <= made["share of the time waited for faces"] <= 1
        assert made["seconds to the first step"] > 0 and made["faces a second"] > 0
    assert set(stage1["sets"]) == {"training", "test"}


def test_the_chosen_steps_were_profiled(finished_run):
    (profile,) = finished_run.rglob("*.xplane.pb")
    assert profile.is_relative_to(finished_run / "alignment" / "profile")
    steps = [
        dict(event.stats)["step_num"]
        for plane in jax.profiler.ProfileData.from_file(str(profile)).planes
        for line in plane.lines
        for event in line.events
        if event.name == "train"
    ]
    assert steps == [2, 3]
    assert f"xprof --logdir={finished_run}/alignment/profile" in profiling.summary(finished_run)


def test_its_network_loaded_or_written_to_a_file_gives_the_same_report(
    finished_run, tiny_faces, tmp_path, monkeypatch
):
    monkeypatch.setattr(evaluation.evaluation_pictures, "draw", lambda *_: [])
    run = resolve.resolve(_config(tiny_faces))
    loaded = bundle.Bundle.load(finished_run)
    loaded.save(tmp_path / "network.safetensors")
    for name, network in (
        ("run", loaded),
        ("file", bundle.Bundle.load(tmp_path / "network.safetensors")),
    ):
        evaluation.evaluate(run, network, tmp_path / name, training=finished_run / "alignment")
        for table in ("per_face.csv", "metrics.json"):
            expected = (finished_run / "report" / table).read_text()
            assert (tmp_path / name / table).read_text() == expected


def test_run_again_it_trains_nothing_and_reports_the_same(finished_run, tiny_faces):
    before = (finished_run / "report" / "metrics.json").read_text()
    lines = (finished_run / "alignment" / "metrics.jsonl").read_text()
    stages.run(resolve.resolve(_config(tiny_faces)), str(finished_run))
    assert (finished_run / "report" / "metrics.json").read_text() == before
    assert (finished_run / "alignment" / "metrics.jsonl").read_text() == lines


def test_generator_stays_frozen_and_the_encoder_moves(finished_run):
    stage1 = _arrays(finished_run / "pretraining" / "checkpoints", 4)
    stage2 = _arrays(finished_run / "alignment" / "checkpoints", 4)
    generator = [name for name in stage2 if name.startswith("params/generator")]
    encoder = [name for name in stage2 if name.startswith("params/encoder")]
    assert generator and encoder
    assert all(np.array_equal(stage1[name], stage2[name]) for name in generator)
    assert any(not np.array_equal(stage1[name], stage2[name]) for name in encoder)
    statistics = [n for n in stage2 if n.startswith(("batch_stats/encoder", "batch_stats/generat"))]
    assert all(np.array_equal(stage1[name], stage2[name]) for name in statistics)


class _StopAtOnce(stopping.StopSignal):
    """Behaves as if a signal came in the first step."""

    def __init__(self) -> None:
        super().__init__()
        self.received = "SIGTERM"


@pytest.mark.parametrize("stage", ["pretraining", "alignment"])
def test_an_interrupted_stage_continues_bit_for_bit(
    stage, finished_run, tiny_faces, tmp_path, monkeypatch
):
    config = _config(tiny_faces)
    if stage == "alignment":
        config.pretraining.run = str(finished_run / "pretraining")
    else:
        config.alignment.steps = 0

    terms_at, numbers = pretraining_terms.terms_at, []

    def noted(number, settings):
        numbers.append(number)
        return terms_at(number, settings)

    monkeypatch.setattr(pretraining_terms, "terms_at", noted)
    with monkeypatch.context() as patch:
        patch.setattr(stopping, "StopSignal", _StopAtOnce)
        with pytest.raises(loop.Interrupted, match="after step 1 of 4"):
            stages.run(resolve.resolve(config), str(tmp_path))
    stages.run(resolve.resolve(config), str(tmp_path))
    # Terms start by the number of the step, so this must go on as well.
    assert numbers == ([0, 1, 2, 3] if stage == "pretraining" else [])
    whole = _arrays(finished_run / stage / "checkpoints", 4)
    continued = _arrays(tmp_path / stage / "checkpoints", 4)
    assert whole.keys() == continued.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(continued[name], value, err_msg=name)


def test_what_to_do_at_bad_losses_reaches_the_loop(finished_run, tiny_faces, tmp_path, monkeypatch):
    config = _config(tiny_faces)
    config.alignment.on_nonfinite, config.alignment.roll_back_steps = "roll_back", 3
    given = []

    def train(*_, settings, **__):
        given.append(settings.on_nonfinite)
        raise loop.Interrupted("seen")

    monkeypatch.setattr(loop, "train", train)
    config.pretraining.run = str(finished_run / "pretraining")
    with pytest.raises(loop.Interrupted, match="seen"):
        stages.run(resolve.resolve(config), str(tmp_path))
    assert given == [divergence.Response("roll_back", 3)]


def test_other_settings_in_the_same_folder_are_refused(finished_run, tiny_faces):
    config = _config(tiny_faces)
    config.alignment.num_labels = 10
    with pytest.raises(identity.RunMismatchError, match=r"num_labels was 0, is 10"):
        stages.run(resolve.resolve(config), str(finished_run))


def test_stage_1_of_another_size_is_refused(finished_run, tiny_faces, tmp_path):
    config = _config(tiny_faces)
    config.width_multiplier = 1 / 8
    config.pretraining.run = str(finished_run / "pretraining")
    with pytest.raises(identity.RunMismatchError, match="is 0.0625 there and 0.125"):
        stages.run(resolve.resolve(config), str(tmp_path))


@pytest.fixture(scope="module")
def weights_file(finished_run, tmp_path_factory) -> pathlib.Path:
    """The finished run's stage 1 as a weights file."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    provenance = exporting.Provenance("drawn faces", "CC0", "nobody")
    exporting.export(finished_run / "pretraining", path, provenance=provenance)
    return path


def test_a_run_starts_from_a_weights_file_and_tells_so(weights_file, tiny_faces, tmp_path):
    config = _config(tiny_faces)
    config.pretraining.run = str(weights_file)
    config.alignment.steps = 1
    report = stages.run(resolve.resolve(config), str(tmp_path))
    assert not (tmp_path / "pretraining").exists()
    begun = _arrays(tmp_path / "alignment" / "checkpoints", 1)
    given = files.read(weights_file).arrays
    frozen = [n for n in given if not n.startswith("params/encoder")]
    assert all(np.array_equal(begun[name], given[name]) for name in frozen)
    text = f"{weights_file} (64 px, width 0.0625, drawn faces, CC0, 4 steps)"
    assert report.metrics["training"]["stage 1"] == text
    assert text.split("/")[-1] in report.path.read_text()
    metadata = checkpointing.read_metadata(tmp_path / "alignment" / "checkpoints")
    assert metadata["stage1"] == {
        "description": text,
        "identity": {"weights": files.digest(weights_file)},
    }


def test_a_run_that_goes_on_tells_what_it_began_with(
    finished_run, weights_file, tiny_faces, tmp_path, monkeypatch
):
    config = _config(tiny_faces)
    config.pretraining.run = str(weights_file)
    with monkeypatch.context() as patch:
        patch.setattr(stopping, "StopSignal", _StopAtOnce)
        with pytest.raises(loop.Interrupted):
            stages.run(resolve.resolve(config), str(tmp_path))
    config.pretraining.run = str(finished_run / "pretraining")  # which binds no run
    stages.run(resolve.resolve(config), str(tmp_path))
    for step in (2, 4):
        metadata = checkpointing.read_metadata(tmp_path / "alignment" / "checkpoints", step)
        assert metadata["stage1"]["identity"] == {"weights": files.digest(weights_file)}


def test_a_stage_1_that_is_missing_or_does_not_fit_is_told_before_data_are(weights_file, tmp_path):
    config = _config(str(tmp_path / "nothing"))
    config.pretraining.run = "nowhere"
    with pytest.raises(FileNotFoundError, match="neither a folder nor a file 'nowhere'"):
        stages.run(resolve.resolve(config), str(tmp_path / "run"))
    config.pretraining.run, config.input_size = str(weights_file), 128
    with pytest.raises(identity.RunMismatchError, match="tiny.* is 64 there and 128 here"):
        stages.run(resolve.resolve(config), str(tmp_path / "run"))
    config.pretraining.run = "builtin"
    with pytest.raises(identity.RunMismatchError, match="builtin .* 0.5 there and 0.0625 here"):
        stages.run(resolve.resolve(config), str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_missing_data_is_told_with_the_command_before_any_training(tmp_path):
    config = _config(str(tmp_path / "nothing"))
    command = "python -m data_builders.prepare synthetic_faces .*--builder_config=tiny"
    with pytest.raises(prepared_sources.DataNotPreparedError, match=command):
        stages.run(resolve.resolve(config), str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


class _Without:
    """Test faces of which none shows some of 68 landmarks."""

    keys = ["a.jpg", "b.jpg"]

    def __init__(self, unknown):
        self._mask = np.ones(68, bool)
        self._mask[unknown] = False

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {
            "landmarks": np.zeros((68, 2), np.float32),
            "landmark_mask": self._mask,
            "box_ground_truth": np.array([1, 2, 31, 42], np.float32),
            "key": self.keys[index],
        }


@pytest.fixture
def no_training(monkeypatch):
    def fail(*_):
        raise AssertionError("a training was begun")

    monkeypatch.setattr(stages, "ensure_pretraining", fail)


def test_what_no_test_face_has_stops_a_run_before_any_training(
    tiny_faces, tmp_path, monkeypatch, no_training
):
    config = _config(tiny_faces)
    monkeypatch.setattr(faces.Faces, "tests", lambda _: {"mine": _Without([36])})
    message = "^evaluation.normalizer, test set 'mine': not one of the 2 faces has .*36 and 45"
    with pytest.raises(ValueError, match=message):
        stages.run(resolve.resolve(config), str(tmp_path))
    config.evaluation.normalizer = "box_size"  # which every face has
    with pytest.raises(AssertionError, match="a training was begun"):
        stages.run(resolve.resolve(config), str(tmp_path))
    monkeypatch.setattr(faces.Faces, "tests", lambda _: {"mine": _Without(range(68))})
    with pytest.raises(ValueError, match=r"^evaluation\.splits: test set 'mine' has no face with"):
        stages.run(resolve.resolve(config), str(tmp_path))


def test_test_faces_with_other_landmarks_stop_a_run_before_any_training(
    tiny_faces, tmp_path, monkeypatch, no_training
):
    config = _config(tiny_faces)
    config.data.scheme = "wflw98"
    monkeypatch.setattr(stages.alignment_stage, "labeled_faces", lambda _: None)
    with pytest.raises(ValueError, match=r"^data\.scheme: 'wflw98' has 98 .* 'test' have 68"):
        stages.run(resolve.resolve(config), str(tmp_path))


@pytest.mark.parametrize("stage", ["pretraining", "alignment"])
def test_batches_that_devices_cannot_share_stop_a_run_before_any_training(
    stage, finished_run, tiny_faces, tmp_path, monkeypatch, no_training
):
    config = _config(tiny_faces)
    config[stage].batch_size = 6
    mesh = types.SimpleNamespace(size=4, shape={"data": 4, "fsdp": 1}, devices=np.empty(0))
    monkeypatch.setattr(resolve.sharding, "make_mesh", lambda *_: mesh)
    with pytest.raises(ValueError, match=rf"^{stage}\.batch_size: a batch of 6 .* 4 or 8"):
        stages.run(resolve.resolve(config), str(tmp_path))
    # With a stage 1 that is there, its batches are nothing to this run.
    config.pretraining.run = str(finished_run / "pretraining")
    error = ValueError if stage == "alignment" else AssertionError
    with pytest.raises(error):
        stages.run(resolve.resolve(config), str(tmp_path))


@pytest.mark.parametrize(
    ("theirs", "told"),
    [(("a", "b", "c"), "number of faces is 2 in process 0 and 3 in"), ("ac", r"keys is .* and ")],
)
def test_processes_with_other_faces_are_told(theirs, told, monkeypatch):
    texts = []

    def gather(text):
        texts.append(text)
        return texts

    monkeypatch.setattr(sharding, "gather_text", gather)
    stage_training.check_faces(("a", "b"))  # process 0 by itself
    with pytest.raises(
        ValueError, match=f"^the processes of this run differ in their data: .*{told}"
    ):
        stage_training.check_faces(theirs)


@pytest.mark.parametrize(
    ("changes", "told"),
    [({}, True), ({"input_size": 128, "width_multiplier": 0.5, "pretraining.steps": 8000}, False)],
)
def test_published_lengths_are_told_to_be_too_long_for_a_cpu(caplog, changes, told):
    config = default_config.get_config()
    config.update_from_flattened_dict({"alignment.steps": 1000, **changes})
    assert stage_training.tell_if_slow(resolve.resolve(config)) == told
    assert ("1000000 steps of pretraining and 1000" in caplog.text) == told


def test_3fabrec_and_few_labels_are_the_same_path(finished_run, tiny_faces, tmp_path):
    config = _config(tiny_faces)
    config.pretraining.run = str(finished_run / "pretraining")
    config.alignment.skips = False
    config.alignment.num_labels = 5
    config.alignment.label_subset = "random"
    config.alignment.steps = 1
    report = stages.run(resolve.resolve(config), str(tmp_path))
    assert report.metrics["training"]["labeled faces"] == 5
    names = _arrays(tmp_path / "alignment" / "checkpoints", 1)
    assert not any("bottleneck" in name for name in names)
