"""Active learning on WFLW: from 10 labels to a budget, choosing the faces worth annotating.

python -m scaf_jax.main --config=configs/active_wflw.py --workdir=runs/active_wflw

The strategy, the budget and the rest of `config.active_learning` can be given as flags, such as
--config.active_learning.strategy=entropy_10 --config.active_learning.budget=375. The paper's
budgets are 50, 100, 200, 375 (5 %) and 750 (10 %); the faces that a round adds follow from them.

Forms, after a colon:
  (none)  the paper's setting, for TPU or GPU.
  cpu     rounds of minutes on two CPU cores: 128 px, half as wide, from the stage 1
          that comes along.
  drawn   the same from the network of drawn faces that configs/synthetic.py trains: best for few
          labels.
  smoke   a few steps of everything, to see that it runs.
"""

import ml_collections

from scaf_jax import config_forms, default_config

ConfigDict = ml_collections.ConfigDict


def get_config(form: str = "") -> ConfigDict:
    """Returns the config of a form: '', 'cpu', 'drawn' or 'smoke'."""
    config = default_config.get_config()
    default_config.choose_wflw(config)
    # The paper compares strategies on the whole test set.
    config.evaluation.splits = ("test",)
    config.evaluation.full = ""
    config.active_learning.strategy = "nnm_10"
    if form == "cpu":
        config_forms.use_cpu(config, steps=500)
    elif form == "drawn":
        config_forms.use_drawn_faces(config, steps=500)
    elif form == "smoke":
        default_config.shrink(config)
    elif form:
        raise ValueError(f"configs/active_wflw.py has the forms cpu, drawn and smoke, not '{form}'")
    return config
