r"""A landmark network of drawn faces, to start own trainings with few labels from.

python -m data_builders.prepare synthetic_faces
python -m scaf_jax.main --config=configs/synthetic.py
python -m scaf_jax.main --config=configs/own_landmarks.py:cpu \
    --config.pretraining.run=runs/synthetic/alignment

Drawn faces have exact landmarks and cost nothing. The encoder and the landmark path that learned
them are a better start than a stage 1 alone, for other landmarks as well.
"""

import ml_collections

from scaf_jax import config_forms, default_config

ConfigDict = ml_collections.ConfigDict


def get_config(form: str = "") -> ConfigDict:
    """Returns the config of a form: '' (for two CPU cores) or 'smoke'."""
    config = default_config.get_config()
    config.data.name = "synthetic_faces"
    config.evaluation.splits = ("test",)
    config.evaluation.full = ""
    if form == "smoke":
        default_config.shrink(config)
        config.data.name = "synthetic_faces/tiny"
    elif not form:
        config_forms.use_cpu(config, steps=1200)
    else:
        raise ValueError(f"configs/synthetic.py has the form smoke, not '{form}'")
    return config
