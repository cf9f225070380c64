r"""A network that learned the landmarks of drawn faces, to start trainings with few labels from.

python -m data_builders.prepare synthetic_faces
python -m scaf_jax.main --config=configs/synthetic.py
python -m scaf_jax.main --config=configs/own_landmarks.py:drawn

Drawn faces have exact landmarks and cost nothing. A network that learned them needs fewer labels of
photos (docs/stage2.md has what it was worth); for other landmarks its last layer begins anew. It
begins with the stage 1 that comes along, whose generator trains as well here. Most of its worth is
there after a third of the steps, --config.alignment.steps=1200.
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
        config_forms.use_cpu(config, steps=3600)
        config_forms.train_whole(config.alignment)
    else:
        raise ValueError(f"configs/synthetic.py has the form smoke, not '{form}'")
    return config
