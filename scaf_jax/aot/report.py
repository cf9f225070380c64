"""Figures as text: one step's, and the table of many."""

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from scaf_jax.files import strict_json
from scaf_jax.reporting import tables

HEADER = (
    "stage",
    "topology",
    "dtype",
    "images a chip",
    "GB of the chip",
    "TFLOP",
    "GB moved (compiler's count)",
    "GB sent",
    "ms compute",
    "ms memory",
    "ms links",
    "bound by",
    "images/s at most",
)
NOTE = (
    "A model, not a measurement: the program was compiled and counted, and never ran. No chip "
    "reaches its best rates, so real steps are slower.\n"
)


def table(figures: Iterable[Mapping[str, Any]]) -> tables.Table:
    """Returns the table of steps, as `scaf_jax.aot` writes their figures.

    Amounts and times are those of one chip in one step, images/s those of all chips.
    """
    return tables.Table(HEADER, tuple(_row(one) for one in figures), num_names=3)


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    seconds = one["seconds"]
    return (
        one["stage"],
        one["topology"],
        one["compute_dtype"],
        f"{one['images'] / one['chips']:g}",
        f"{one['memory']['total'] / 1e9:.2f} ({one['memory']['share_of_chip']:.0%})",
        f"{one['flops'] / 1e12:.3f}",
        f"{one['bytes'] / 1e9:.2f} ({one['bytes_accessed'] / 1e9:.2f})",
        f"{one['sent_bytes'] / 1e9:.3f}",
        *(f"{1e3 * seconds[side]:.2f}" for side in ("compute", "memory", "links")),
        one["bound"],
        f"{one['images_per_second']:,.0f}",
    )


def describe(one: Mapping[str, Any]) -> str:
    """Returns one step's figures as lines for a terminal."""
    memory = {name: f"{value / 1e9:.2f} GB" for name, value in list(one["memory"].items())[:-1]}
    collectives = [
        f"{entry['number']} {kind} of {entry['bytes'] / 1e6:.1f} MB"
        for kind, entry in one["collectives"].items()
    ]
    columns = zip(HEADER, _row(one), strict=True)
    lines = [f"{name}: {value}" for name, value in columns]
    lines += [f"memory of a chip: {', '.join(f'{k} {v}' for k, v in memory.items())}"]
    lines += [f"collectives: {'; '.join(collectives) or 'none'}", NOTE.strip()]
    return "\n".join(lines)


def read_folder(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Reads all figures of a folder, in the order of their names."""
    return [strict_json.read_json(path) for path in sorted(folder.glob("*.json"))]
