"""SCAF on 300-W: both stages and the evaluation on common, challenging and full.

Forms, after a colon (`--config=configs/300w.py:cpu`):
  (none)  the paper's setting, for TPU or GPU: 256 px, heatmaps of 128 x 128.
  cpu     both stages within the hour on two CPU cores: 128 px, half as wide.
  cpu_few the same with the first 50 labels, in minutes; name a finished stage 1 of the cpu form
          with --config.pretraining.run.
  smoke   a few steps of everything, to see that it runs.
"""

import ml_collections

from scaf_jax import default_config

ConfigDict = ml_collections.ConfigDict


def get_config(form: str = "") -> ConfigDict:
    """Returns the config of a form: '', 'cpu', 'cpu_few' or 'smoke'."""
    config = default_config.get_config()
    if form == "cpu":
        _cpu(config)
    elif form == "cpu_few":
        _cpu(config)
        _few_labels(config.alignment)
    elif form == "smoke":
        default_config.shrink(config)
    elif form:
        raise ValueError(f"configs/300w.py has the forms cpu, cpu_few and smoke, not '{form}'")
    return config


def _few_labels(alignment: ConfigDict) -> None:
    alignment.num_labels = 50
    alignment.steps = 600
    # The generator is frozen: what is left to train must move quickly in so few steps.
    alignment.learning_rate = 3e-3
    alignment.encoder_learning_rate = 3e-3


def _cpu(config: ConfigDict) -> None:
    config.input_size = 128
    config.width_multiplier = 0.5
    config.loader.num_threads = 1
    pretraining = config.pretraining
    # For photos cropped about a face, as frames of videos often are.
    pretraining.unlabeled_box = (0.29, 0.36, 0.71, 0.73)
    default_config.shorten_pretraining(pretraining, steps=2000)
    alignment = config.alignment
    alignment.heatmap_size = 64
    alignment.blur_size = 5
    alignment.steps = 4800
    alignment.batch_size = 16
    alignment.encoder_learning_rate = 5e-4
    alignment.schedule = "cosine"
    alignment.warmup = 100
    alignment.save_every = 250
    config.evaluation.boxes = ("ground_truth", "detector")
    config.evaluation.decoder = "subpixel"
    # Two views of each face, as small networks gain from; the paper looks once.
    config.evaluation.flip = True
