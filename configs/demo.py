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
    config.loader.num_threads = 1
    config.evaluation.splits = ("test",)
    config.evaluation.full = ""
    config.evaluation.decoder = "subpixel"
    _short_pretraining(config.pretraining)
    alignment = config.alignment
    alignment.heatmap_size = 32
    alignment.blur_size = 3
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


def _short_pretraining(section: ConfigDict) -> None:
    """Sets stage 1 to what rebuilds faces best in minutes; published: a million steps."""
    section.steps = 700
    section.batch_size = 16
    section.learning_rate = 1e-3
    section.beta1 = 0.9
    section.schedule = "cosine"
    section.warmup = 50
    # Absolute differences first; the embeddings are drawn to N(0, I) once they tell faces apart.
    section.embedding_start = 500
    section.image_start = -1
    section.structural_start = -1
    section.augmentation.rotation_degrees = 10.0
    section.save_every = 250
