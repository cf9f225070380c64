"""SCAF on WFLW: both stages and the evaluation on the whole test set and its six subsets.

Forms, after a colon (`--config=configs/wflw.py:cpu`):
  (none)  the paper's setting, for TPU or GPU: 256 px, heatmaps of 128 x 128.
  gpu     the same size, with short trainings for one accelerator.
  cpu     for two CPU cores: 128 px, half as wide, from the stage 1 that comes along.
  drawn   the same from the network of drawn faces that configs/synthetic.py trains: best for few
          labels, --config.alignment.num_labels=50.
  smoke   a few steps of everything, to see that it runs.
"""

import ml_collections

from scaf_jax import config_forms, default_config

ConfigDict = ml_collections.ConfigDict

SUBSETS = ("pose", "expression", "illumination", "makeup", "occlusion", "blur")


def get_config(form: str = "") -> ConfigDict:
    """Returns the config of a form: '', 'gpu', 'cpu', 'drawn' or 'smoke'."""
    config = default_config.get_config()
    default_config.choose_wflw(config)
    # The subsets overlap and `test` has all faces, so nothing is joined.
    config.evaluation.splits = ("test", *(f"test_{name}" for name in SUBSETS))
    config.evaluation.full = ""
    if form == "gpu":
        config_forms.use_accelerator(config, steps=2500)
    elif form == "cpu":
        config_forms.use_cpu(config, steps=1500)
    elif form == "drawn":
        config_forms.use_drawn_faces(config, steps=500)
    elif form == "smoke":
        default_config.shrink(config)
    elif form:
        raise ValueError(f"configs/wflw.py has the forms gpu, cpu, drawn and smoke, not '{form}'")
    return config
