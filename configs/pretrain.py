"""Stage 1 alone: the adversarial autoencoder, on a folder of photos without labels.

    python -m scaf_jax.main --config=configs/pretrain.py --workdir=runs/pretrain \\
        --config.pretraining.unlabeled_dir=PHOTOS

Stage 2 then takes it: --config=configs/300w.py --config.pretraining.run=runs/pretrain/pretraining
"""

import ml_collections

from scaf_jax import default_config

ConfigDict = ml_collections.ConfigDict


def get_config(form: str = "") -> ConfigDict:
    """Returns the config of a form: '' (the paper's setting) or 'smoke'."""
    config = default_config.get_config()
    config.alignment.steps = 0
    config.pretraining.training_images = False
    if form == "smoke":
        default_config.shrink(config)
    elif form:
        raise ValueError(f"configs/pretrain.py has the form smoke, not '{form}'")
    return config
