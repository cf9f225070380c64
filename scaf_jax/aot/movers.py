"""Which operations of a compiled program move the most bytes, read from its text."""

import dataclasses
import re

from scaf_jax.aot import collectives

_LINE = re.compile(r"^\s*(?:ROOT )?%?(?P<name>[\w.-]+) = (?P<rest>.+)$")
_OPCODE = re.compile(r" (?P<opcode>[a-z][\w-]*)\((?P<operands>[^)]*)\)")
_SOURCE = re.compile(r'op_name="([^"]*)"')
# They name arrays that exist already, or wait for what was begun elsewhere.
_FREE = {"parameter", "get-tuple-element", "tuple", "bitcast", "constant", "conditional", "while"}
# An array with this mark in its layout is kept beside the core, not in the chip's memory.
_NEAR = "S(1)"


@dataclasses.dataclass(frozen=True)
class Mover:
    """An operation of a program's outermost level.

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


def largest(text: str, count: int) -> list[Mover]:
    """Returns the operations that move the most bytes, the largest first.

    Args:
      text: HLO as a compiled program's `as_text()` gives it.
      count: How many to return.
    """
    return sorted(_movers(text), key=lambda mover: -mover.bytes)[:count]


def _movers(text: str) -> list[Mover]:
    sizes: dict[str, int] = {}
    found = []
    for line in _outermost(text):
        match = _LINE.match(line)
        opcode = match and _OPCODE.search(f" {match['rest']}")
        if not match or not opcode:
            continue
        shape = f" {match['rest']}"[: opcode.start()]
        sizes[match["name"]] = _far_bytes(shape)
        if opcode["opcode"] in _FREE or opcode["opcode"].endswith("-done"):
            continue
        operands = re.findall(r"%([\w.-]+)", opcode["operands"])
        moved = sizes[match["name"]] + sum(sizes.get(name, 0) for name in operands)
        source = _SOURCE.search(line)
        found.append(Mover(match["name"], opcode["opcode"], moved, source[1] if source else ""))
    return found


def _outermost(text: str) -> list[str]:
    """The lines of the computation that begins with ENTRY."""
    _, _, rest = text.partition("\nENTRY ")
    body, _, _ = rest.partition("\n}")
    return body.splitlines()[1:]


def _far_bytes(shape: str) -> int:
    parts = re.findall(r"\w+\[[\d,]*\](?:\{[^}]*\})?", shape)
    return sum(collectives.bytes_of(part) for part in parts if _NEAR not in part)
