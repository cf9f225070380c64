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
    default_config.shrink_for_experiments(config, pretraining_steps=1600, steps=900)
    config.data.name = "synthetic_faces"
    config.evaluation.splits = ("test",)
    config.evaluation.full = ""
    if form == "smoke":
        default_config.shrink(config)
        config.data.name = "synthetic_faces/tiny"
    elif form:
        raise ValueError(f"configs/demo.py has the form smoke, not '{form}'")
    return config
