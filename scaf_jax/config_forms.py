"""Forms that configs share, after a colon (`configs/300w.py:cpu`): sizes and lengths of a training.

What differs from the published values is written here once; the configs say for which data.
"""

import ml_collections

ConfigDict = ml_collections.ConfigDict

# Where configs/synthetic.py leaves its network, if not told otherwise.
DRAWN_FACES = "runs/synthetic/alignment"


def use_cpu(config: ConfigDict, *, steps: int) -> None:
    """Sets the size and the stage 1 that come along with the package, for two CPU cores.

    Rates, lengths and clipping were chosen on training faces of LFPW whose labels were not used.

    Args:
      config: The config.
      steps: Length of stage 2; 100 take about 16 seconds on two cores.
    """
    config.input_size = 128
    config.width_multiplier = 0.5
    config.loader.num_threads = 1
    config.pretraining.run = "builtin"
    # Only where a run trains a stage 1 of its own: --config.pretraining.run=
    shorten_pretraining(config.pretraining, steps=8000)
    alignment = config.alignment
    alignment.heatmap_size = 64
    alignment.blur_size = 5
    alignment.path_start = "identity"
    alignment.skip_gain_rate = 10.0
    train_fast(alignment, steps=steps, batch_size=8, learning_rate=6e-3)
    alignment.augmentation.interpolation = "bilinear"
    alignment.save_every = 250
    config.evaluation.decoder = "subpixel"
    # Two views of each face, as small networks gain from; the paper looks once.
    config.evaluation.flip = True


def use_drawn_faces(config: ConfigDict, *, steps: int) -> None:
    """Goes on from the network that configs/synthetic.py trains, all of it, on two CPU cores.

    No part of the network is frozen: chosen on training faces of LFPW whose labels were not used
    (docs/stage2.md).

    Args:
      config: The config.
      steps: Length of stage 2.
    """
    use_cpu(config, steps=steps)
    config.pretraining.run = DRAWN_FACES
    train_whole(config.alignment)


def train_whole(section: ConfigDict) -> None:
    """Sets stage 2 to train the generator and all norms as well, at the best rate for that.

    Args:
      section: The config's `alignment`.
    """
    for part in ("", "encoder_", "generator_"):
        section[f"{part}learning_rate"] = 3e-3
    section.train_backbone_norm = True


def use_accelerator(config: ConfigDict, *, steps: int) -> None:
    """Sets full size, and lengths for minutes on one accelerator in place of the published days.

    Args:
      config: The config.
      steps: Length of stage 2.
    """
    config.compute_dtype = "bfloat16"
    section = config.pretraining
    shorten_pretraining(section, steps=20_000)
    section.batch_size = 64
    section.warmup = 200
    section.structural_start = 8000
    section.save_every = 5000
    train_fast(config.alignment, steps=steps, batch_size=40, learning_rate=1e-3)
    config.evaluation.decoder = "subpixel"


def train_fast(section: ConfigDict, *, steps: int, batch_size: int, learning_rate: float) -> None:
    """Sets stage 2 to one high, falling rate for all that trains.

    In so few steps the encoder must move as quickly as the landmark path; clipped gradients keep
    the frozen generator's ReLUs alive at such rates.

    Args:
      section: The config's `alignment`.
      steps: How long to train.
      batch_size: Faces a step.
      learning_rate: The highest rate.
    """
    section.steps = steps
    section.batch_size = batch_size
    section.learning_rate = learning_rate
    section.encoder_learning_rate = learning_rate
    section.schedule = "cosine"
    section.warmup = 50
    section.gradient_clip = 1.0


def shorten_pretraining(section: ConfigDict, *, steps: int) -> None:
    """Sets stage 1 to what rebuilds faces best in minutes; published: a million steps.

    Args:
      section: The config's `pretraining`.
      steps: How long to train.
    """
    section.steps = steps
    section.batch_size = 16
    section.learning_rate = 1e-3
    section.beta1 = 0.9
    section.schedule = "cosine"
    section.warmup = 100
    # Adversaries and structure refine faces that absolute differences have found, much later.
    section.embedding_start = -1
    section.image_start = -1
    section.structural_start = -1
    section.guide_weight = 100.0
    section.augmentation.rotation_degrees = 15.0
    section.save_every = 250
