"""The embedded default: both stages on synthetic faces, in minutes on two CPU cores.

python -m data_builders.prepare synthetic_faces
python -m scaf_jax.main --config=configs/demo.py --workdir=runs/demo
"""

import ml_collections

from scaf_jax import default_config

ConfigDict = ml_collections.ConfigDict


def get_config(form: str = "") -> ConfigDict:
    """Returns the config of a form: '' or 'smoke'."""
    config = default_config.get_config()
    config.input_size = 64
    config.width_multiplier = 0.5
    config.data.name = "synthetic_faces"
    config.loader.num_threads = 2
    config.evaluation.splits = ("test",)
    config.evaluation.full = ""
    config.evaluation.decoder = "subpixel"
    pretraining = config.pretraining
    pretraining.steps = 1000
    pretraining.batch_size = 16
    # The published rate is for a million steps.
    pretraining.learning_rate = 1e-3
    pretraining.beta1 = 0.5
    pretraining.schedule = "cosine"
    pretraining.warmup = 50
    pretraining.image_start = -1
    pretraining.structural_start = 0
    pretraining.save_every = 250
    alignment = config.alignment
    alignment.heatmap_size = 64
    alignment.blur_size = 5
    alignment.steps = 1000
    alignment.batch_size = 16
    alignment.encoder_learning_rate = 5e-4
    alignment.schedule = "cosine"
    alignment.warmup = 50
    alignment.save_every = 250
    if form == "smoke":
        default_config.shrink(config)
        config.data.name = "synthetic_faces/tiny"
    elif form:
        raise ValueError(f"configs/demo.py has the form smoke, not '{form}'")
    return config
