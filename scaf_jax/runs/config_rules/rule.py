"""Rules for settings: what a value must be, in words and as a test."""

import dataclasses
import math
from collections.abc import Callable, Collection
from typing import Any

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


def whole(low: int, high: float = math.inf, *, text: str = "") -> Rule:
    """Returns the rule of a whole number; True is none."""
    limits = f"{low} or more" if high == math.inf else f"from {low} to {high:g}"
    return Rule(text or f"a whole number, {limits}", lambda x: is_int(x) and low <= x <= high)


def number(
    low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False
) -> Rule:
    """Returns the rule of a finite number, without low itself (above) or high itself (below)."""
    limits = []
    if low > -math.inf:
        limits.append(f"above {low:g}" if above else f"{low:g} or more")
    if high < math.inf:
        limits.append(f"below {high:g}" if below else f"at most {high:g}")

    def fits(x: Any) -> bool:
        return (
            is_finite(x) and (low < x if above else low <= x) and (x < high if below else x <= high)
        )

    return Rule(f"a finite number, {' and '.join(limits)}", fits)


def one_of(choices: Collection[Any]) -> Rule:
    """Returns the rule of one of several values; True is no 1, nor is 1.0."""
    words = ", ".join(map(str, choices))
    return Rule(f"one of {words}", lambda x: any(x == c and type(x) is type(c) for c in choices))


def several(what: str, fits: Callable[[Any], bool], *, least: int = 1) -> Rule:
    """Returns the rule of a list or tuple of different values."""
    some = "" if least == 0 else ", at least one"
    return Rule(
        f"a tuple of {what}{some}, all different",
        lambda x: is_list(x) and len(x) >= least and all(map(fits, x)) and len(set(x)) == len(x),
    )


def parsed(text: str, parse: Callable[[str], Any]) -> Rule:
    """Returns the rule of a text that is empty or that something else reads."""

    def fits(x: Any) -> bool:
        return isinstance(x, str) and (not x or parse(x) is not None)

    return Rule(text, fits)


def is_int(x: Any) -> bool:
    """Returns whether a value is a whole number; True is none."""
    return isinstance(x, int) and not isinstance(x, bool)


def is_finite(x: Any) -> bool:
    """Returns whether a value is a finite number; True is none."""
    return isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)


def is_list(x: Any) -> bool:
    """Returns whether a value is a list or tuple."""
    return isinstance(x, list | tuple)


def is_name(x: Any) -> bool:
    """Returns whether a value is a text that is not blank."""
    return isinstance(x, str) and bool(x.strip())


FLAG = Rule("True or False", lambda x: isinstance(x, bool))
TEXT = Rule("a text", lambda x: isinstance(x, str))
NAME = Rule("a name", is_name)
SEED = whole(0, _LARGEST_SEED, text=f"a whole number from 0 to {_LARGEST_SEED}")
COUNT = whole(1)
STEPS = whole(0)
RATE = number(0)
SHARE = number(0, 1)
