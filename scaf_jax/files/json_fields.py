"""Looks at the fields of JSON objects that were written by this project, and may have been changed.

They have exactly the fields that they are to have, of the right types.
"""

import math
from collections.abc import Mapping
from typing import Any

NUMBER = (int, float)


def check(content: Any, types: Mapping[str, Any], place: str = "") -> None:
    """Raises ValueError, which names all that is wrong, unless an object is as `problems` wants."""
    if found := problems(content, types, place):
        raise ValueError("; ".join(found))


def problems(content: Any, types: Mapping[str, Any], place: str = "") -> list[str]:
    """Returns what is wrong with an object, a text for each field.

    Args:
      content: A value from JSON.
      types: The fields that it must have, and no others, with their Python types.
      place: What to put before names.
    """
    if not isinstance(content, Mapping):
        return [f"{place}{content!r} is no object with {', '.join(types)}"]
    found = [f"{place}{name} is missing" for name in types if name not in content]
    found += [f"{place}{name} is unknown" for name in content if name not in types]
    return found + [
        f"{place}{name} is {content[name]!r}, which has the wrong type"
        for name, kind in types.items()
        if name in content and not is_a(content[name], kind)
    ]


def is_a(value: Any, kind: Any) -> bool:
    """Whether a JSON value has a type; True is no int, and what is not finite is no number."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, kind) and (not isinstance(value, float) or math.isfinite(value))
