"""SCAF on 300-W: both stages and the evaluation on common, challenging and full.

Forms, after a colon (`--config=configs/300w.py:cpu`):
  (none)  the paper's setting, for TPU or GPU: 256 px, heatmaps of 128 x 128.
  gpu     the same size, with short trainings for one accelerator.
  cpu     for two CPU cores: 128 px, half as wide, from the stage 1 that comes along.
  cpu_few the same with the first 50 labels, in minutes.
  drawn   cpu_few, but from the network of drawn faces that configs/synthetic.py trains.
  smoke   a few steps of everything, to see that it runs.
"""

import ml_collections

from scaf_jax import config_forms, default_config

ConfigDict = ml_collections.ConfigDict


def get_config(form: str = "") -> ConfigDict:
    """Returns the config of a form: '', 'gpu', 'cpu', 'cpu_few', 'drawn' or 'smoke'."""
    config = default_config.get_config()
    if form == "gpu":
        config_forms.use_accelerator(config, steps=2500)
    elif form == "cpu":
        config_forms.use_cpu(config, steps=1500)
    elif form == "cpu_few":
        config_forms.use_cpu(config, steps=1000)
        config.alignment.num_labels = 50
    elif form == "drawn":
        config_forms.use_drawn_faces(config, steps=500)
        config.alignment.num_labels = 50
    elif form == "smoke":
        default_config.shrink(config)
    elif form:
        raise ValueError(
            f"configs/300w.py has the forms gpu, cpu, cpu_few, drawn and smoke, not '{form}'"
        )
    return config
