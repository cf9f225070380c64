"""Every shipped config: it builds at its full size, and its smoke form trains."""

import importlib.util
import pathlib

import jax
import ml_collections
import pytest
from flax import nnx

from scaf_jax import default_config, settings, stages
from scaf_jax.training import alignment, pretraining, state

CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs"
FORMS = {
    "300w": ("", "cpu", "cpu_few", "smoke"),
    "active_300w": ("", "cpu", "smoke"),
    "active_wflw": ("", "cpu", "smoke"),
    "demo": ("", "smoke"),
    "own_landmarks": ("", "cpu", "smoke"),
    "pretrain": ("", "smoke"),
    "wflw": ("", "cpu", "smoke"),
}


def load(name: str, form: str = "") -> ml_collections.ConfigDict:
    spec = importlib.util.spec_from_file_location("config_under_test", CONFIGS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(form)


def test_every_shipped_config_is_tested():
    assert {path.stem for path in CONFIGS.glob("*.py")} == set(FORMS)


@pytest.mark.parametrize("name,form", [(n, f) for n, forms in FORMS.items() for f in forms])
def test_config_builds(name, form):
    config = load(name, form)
    config.data.scheme = config.data.scheme or "ibug68"  # empty: as a prepared data set says
    config = settings.checked(config)
    stage1 = settings.pretraining_settings(config)

    def both_states() -> tuple[state.TrainState, state.TrainState]:
        model = pretraining.PretrainingModel(
            input_size=config.input_size,
            width_multiplier=config.width_multiplier,
            rngs=nnx.Rngs(0),
        )
        _, first = pretraining.init_state(model, pretraining.build_optimizers(stage1))
        aligner = stages.build_aligner(config)
        _, second = alignment.init_state(aligner, settings.alignment_settings(config))
        return first, second

    first, second = jax.eval_shape(both_states)
    for part in ("encoder", "generator"):  # stage 2 takes them from stage 1 as they are
        assert jax.tree.map(lambda x: x.shape, first.params[part]) == jax.tree.map(
            lambda x: x.shape, second.params[part]
        )


@pytest.mark.parametrize("name", FORMS)
def test_unknown_form_is_an_error_that_lists_the_forms(name):
    with pytest.raises(ValueError, match="smoke"):
        load(name, "huge")


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


@pytest.mark.parametrize("name", FORMS)
def test_smoke_form_trains_a_step(name, tiny_faces, tmp_path):
    config = load(name, "smoke")
    config.data.name, config.data.data_dir = "synthetic_faces/tiny", tiny_faces
    config.data.scheme = config.data.scheme or "ibug68"
    if config.data.scheme == "wflw98":
        config.data.landmarks_feature = "landmarks_98"
    config.evaluation.splits, config.evaluation.full = ("test",), ""
    if name == "pretrain":  # its photos are a plain folder
        photos = tmp_path / "photos"
        photos.mkdir()
        source = settings.split_source(config, "test")
        for i in range(3):
            (photos / f"{i}.jpg").write_bytes(source[i]["image"])
        config.pretraining.unlabeled_dir = str(photos)
    for section in (config.pretraining, config.alignment):
        section.steps = min(section.steps, 1)
    report = stages.run(config, str(tmp_path / "run"))
    assert report.path.is_file()
    for stage in ("pretraining", "alignment"):
        trained = bool(config[stage].steps)
        assert (tmp_path / "run" / stage / "checkpoints" / "1").is_dir() == trained
