"""SCAF on your own photos with your own landmarks; see data_builders/landmarks_folder/README.md.

    python -m data_builders.prepare landmarks_folder --manual_dir=PHOTOS
    python -m scaf_jax.main --config=configs/own_landmarks.py --workdir=runs/own

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
    data = config.data
    # With --builder_config=NAME: landmarks_folder/NAME.
    data.name = "landmarks_folder"
    data.scheme = ""  # the data set's own
    # Parts of the box's height. For boxes drawn around a few inner points (eyes, nose, mouth),
    # from which forehead, cheeks and chin stick out. Where the files have boxes of whole faces:
    # 0.1 each. Outlines are in the points, foreheads are not: 0.2 at the top, 0.1 elsewhere.
    data.margin_top = 0.6
    data.margin_bottom = 0.4
    data.margin_left = 0.3
    data.margin_right = 0.3
    config.evaluation.splits = ("test*", "val*")  # all that is held out, each by itself
    config.evaluation.full = ""
    if form == "gpu":
        config_forms.use_accelerator(config, steps=1500)
    elif form == "cpu":
        config_forms.use_cpu(config, steps=1000)
    elif form == "drawn":
        config_forms.use_drawn_faces(config, steps=500)
    elif form == "smoke":
        default_config.shrink(config)
    elif form:
        raise ValueError(
            f"configs/own_landmarks.py has the forms gpu, cpu, drawn and smoke, not '{form}'"
        )
    return config
