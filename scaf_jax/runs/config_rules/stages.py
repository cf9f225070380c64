"""Rules for what both stages have."""

from collections.abc import Iterator
from typing import Any

from scaf_jax.data import warping
from scaf_jax.runs.config_rules.rule import (
    COUNT,
    SHARE,
    STEPS,
    Rule,
    is_finite,
    is_list,
    number,
    one_of,
)
from scaf_jax.training import divergence, optimizers

_MOMENT = number(0, 1, below=True)


def _is_range(x: Any) -> bool:
    return is_list(x) and len(x) == 2 and all(map(is_finite, x)) and 0 < x[0] <= x[1]


FIELDS = {
    "steps": STEPS,
    "batch_size": COUNT,
    "beta1": _MOMENT,
    "beta2": _MOMENT,
    "schedule": one_of(optimizers.SCHEDULES),
    "warmup": STEPS,
    "on_nonfinite": one_of(divergence.RESPONSES),
    "roll_back_steps": COUNT,
    "log_every": COUNT,
    "save_every": COUNT,
}

AUGMENTATION = {
    "flip_probability": SHARE,
    "rotation_degrees": number(0, 180),
    "translation": SHARE,
    "scale": Rule("(lowest, highest), two numbers above 0", _is_range),
    "shear_degrees": number(0, 90, below=True),
    "occlusion_probability": SHARE,
    "interpolation": one_of(warping.INTERPOLATIONS),
    "border": one_of(warping.BORDERS),
}


def problems_of_warmup(stage: str, warmup: int, steps: int, of_steps: str = "") -> Iterator[str]:
    """Yields that the rates of a stage rise for longer than it trains.

    Args:
      stage: Name of the section.
      warmup: Steps in which the rates rise.
      steps: Steps in which something trains.
      of_steps: What these are called, where it is not `STAGE.steps`.
    """
    if warmup >= max(steps, 1):
        yield f"{stage}.warmup={warmup} must be less than {of_steps or f'{stage}.steps'}={steps}"
