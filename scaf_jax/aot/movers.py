"""What a compiled program moves to and from the chip's memory, read from its text.

The compiler's own count of bytes takes in what never leaves the fast memory beside the core, and
counts an array whole each time that a part of it is fetched. Here an operation counts what it reads
from and writes to the chip's memory.
"""

import dataclasses
import math
import re

from scaf_jax.aot import collectives

_LINE = re.compile(r"^\s*(?:ROOT )?%?(?P<name>[\w.-]+) = (?P<rest>.+)$")
_OPCODE = re.compile(r" (?P<opcode>[a-z][\w-]*)\((?P<operands>[^)]*)\)")
_ARRAYS = re.compile(r"\w+\[[\d,]*\](?:\{[^}]*\})?")
_TILED = re.compile(r"\[([\d,]*)\]\{([\d,]+):T\(([\d,]+)\)")
_SOURCE = re.compile(r'op_name="([^"]*)"')
# They name arrays that exist already, or wait for what was begun elsewhere.
_FREE = {"parameter", "get-tuple-element", "tuple", "bitcast", "constant"}
_BODIES = re.compile(
    r"branch_computations=\{(?P<all>[^}]*)\}|\b(?:true_computation|false_computation|body)=%?"
    r"(?P<one>[\w.-]+)"
)
_COMPUTATION = re.compile(r"^(?P<entry>ENTRY )?%?(?P<name>[\w.-]+) \(.*\{$")
# What fetches a part of an array before it is needed: ((whole), part, counters).
_PARTS = ("slice-start",)
_COPIES = ("copy-start",)
# An array with this mark in its layout is kept beside the core, not in the chip's memory.
_NEAR = re.compile(r"S\([1-9]\)")


@dataclasses.dataclass(frozen=True)
class Mover:
    """An operation of a program, not inside of fused ones.

    Attributes:
      name: Its name in the program.
      opcode: What it is, such as `fusion`.
      bytes: What it reads from and writes to the chip's memory.
      source: The part of our functions that it belongs to, as far as known.
    """

    name: str
    opcode: str
    bytes: int
    source: str


def moved_bytes(text: str) -> int:
    """Returns the bytes that a program moves to and from the chip's memory in one run.

    Of branches the one that moves more counts, loops count once.

    Args:
      text: HLO as a compiled program's `as_text()` gives it.
    """
    return sum(mover.bytes for mover in _movers(text))


def largest(text: str, count: int) -> list[Mover]:
    """Returns the operations that move the most bytes, the largest first.

    Args:
      text: HLO as a compiled program's `as_text()` gives it.
      count: How many to return.
    """
    return sorted(_movers(text), key=lambda mover: -mover.bytes)[:count]


def _movers(text: str) -> list[Mover]:
    computations, entry = _computations(text)
    return _movers_of(entry, computations)


def _movers_of(name: str, computations: dict[str, list[str]]) -> list[Mover]:
    sizes: dict[str, int] = {}
    found: list[Mover] = []
    for line in computations.get(name, ()):
        match = _LINE.match(line)
        opcode = match and _OPCODE.search(f" {match['rest']}")
        if not match or not opcode:
            continue
        shape = f" {match['rest']}"[: opcode.start()]
        sizes[match["name"]] = _far_bytes(shape)
        kind = opcode["opcode"]
        if kind in ("conditional", "while"):
            bodies = ",".join(m["all"] or m["one"] for m in _BODIES.finditer(line))
            inner = [_movers_of(b.strip(" %"), computations) for b in bodies.split(",")]
            found += max(inner, key=lambda movers: sum(m.bytes for m in movers), default=[])
        elif kind not in _FREE and not kind.endswith("-done"):
            operands = re.findall(r"%([\w.-]+)", opcode["operands"])
            source = _SOURCE.search(line)
            moved = _moved(kind, shape, [sizes.get(name, 0) for name in operands])
            found.append(Mover(match["name"], kind, moved, source[1] if source else ""))
    return found


def _moved(kind: str, shape: str, operands: list[int]) -> int:
    """What an operation moves, by the shape of its result and its operands' sizes."""
    if kind in _COPIES:  # result and operand are in its shape
        return _far_bytes(shape)
    if kind in _PARTS:
        part = _ARRAYS.findall(shape)[len(operands)]
        return (_padded_bytes(part) if any(operands) else 0) + _far_bytes(part)
    return _far_bytes(shape) + sum(operands)


def _computations(text: str) -> tuple[dict[str, list[str]], str]:
    """The lines of each computation by its name, and the name of the outermost one."""
    found: dict[str, list[str]] = {}
    entry = current = ""
    for line in text.splitlines():
        header = _COMPUTATION.match(line)
        if header:
            current = header["name"]
            found[current] = []
            entry = current if header["entry"] else entry
        elif current:
            found[current].append(line)
    return found, entry


def _far_bytes(shape: str) -> int:
    return sum(_padded_bytes(part) for part in _ARRAYS.findall(shape) if not _NEAR.search(part))


def _padded_bytes(array: str) -> int:
    """The bytes of an array, such as `bf16[8,3]{1,0:T(8,128)(2,1)}`, with what fills its tiles."""
    match = _TILED.search(array)
    exact = collectives.bytes_of(array)
    if match is None or not exact:
        return exact
    sizes, order, tile = ([int(n) for n in match[i].split(",") if n] for i in (1, 2, 3))
    sides = list(reversed(tile))
    # The tile's last side lies along the axis whose elements are neighbors in memory.
    filled = [-(-sizes[axis] // side) * side for axis, side in zip(order, sides, strict=False)]
    plain = [sizes[axis] for axis, _ in zip(order, sides, strict=False)]
    return exact * math.prod(filled) // math.prod(plain)
