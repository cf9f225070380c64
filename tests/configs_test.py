"""Every shipped config: it builds at its full size, and its smoke form trains."""

import importlib.util
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import pytest

from scaf_jax import default_config
from scaf_jax.runs import resolve, stage1, stages
from scaf_jax.runs.run import Run
from scaf_jax.weights import header

CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs"
FORMS = {
    "300w": ("", "gpu", "cpu", "cpu_few", "drawn", "smoke"),
    "active_300w": ("", "cpu", "drawn", "smoke"),
    "active_own_landmarks": ("", "gpu", "cpu", "drawn", "smoke"),
    "active_wflw": ("", "cpu", "drawn", "smoke"),
    "demo": ("", "smoke"),
    "own_landmarks": ("", "gpu", "cpu", "drawn", "smoke"),
    "pretrain": ("", "smoke"),
    "synthetic": ("", "smoke"),
    "wflw": ("", "gpu", "cpu", "drawn", "smoke"),
}


def load(name: str, form: str = "") -> ml_collections.ConfigDict:
    spec = importlib.util.spec_from_file_location("config_under_test", CONFIGS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(form)


def _resolved(name: str, form: str, changes: dict[str, Any] | None = None) -> Run:
    config = load(name, form)
    config.data.scheme = config.data.scheme or "ibug68"  # empty: as a prepared data set says
    config.update_from_flattened_dict(changes or {})
    return resolve.resolve(config)


def test_every_shipped_config_is_tested():
    assert {path.stem for path in CONFIGS.glob("*.py")} == set(FORMS)


@pytest.mark.parametrize("name,form", [(n, f) for n, forms in FORMS.items() for f in forms])
def test_config_builds(name, form):
    run = _resolved(name, form, {"pretraining.run": ""})
    if run.alignment is None:
        return
    assert run.pretraining is not None
    first, second = (stage.abstract for stage in run.stages)
    for part in ("encoder", "generator"):  # stage 2 takes them from stage 1 as they are
        assert jax.tree.map(lambda x: x.shape, first.params[part]) == jax.tree.map(
            lambda x: x.shape, second.params[part]
        )


@pytest.mark.parametrize("name", FORMS)
def test_unknown_form_is_an_error_that_lists_the_forms(name):
    with pytest.raises(ValueError, match="smoke"):
        load(name, "huge")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        *((n, f) for n, forms in FORMS.items() for f in forms if f.startswith("cpu")),
        ("synthetic", ""),
    ],
)
def test_cpu_forms_start_from_the_stage_1_that_comes_along(name, form):
    found = stage1.given(_resolved(name, form))  # raises if it does not fit
    assert found is not None and found.name == "builtin"


def test_drawn_forms_train_all_of_what_the_drawn_faces_config_leaves():
    theirs = _resolved("synthetic", "").alignment
    for name in (name for name, forms in FORMS.items() if "drawn" in forms):
        run = _resolved(name, "drawn")
        assert run.stage1 == "runs/synthetic/alignment" and run.model["width_multiplier"] == 0.5
        ours = run.alignment
        shapes = (x.architecture for x in (theirs, ours))
        assert len({(x.heatmap_size, x.skips, x.skip_gain, x.input_size) for x in shapes}) == 1
        assert ours.settings.generator_learning_rate == ours.settings.learning_rate == 3e-3
        assert ours.settings.train_backbone_norm


@pytest.mark.parametrize("name", [name for name, forms in FORMS.items() if "gpu" in forms])
def test_gpu_forms_are_of_full_size_and_train_both_stages(name):
    config, published = load(name, "gpu"), load(name)
    for field in ("input_size", "width_multiplier"):
        assert config[field] == published[field]
    assert config.alignment.heatmap_size == published.alignment.heatmap_size
    assert config.compute_dtype == "bfloat16"
    run = _resolved(name, "gpu")
    assert stage1.given(run) is None and run.pretraining.stage.steps == 20_000


def test_published_values_are_the_default():
    config = default_config.get_config()
    assert (config.input_size, config.alignment.heatmap_size, config.alignment.sigma) == (
        256,
        128,
        7.0,
    )
    assert (config.pretraining.learning_rate, config.pretraining.beta1) == (2e-5, 0.0)
    assert (config.alignment.learning_rate, config.alignment.encoder_learning_rate) == (1e-3, 2e-5)
    assert config.alignment.generator_learning_rate == 0
    assert (config.pretraining.batch_size, config.alignment.batch_size) == (50, 40)
    assert (config.evaluation.decoder, config.evaluation.flip) == ("argmax", False)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Callable[[ml_collections.ConfigDict], pathlib.Path]:
    """Does a run and gives its folder; what configs have in common is done once.

    Most of a smoke form's time goes into compiling, and many forms differ only in what other tests
    look at: two with the same settings of a stage, and the same data, are one training.
    """
    done: dict[str, pathlib.Path] = {}

    def stage1_of(config: ml_collections.ConfigDict) -> str:
        sizes = [config[name] for name in header.MODEL_FIELDS]
        return f"{sizes} {config.pretraining}"

    def do(config: ml_collections.ConfigDict) -> pathlib.Path:
        config = ml_collections.ConfigDict(config)
        # `stages.run` trains on the labels that there are.
        config.active_learning = default_config.get_config().active_learning
        stage1, whole = stage1_of(config), str(config)
        if whole not in done:
            folder = tmp_path_factory.mktemp("run")
            if config.alignment.steps and stage1 in done:
                config.pretraining.run = str(done[stage1] / "pretraining")
            assert stages.run(resolve.resolve(config), str(folder)).path.is_file()
            done.setdefault(stage1, folder)
            done[whole] = folder
        return done[whole]

    return do


# The others share their code; `make demo` and `make test-all` run them.
_QUICK = ("300w", "own_landmarks", "pretrain")


@pytest.mark.parametrize(
    "name", [n if n in _QUICK else pytest.param(n, marks=pytest.mark.slow) for n in FORMS]
)
def test_smoke_form_trains_a_step(name, run, tiny_faces, tmp_path):
    config = load(name, "smoke")
    config.data.name, config.data.data_dir = "synthetic_faces/tiny", tiny_faces
    config.data.scheme = config.data.scheme or "ibug68"
    if config.data.scheme == "wflw98":
        config.data.landmarks_feature = "landmarks_98"
    config.evaluation.splits, config.evaluation.full = ("test",), ""
    config.pretraining.training_images = name != "pretrain"
    if name == "pretrain":  # its photos are a plain folder
        photos = tmp_path / "photos"
        photos.mkdir()
        source = resolve.resolve(config).faces.split("test")
        for i in range(3):
            (photos / f"{i}.jpg").write_bytes(source[i]["image"])
        config.pretraining.unlabeled_dir = str(photos)
    for section in (config.pretraining, config.alignment):
        section.steps = min(section.steps, 1)
    last = "alignment" if config.alignment.steps else "pretraining"
    assert (run(config) / last / "checkpoints" / "1").is_dir()
