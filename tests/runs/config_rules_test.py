"""Tests of the rules for settings: every field refuses what it must not be, by its name."""

import re

import ml_collections
import pytest

from scaf_jax import default_config
from scaf_jax.runs import config_checks, resolve

NAN, INFINITY = float("nan"), float("inf")

# Wrong values by kind of field.
FLAG = (1, 0, "yes", None)
COUNT = (0, -1, 1.5, True, "1", NAN)
NUMBER_OF_STEPS = (-1, 1.5, True, NAN, None)
START = (-2, 0.5, False, NAN)
SEED = (-1, 2**32, 0.5, True, NAN)
RATE = (-1e-9, NAN, INFINITY, True, "1e-3")
POSITIVE = (0, *RATE)
MOMENT = (-0.1, 1, 1.5, NAN, True)
SHARE = (-0.1, 1.1, NAN, INFINITY, True, "0.5")
TEXT = (3, None, ("a",))
NAME = ("", " ", *TEXT)
MARGIN = (-0.5, -2, 11, NAN, INFINITY, True, "0.1")
PIXELS = (40, 40, 120, 130)  # where fractions are meant
SCHEDULE = ("linear", "", 0, None)

AUGMENTATION = {
    "flip_probability": SHARE,
    "rotation_degrees": (-1, 181, NAN, True),
    "translation": SHARE,
    "scale": ((1.1, 1.0), (0, 1), (1,), (1, 2, 3), 1.0, (1, NAN), (True, 2), "ab"),
    "shear_degrees": (-1, 90, NAN, True),
    "occlusion_probability": SHARE,
    "interpolation": ("nearest", "", 1),
    "border": ("white", "", 0),
}
SECTIONS = {
    "data": {
        "name": ("", "The 300W", "a/b/c", "../x", *TEXT),
        "data_dir": TEXT,
        "train_split": NAME,
        "landmarks_feature": NAME,
        "scheme": ("none", "no/such/file.json", *TEXT),
        "margin_top": MARGIN,
        "margin_bottom": MARGIN,
        "margin_left": MARGIN,
        "margin_right": MARGIN,
        "box": ("mine", "", 0),
        "pixel_convention": ("edges", "", 1),
    },
    "loader": {
        "num_workers": (-2, 0.5, True),
        "num_threads": (-1, 0.5, True),
        "on_device": ("yes", True, ""),
    },
    "mesh": {"data": (0, -2, 1.5, True), "fsdp": (0, -1, 1.5, True)},
    "pretraining": {
        "run": TEXT,
        "unlabeled_dir": TEXT,
        "unlabeled_box": (
            (0, 0, 1),
            (1, 0, 0, 1),
            (0, 1, 1, 1),
            (0, 0, NAN, 1),
            "0011",
            1,
            "box",
            PIXELS,
        ),
        "unlabeled_boxes_csv": TEXT,
        "on_error": ("ignore", "", True),
        "training_images": FLAG,
        "mixture": ("the300w", "the300w:train=0", "a:b,a:b", "folder:", 3),
        "exclude": ("the300w", "the300w:train=x", 3),
        "exclude_file": TEXT,
        "steps": (0, *NUMBER_OF_STEPS),
        "batch_size": COUNT,
        "learning_rate": POSITIVE,
        "image_discriminator_rate": RATE,
        "beta1": MOMENT,
        "beta2": MOMENT,
        "schedule": SCHEDULE,
        "warmup": NUMBER_OF_STEPS,
        "embedding_start": START,
        "image_start": START,
        "structural_start": START,
        "interpolation_start": START,
        "interpolation_weight": RATE,
        "guide_weight": RATE,
        "dropout": FLAG,
        "on_nonfinite": ("skip", "", True),
        "roll_back_steps": COUNT,
        "log_every": COUNT,
        "save_every": COUNT,
    },
    "pretraining.augmentation": AUGMENTATION,
    "alignment": {
        "initialization": ("pretrained", "", 0),
        "skips": FLAG,
        "skip_gain": ("half", "", 1.0, None),
        "path_start": ("zeros", "", 1.0, None),
        "skip_gain_rate": POSITIVE,
        "heatmap_size": (0, 48, 8, 256, 128.0, True),
        "sigma": POSITIVE,
        "support": POSITIVE,
        "rounding": FLAG,
        "blur_size": (0, 2, -3, 129, 3.0, True),
        "num_labels": NUMBER_OF_STEPS,
        "label_subset": ("last", "", 1),
        "label_seed": SEED,
        "steps": NUMBER_OF_STEPS,
        "batch_size": COUNT,
        "learning_rate": RATE,
        "encoder_learning_rate": RATE,
        "generator_learning_rate": RATE,
        "encoder_start": (50_000, *NUMBER_OF_STEPS),
        "train_backbone_norm": FLAG,
        "beta1": MOMENT,
        "beta2": MOMENT,
        "schedule": SCHEDULE,
        "warmup": (50_000, *NUMBER_OF_STEPS),
        "gradient_clip": RATE,
        "on_nonfinite": ("skip", "", True),
        "roll_back_steps": COUNT,
        "log_every": COUNT,
        "save_every": COUNT,
    },
    "alignment.augmentation": AUGMENTATION,
    "evaluation": {
        "splits": ((), "test", ("test", "test"), ("",), (1,)),
        "full": ("test_common", *TEXT),
        "boxes": ((), "detector", ("mine",), ("detector", "detector"), (["detector"],)),
        "decoder": ("soft", "", 0),
        "flip": FLAG,
        "normalizer": ("nose", "", 0),
        "thresholds": ((), 8.0, (0,), (-1, 8), (NAN,), (8, 8), ("8",)),
        "batch_size": COUNT,
        "num_pictures": COUNT,
    },
    "active_learning": {
        "strategy": ("best", "nnm_100", "nnm_x", 1),
        "budget": COUNT,
        "initial": COUNT,
        "per_round": NUMBER_OF_STEPS,
        "start": ("best", "", 0),
        "seed": SEED,
        "oracle": ("nobody", "", 0),
        "pool": ("test", "", 0),
        "train_every_round": FLAG,
        "distinct": FLAG,
    },
}
WRONG = {
    "seed": SEED,
    "input_size": (0, 100, 512, 256.0, True),
    "width_multiplier": POSITIVE,
    "compute_dtype": ("float16", "", 0),
} | {f"{name}.{field}": x for name, section in SECTIONS.items() for field, x in section.items()}

# Values that are right each for itself, and the field that is named.
NOT_TOGETHER = [
    ({"pretraining.warmup": 10, "pretraining.steps": 10}, "pretraining.warmup"),
    ({"pretraining.exclude": "the300w:test_full"}, "pretraining.exclude"),
    ({"pretraining.exclude_file": "names.txt"}, "pretraining.exclude_file"),
    ({"alignment.warmup": 10, "alignment.steps": 10}, "alignment.warmup"),
    (
        {"alignment.warmup": 6, "alignment.encoder_start": 5, "alignment.steps": 10},
        "alignment.warmup",
    ),
    ({"input_size": 64, "alignment.heatmap_size": 128}, "alignment.heatmap_size"),
    (
        {"alignment.learning_rate": 0.0, "alignment.encoder_learning_rate": 0.0},
        "alignment.learning_rate",
    ),
    ({"active_learning.strategy": "random", "alignment.steps": 0}, "alignment.steps"),
    (
        {"active_learning.strategy": "random", "active_learning.budget": 5},
        "active_learning.initial",
    ),
    (
        {"active_learning.strategy": "random", "active_learning.pool": "unlabeled"},
        "active_learning.pool",
    ),
    (
        {
            "active_learning.strategy": "nnm_10",
            "active_learning.oracle": "human",
            "active_learning.pool": "unlabeled",
            "evaluation.splits": (),
            "data.scheme": "",
        },
        "data.scheme",
    ),
    ({"data.scheme": "SCHEME", "evaluation.normalizer": "inter_pupil"}, "evaluation.normalizer"),
]
# What may look wrong and is not.
RIGHT = [
    {"alignment.steps": 0, "evaluation.splits": (), "input_size": 64},
    {"evaluation.splits": (), "active_learning.strategy": "entropy_12.5"},
    {"pretraining.steps": 0, "pretraining.run": "runs/other/pretraining"},
    {"pretraining.steps": 0, "alignment.initialization": "random"},
    {"pretraining.steps": 100},  # the default's terms start later than that
    {"alignment.encoder_start": 60_000, "alignment.encoder_learning_rate": 0.0},
    {"pretraining.learning_rate": 1, "evaluation.thresholds": [5]},
    {"mesh.data": 2, "mesh.fsdp": 4, "loader.num_threads": 0, "active_learning.initial": 60},
]


def _config(changes):
    values = default_config.get_config().to_dict()
    for path, value in changes.items():
        *sections, field = path.split(".")
        section = values
        for name in sections:
            section = section[name]
        section[field] = value
    return ml_collections.ConfigDict(values)


def _leaves(values, prefix=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_every_field_has_a_rule_and_is_tested():
    fields = set(_leaves(default_config.get_config().to_dict()))
    assert fields == set(config_checks.TABLE) == set(WRONG)


@pytest.mark.parametrize("path", WRONG)
def test_wrong_values_are_refused_by_the_fields_name(path):
    for value in WRONG[path]:
        with pytest.raises(ValueError, match=rf"^{re.escape(path)}\b"):
            resolve.resolve(_config({path: value}))
            pytest.fail(f"{path}={value!r} was let through")


@pytest.mark.parametrize("changes,field", NOT_TOGETHER, ids=[str(c) for c, _ in NOT_TOGETHER])
def test_values_that_do_not_fit_each_other_are_refused(changes, field, tmp_path):
    if changes.get("data.scheme") == "SCHEME":
        path = tmp_path / "scheme.json"
        path.write_text(
            '{"name": "two", "landmarks": ["a", "b"], "flip_pairs": [], "normalizer": ["a", "b"]}'
        )
        changes = changes | {"data.scheme": str(path)}
    with pytest.raises(ValueError, match=rf"^{re.escape(field)}\b"):
        resolve.resolve(_config(changes))


@pytest.mark.parametrize("changes", RIGHT, ids=str)
def test_what_fits_is_let_through(changes):
    config_checks.check(_config(changes))


def test_fields_that_are_missing_or_unknown_are_named():
    config = _config({"alignment.stepz": 3})
    with pytest.raises(ValueError, match=r"^alignment\.stepz is no setting"):
        resolve.resolve(config)
    config = _config({})
    del config.evaluation.flip
    with pytest.raises(ValueError, match=r"^evaluation\.flip is missing"):
        resolve.resolve(config)
