"""SCAF on WFLW: both stages and the evaluation on the whole test set and its six subsets.

Forms, after a colon (`--config=configs/wflw.py:cpu`):
  (none)  the paper's setting, for TPU or GPU: 256 px, heatmaps of 128 x 128.
  cpu     both stages within minutes on two CPU cores: 64 px, a quarter as wide.
  smoke   a few steps of everything, to see that it runs.
"""

import ml_collections

from scaf_jax import default_config

ConfigDict = ml_collections.ConfigDict

SUBSETS = ("pose", "expression", "illumination", "makeup", "occlusion", "blur")


def get_config(form: str = "") -> ConfigDict:
    """Returns the config of a form: '', 'cpu' or 'smoke'."""
    config = default_config.get_config()
    default_config.choose_wflw(config)
    # The subsets overlap and `test` has all faces, so nothing is joined.
    config.evaluation.splits = ("test", *(f"test_{name}" for name in SUBSETS))
    config.evaluation.full = ""
    if form == "cpu":
        default_config.shrink_for_experiments(config, pretraining_steps=2000, steps=1500)
        # Two views of each face, as small networks gain from; the paper looks once.
        config.evaluation.flip = True
    elif form == "smoke":
        default_config.shrink(config)
    elif form:
        raise ValueError(f"configs/wflw.py has the forms cpu and smoke, not '{form}'")
    return config
