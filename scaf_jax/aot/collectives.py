"""What a compiled program sends between chips, read from its text."""

import re

import numpy as np

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")

# `%name = SHAPE opcode(...)`; SHAPE may be a tuple. Asynchronous ones are `opcode-start`.
_INSTRUCTION = re.compile(
    rf"^\s*(?:ROOT )?%?[\w.-]+ = (?P<shape>.+?) (?P<kind>{'|'.join(KINDS)})(?P<start>-start)?\("
)
_ARRAY = re.compile(r"\b(pred|[a-z]+\d+)\[([\d,]*)\]")


def count(text: str) -> dict[str, dict[str, int]]:
    """Counts the collective operations of a program.

    Args:
      text: HLO as a compiled program's `as_text()` gives it.

    Returns:
      By kind (of `KINDS`, those that are there) its `number` of operations and the `bytes` of
      their results on one chip. An operation in a loop or branch counts once.
    """
    found: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        match = _INSTRUCTION.match(line)
        if match is None:
            continue
        sizes = [_bytes(*array) for array in _ARRAY.findall(match["shape"])]
        if match["start"] and match["kind"] in ("all-gather", "collective-permute"):
            # These give operand, result and perhaps two counters: the result alone counts.
            sizes = sizes[1:2]
        entry = found.setdefault(match["kind"], {"number": 0, "bytes": 0})
        entry["number"] += 1
        entry["bytes"] += sum(sizes)
    return found


def sent_bytes(counts: dict[str, dict[str, int]], chips: int) -> float:
    """Returns how many bytes one chip sends, with rings of all chips.

    Args:
      counts: From `count`.
      chips: Number of chips.
    """
    share = (chips - 1) / chips
    # By bytes of the result: a ring reduces, then gathers; a reduced and scattered result is one
    # chip's part.
    factors = {"all-reduce": 2 * share, "reduce-scatter": chips - 1, "collective-permute": 1}
    return sum(factors.get(kind, share) * entry["bytes"] for kind, entry in counts.items())


def bytes_of(shape: str) -> int:
    """Returns the bytes of all arrays in a shape of HLO, such as `(f32[2,3]{1,0}, s32[])`."""
    return sum(_bytes(*array) for array in _ARRAY.findall(shape))


def _bytes(dtype: str, shape: str) -> int:
    bits = 8 if dtype == "pred" else int(dtype.lstrip("abcdefghijklmnopqrstuvwxyz"))
    return int(np.prod([int(n) for n in shape.split(",") if n], dtype=np.int64)) * bits // 8
