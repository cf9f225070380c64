"""Which photo and which category an annotation of a COCO file means.

It says so by ids. These are whole numbers or texts; 1, 1.0 and "1" are one. What is no id, or the
id of several entries that differ, matches nothing.
"""

import re
from collections.abc import Sequence
from typing import Any

from scaf_jax.formats.marks import Objection, as_dict, as_list, shown

ADVICE = "Export it as COCO keypoints again"
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))(?:\.0+)?")
_LARGEST_EXACT = 2**53  # beyond it, numbers with a point stand for several whole ones
_MAX_NAMED = 5

Entries = dict[str, list[dict[str, Any]]]


def id_of(value: Any) -> str | None:
    """Returns an id as text, the same for 1, 1.0 and "1"; None for what is no id."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        is_whole = value.is_integer() and abs(value) < _LARGEST_EXACT  # not so NaN and infinity
        return str(int(value)) if is_whole else None
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        return None
    match = _WHOLE.fullmatch(value.strip())
    return match[1] if match else value.strip()


def by_id(items: Any, fields: Sequence[str]) -> Entries:
    """Returns the entries of each id, those once that say the same in these fields."""
    found: Entries = {}
    for item in map(as_dict, as_list(items)):
        key = id_of(item.get("id"))
        if key is None:
            continue
        entries = found.setdefault(key, [])
        if not any(all(x.get(f) == item.get(f) for f in fields) for x in entries):
            entries.append(item)
    return found


def entry_of(
    item: dict[str, Any], field: str, entries: Entries, name: str
) -> tuple[dict[str, Any], list[Objection]]:
    """Returns the one entry that an annotation means by a field, or why there is none."""
    given = item.get(field)
    key = id_of(given)
    if key is None:
        return {}, [(field, f"{field} {shown(given)} is no id", ADVICE)]
    meant = entries.get(key, [])
    if not meant:
        known = f", whose ids are such as {shown(next(iter(entries)))}" if entries else ""
        return {}, [(field, f"{field} {shown(given)} is not in the file{known}", ADVICE)]
    if len(meant) > 1:
        names = some([name_of(entry, name) for entry in meant])
        what = f"{field} {shown(given)} is the id of {len(meant)} entries ({names})"
        advice = "Give each an id of its own; files that were joined must be exported apart"
        return {}, [(field, what, advice)]
    return meant[0], []


def name_of(entry: dict[str, Any], field: str) -> str:
    """Returns what an entry is called, for messages."""
    value = entry.get(field)
    return value[:80] if isinstance(value, str) else "without a name"


def some(names: Sequence[str]) -> str:
    """Returns the first few names."""
    shown_names = ", ".join(shown(name)[1:-1] for name in names[:_MAX_NAMED])
    return shown_names + (", ..." if len(names) > _MAX_NAMED else "")
