import jax
import pytest

from scaf_jax import default_config
from scaf_jax.aot import programs


@pytest.fixture
def config():
    smoke = default_config.get_config()
    default_config.shrink(smoke)
    return smoke


@pytest.mark.parametrize("stage", programs.STAGES)
def test_steps_have_the_config_s_shapes_without_data(config, stage):
    program = programs.build(config, stage, jax.devices()[:1])
    batch = program.arguments[-1]
    assert program.images == 8
    assert batch["image"].shape == (8, config.input_size, config.input_size, 3)
    outputs = jax.eval_shape(program.function, *program.arguments)
    if stage == programs.SCORING:
        assert outputs["landmarks"].shape == (8, 68, 2)
        return
    new_state, metrics = outputs
    same = jax.tree.map(lambda a, b: a.shape == b.shape, new_state, program.arguments[0])
    assert all(jax.tree.leaves(same)) and metrics["loss"].shape == ()
    if stage == programs.PRETRAINING:  # with all terms that ever start
        assert {"structural", "image_adversary", "embedding_adversary"} <= set(metrics)


def test_images_per_chip_replace_the_batch_size(config):
    assert programs.build(config, programs.SCORING, jax.devices()[:1], 3).images == 3


def test_a_batch_that_cannot_be_divided_names_field_and_flag(config):
    config.alignment.batch_size = 0
    with pytest.raises(ValueError, match=r"alignment\.batch_size.*--images_per_chip"):
        programs.build(config, programs.ALIGNMENT, jax.devices()[:1])
