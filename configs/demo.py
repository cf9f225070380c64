"""The embedded default: both stages on synthetic faces, in minutes on two CPU cores.

python -m data_builders.prepare synthetic_faces/small
python -m scaf_jax.main --config=configs/demo.py --workdir=runs/demo
"""

import ml_collections

from scaf_jax import config_forms, default_config

ConfigDict = ml_collections.ConfigDict


def get_config(form: str = "") -> ConfigDict:
    """Returns the config of a form: '' or 'smoke'."""
    config = default_config.get_config()
    _shrink(config)
    config.data.name = "synthetic_faces/small"
    config.evaluation.splits = ("test",)
    config.evaluation.full = ""
    if form == "smoke":
        default_config.shrink(config)
        config.data.name = "synthetic_faces/tiny"
    elif form:
        raise ValueError(f"configs/demo.py has the form smoke, not '{form}'")
    return config


def _shrink(config: ConfigDict) -> None:
    """Sets a size at which two CPU cores train both stages in minutes."""
    config.input_size = 64
    config.width_multiplier = 0.25
    config.loader.num_threads = 1
    config_forms.shorten_pretraining(config.pretraining, steps=900)
    alignment = config.alignment
    alignment.heatmap_size = 32
    alignment.blur_size = 3
    config_forms.train_fast(alignment, steps=1000, batch_size=8, learning_rate=6e-3)
    alignment.save_every = 250
    config.evaluation.decoder = "subpixel"
    # Two views of each face, as small networks gain from; the paper looks once.
    config.evaluation.flip = True
