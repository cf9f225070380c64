"""Looks at every setting by itself, and at those that must fit each other; see `config_rules`.

A wrong value is told before anything is trained, by the name of its field. What only data or
devices can tell is looked at where they are opened, before any training too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import ml_collections

from scaf_jax.runs.config_rules import (
    active_learning,
    alignment,
    data,
    evaluation,
    general,
    pretraining,
    stages,
)
from scaf_jax.runs.config_rules.rule import Rule

_SECTIONS = {
    "data": data.FIELDS,
    "loader": general.LOADER,
    "mesh": general.MESH,
    "pretraining": pretraining.FIELDS,
    "pretraining.augmentation": stages.AUGMENTATION,
    "alignment": alignment.FIELDS,
    "alignment.augmentation": stages.AUGMENTATION,
    "evaluation": evaluation.FIELDS,
    "active_learning": active_learning.FIELDS,
}

# What every field must be, by its path.
TABLE: Mapping[str, Rule] = general.FIELDS | {
    f"{section}.{field}": rule
    for section, rules in _SECTIONS.items()
    for field, rule in rules.items()
}

_BETWEEN_FIELDS = (
    pretraining.problems,
    alignment.problems,
    evaluation.problems,
    active_learning.problems,
)


def check(config: ml_collections.ConfigDict) -> None:
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
    for problems in _BETWEEN_FIELDS:
        for problem in problems(config):
            raise ValueError(problem)


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
