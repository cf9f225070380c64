"""What every setting must be: a rule for each field of the config, and rules between fields.

A wrong value is told before anything is trained, by the name of its field. What only data or
devices can tell is looked at where they are opened, before any training too.
"""

import dataclasses
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import ml_collections

from scaf_jax.choosing import plan, strategies
from scaf_jax.data import (
    folder_source,
    geometry,
    mixtures,
    photo_boxes,
    prepared_sources,
    sources,
    warping,
)
from scaf_jax.landmarks import heatmaps, normalizers
from scaf_jax.models import aligner, autoencoder
from scaf_jax.training import divergence, optimizers

ConfigDict = ml_collections.ConfigDict

DTYPES = aligner.COMPUTE_DTYPES
INITIALIZATIONS = ("pretraining", "random")
ON_DEVICE = ("auto", "never", "always")
# JAX's keys take no more bits than these, NumPy no negative ones.
_LARGEST_SEED = 2**32 - 1


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a field must be.

    Attributes:
      text: In words, after "must be".
      fits: Whether a value is that; it may raise a ValueError that says more.
    """

    text: str
    fits: Callable[[Any], bool]


def _whole(low: int, high: float = math.inf, *, text: str = "") -> Rule:
    """A whole number; True is none."""
    limits = f"{low} or more" if high == math.inf else f"from {low} to {high:g}"
    return Rule(text or f"a whole number, {limits}", lambda x: _is_int(x) and low <= x <= high)


def _number(
    low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False
) -> Rule:
    """A finite number from low to high, without low itself (above) or high itself (below)."""
    limits = []
    if low > -math.inf:
        limits.append(f"above {low:g}" if above else f"{low:g} or more")
    if high < math.inf:
        limits.append(f"below {high:g}" if below else f"at most {high:g}")

    def fits(x: Any) -> bool:
        return (
            _is_finite(x)
            and (low < x if above else low <= x)
            and (x < high if below else x <= high)
        )

    return Rule(f"a finite number, {' and '.join(limits)}", fits)


def _one_of(choices: Collection[Any]) -> Rule:
    words = ", ".join(map(str, choices))
    return Rule(f"one of {words}", lambda x: any(x == c and type(x) is type(c) for c in choices))


def _several(what: str, fits: Callable[[Any], bool], *, least: int = 1) -> Rule:
    """A list or tuple of different values."""
    some = "" if least == 0 else ", at least one"
    return Rule(
        f"a tuple of {what}{some}, all different",
        lambda x: _is_list(x) and len(x) >= least and all(map(fits, x)) and len(set(x)) == len(x),
    )


def _parsed(text: str, parse: Callable[[str], Any]) -> Rule:
    """A text that is empty or that something else reads."""

    def fits(x: Any) -> bool:
        return isinstance(x, str) and (not x or parse(x) is not None)

    return Rule(text, fits)


def _is_int(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _is_finite(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)


def _is_list(x: Any) -> bool:
    return isinstance(x, list | tuple)


def _is_name(x: Any) -> bool:
    return isinstance(x, str) and bool(x.strip())


def _is_box(x: Any) -> bool:
    if not (_is_list(x) and len(x) == 4 and all(map(_is_finite, x))):
        return False
    photo_boxes.checked_fractions(x, "the box")
    return True


def _is_range(x: Any) -> bool:
    return _is_list(x) and len(x) == 2 and all(map(_is_finite, x)) and 0 < x[0] <= x[1]


_FLAG = Rule("True or False", lambda x: isinstance(x, bool))
_TEXT = Rule("a text", lambda x: isinstance(x, str))
_NAME = Rule("a name", _is_name)
_SEED = _whole(0, _LARGEST_SEED, text=f"a whole number from 0 to {_LARGEST_SEED}")
_COUNT = _whole(1)
_STEPS = _whole(0)
_START = _whole(-1, text="the number of a step, or -1 for never")
_RATE = _number(0)
_MOMENT = _number(0, 1, below=True)
_SHARE = _number(0, 1)
_MARGIN = _number(-0.5, 10, above=True)  # a box of half its height and less shows no face
_SCHEDULE = _one_of(optimizers.SCHEDULES)

_AUGMENTATION = {
    "flip_probability": _SHARE,
    "rotation_degrees": _number(0, 180),
    "translation": _SHARE,
    "scale": Rule("(lowest, highest), two numbers above 0", _is_range),
    "shear_degrees": _number(0, 90, below=True),
    "occlusion_probability": _SHARE,
    "interpolation": _one_of(warping.INTERPOLATIONS),
    "border": _one_of(warping.BORDERS),
}

_PRETRAINING = {
    "run": _TEXT,
    "unlabeled_dir": _TEXT,
    "unlabeled_box": Rule(
        "x0, y0, x1, y1 with x0 < x1 and y0 < y1, fractions of width and height", _is_box
    ),
    "unlabeled_boxes_csv": _TEXT,
    "on_error": _one_of(folder_source.ON_ERROR),
    "training_images": _FLAG,
    "mixture": _parsed("sets such as the300w:train=1,folder:/photos=2", mixtures.parse),
    "exclude": _parsed("sets such as the300w:test_full", mixtures.parse),
    "exclude_file": _TEXT,
    "steps": _STEPS,
    "batch_size": _COUNT,
    "learning_rate": _number(0, above=True),
    "image_discriminator_rate": _RATE,
    "beta1": _MOMENT,
    "beta2": _MOMENT,
    "schedule": _SCHEDULE,
    "warmup": _STEPS,
    "embedding_start": _START,
    "image_start": _START,
    "structural_start": _START,
    "interpolation_start": _START,
    "interpolation_weight": _RATE,
    "guide_weight": _RATE,
    "dropout": _FLAG,
    "on_nonfinite": _one_of(divergence.RESPONSES),
    "roll_back_steps": _COUNT,
    "log_every": _COUNT,
    "save_every": _COUNT,
}

_ALIGNMENT = {
    "initialization": _one_of(INITIALIZATIONS),
    "skips": _FLAG,
    "skip_gain": _one_of(aligner.SKIP_GAINS),
    "heatmap_size": _COUNT,  # and one that the network has: see below
    "sigma": _number(0, above=True),
    "support": _number(0, above=True),
    "rounding": _FLAG,
    "blur_size": Rule(
        "an odd whole number, 1 or more", lambda x: _is_int(x) and x > 0 and x % 2 == 1
    ),
    "num_labels": _STEPS,
    "label_subset": _one_of(sources.LABEL_SUBSETS),
    "label_seed": _SEED,
    "steps": _STEPS,
    "batch_size": _COUNT,
    "learning_rate": _RATE,
    "encoder_learning_rate": _RATE,
    "generator_learning_rate": _RATE,
    "encoder_start": _STEPS,
    "train_backbone_norm": _FLAG,
    "beta1": _MOMENT,
    "beta2": _MOMENT,
    "schedule": _SCHEDULE,
    "warmup": _STEPS,
    "gradient_clip": _RATE,
    "on_nonfinite": _one_of(divergence.RESPONSES),
    "roll_back_steps": _COUNT,
    "log_every": _COUNT,
    "save_every": _COUNT,
}

_DATA = {
    "name": Rule(
        "the name of a data set, such as the300w",
        lambda x: isinstance(x, str) and bool(prepared_sources.NAME.fullmatch(x)),
    ),
    "data_dir": _TEXT,
    "train_split": _NAME,
    "landmarks_feature": _NAME,
    "scheme": _TEXT,  # and one that there is: see `resolve`
    "margin_top": _MARGIN,
    "margin_bottom": _MARGIN,
    "margin_left": _MARGIN,
    "margin_right": _MARGIN,
    "box": _one_of(geometry.BOX_KINDS),
    "pixel_convention": _one_of(heatmaps.CONVENTIONS),
}

_EVALUATION = {
    "splits": _several("names", _is_name, least=0),
    "full": _TEXT,
    "boxes": _several(
        f"boxes, of {', '.join(geometry.BOX_KINDS)}", geometry.BOX_KINDS.__contains__
    ),
    "decoder": _one_of(heatmaps.DECODERS),
    "flip": _FLAG,
    "normalizer": _one_of(normalizers.NORMALIZERS),
    "thresholds": _several("per cents above 0", lambda x: _is_finite(x) and x > 0),
    "batch_size": _COUNT,
    "num_pictures": _COUNT,
}

_ACTIVE_LEARNING = {
    "strategy": _parsed("the name of a strategy, or empty", strategies.strategy),
    "budget": _COUNT,
    "initial": _COUNT,
    "per_round": _STEPS,
    "start": _one_of(plan.STARTS),
    "seed": _SEED,
    "oracle": _one_of(plan.ORACLES),
    "pool": _one_of(plan.POOLS),
    "train_every_round": _FLAG,
    "distinct": _FLAG,
}

_SECTIONS = {
    "data": _DATA,
    "loader": {
        "num_workers": _whole(-1, text="0 or more, or -1 for what the host needs"),
        "num_threads": _whole(0),
        "on_device": _one_of(ON_DEVICE),
    },
    "mesh": {
        "data": Rule("1 or more, or -1 for the rest", lambda x: _is_int(x) and (x == -1 or x > 0)),
        "fsdp": _COUNT,
    },
    "pretraining": _PRETRAINING,
    "pretraining.augmentation": _AUGMENTATION,
    "alignment": _ALIGNMENT,
    "alignment.augmentation": _AUGMENTATION,
    "evaluation": _EVALUATION,
    "active_learning": _ACTIVE_LEARNING,
}

# What every field must be, by its path.
TABLE: Mapping[str, Rule] = {
    "seed": _SEED,
    "input_size": _one_of(autoencoder.INPUT_SIZES),
    "width_multiplier": _number(0, above=True),
    "compute_dtype": _one_of(DTYPES),
} | {
    f"{section}.{field}": rule
    for section, rules in _SECTIONS.items()
    for field, rule in rules.items()
}


def check(config: ConfigDict) -> None:
    """Looks at every field by itself, then at fields that must fit each other.

    Raises:
      ValueError: A value is wrong, a field is missing, or there is no such field; the message
        names it.
    """
    values = dict(_leaves(config.to_dict()))
    for path in TABLE:
        if path not in values:
            raise ValueError(f"{path} is missing from the config; start from default_config")
    for path, value in values.items():
        if path not in TABLE:
            raise ValueError(f"{path} is no setting; the settings are those of default_config.py")
        _check_one(path, value)
    for problem in _problems_between_fields(config):
        raise ValueError(problem)


def trains_pretraining(config: ConfigDict) -> bool:
    """Returns whether a run trains a stage 1 of its own."""
    return config.alignment.initialization == "pretraining" and not config.pretraining.run


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _check_one(path: str, value: Any) -> None:
    rule = TABLE[path]
    try:
        fits = rule.fits(value)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except TypeError:  # of another kind altogether, such as a list in place of a name
        fits = False
    if not fits:
        raise ValueError(f"{path} must be {rule.text}, not {value!r}")


def _problems_between_fields(config: ConfigDict) -> Iterator[str]:
    """Yields what is wrong with values that are right each for itself."""
    yield from _problems_of_pretraining(config)
    if config.alignment.steps:
        yield from _problems_of_heatmaps(config)
        yield from _problems_of_alignment(config)
    yield from _problems_of_evaluation(config)
    if config.active_learning.strategy:
        yield from _problems_of_rounds(config)


def _problems_of_pretraining(config: ConfigDict) -> Iterator[str]:
    section = config.pretraining
    for field in ("exclude", "exclude_file"):
        if section[field] and not section.mixture:
            yield f"pretraining.{field} is of a mixture only: set pretraining.mixture as well"
    if not trains_pretraining(config):
        return
    if section.steps < 1:
        yield (
            "pretraining.steps must be 1 or more, or pretraining.run the folder of a stage 1, or "
            "alignment.initialization=random"
        )
    yield from _problems_of_warmup("pretraining", section.warmup, section.steps)


def _problems_of_warmup(stage: str, warmup: int, steps: int, of_steps: str = "") -> Iterator[str]:
    if warmup >= max(steps, 1):
        yield f"{stage}.warmup={warmup} must be less than {of_steps or f'{stage}.steps'}={steps}"


def _problems_of_heatmaps(config: ConfigDict) -> Iterator[str]:
    section = config.alignment
    sizes = aligner.heatmap_sizes(config.input_size)
    if section.heatmap_size not in sizes:
        yield (
            f"alignment.heatmap_size must be one of {', '.join(map(str, sizes))} at "
            f"input_size={config.input_size}, not {section.heatmap_size}"
        )
    if section.blur_size > section.heatmap_size:
        yield (
            f"alignment.blur_size={section.blur_size} must be at most alignment.heatmap_size="
            f"{section.heatmap_size}"
        )


def _problems_of_alignment(config: ConfigDict) -> Iterator[str]:
    section = config.alignment
    yield from _problems_of_warmup("alignment", section.warmup, section.steps)
    if section.encoder_learning_rate:
        if section.encoder_start >= section.steps:
            yield (
                f"alignment.encoder_start={section.encoder_start} must be less than "
                f"alignment.steps={section.steps}; to leave the encoder as it is, set "
                "alignment.encoder_learning_rate=0"
            )
        left = section.steps - section.encoder_start
        name = "alignment.steps - alignment.encoder_start"
        yield from _problems_of_warmup("alignment", section.warmup, left, name)
    if not any(section[f"{part}learning_rate"] for part in ("", "encoder_", "generator_")):
        yield "alignment.learning_rate, and encoder's and generator's, are 0: nothing would train"


def _problems_of_evaluation(config: ConfigDict) -> Iterator[str]:
    section = config.evaluation
    trains = config.alignment.steps and not config.active_learning.strategy
    if trains and not section.splits:
        yield "evaluation.splits must name at least one test set"
    if section.full in section.splits:
        yield f"evaluation.full='{section.full}' must differ from the names in evaluation.splits"


def _problems_of_rounds(config: ConfigDict) -> Iterator[str]:
    if config.alignment.steps < 1:
        yield "alignment.steps must be 1 or more for the rounds of active_learning.strategy"
    try:
        plan.from_config(config)
    except ValueError as error:
        yield str(error)
