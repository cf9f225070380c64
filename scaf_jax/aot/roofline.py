"""From a compiled program to figures: what it needs and how fast a chip could do that at best.

The figures are a model. The compiler counts operations and bytes of its own program; the time is
what the busiest of matrix units, memory and links would take if it never waited.
"""

from typing import Any

import jax

from scaf_jax.aot import chips, collectives, movers

COMPUTE, MEMORY, LINKS = "compute", "memory", "links"


def figures(
    compiled: jax.stages.Compiled, *, chip: chips.Chip, num_chips: int, images: int
) -> dict[str, Any]:
    """Returns what a compiled program needs on one chip, JSON values.

    Args:
      compiled: The program.
      chip: What it was compiled for.
      num_chips: How many of them.
      images: Images in a step, over all chips.

    Returns:
      `memory`, bytes by kind and as a share of the chip's; `flops`; `bytes`, moved to and from the
      chip's memory (`movers`), and `bytes_accessed`, the compiler's count, which takes in the fast
      memory beside the core and is several times as large; `transcendentals`;
      `collectives`, as `collectives.count`; `seconds` by side, `bound` (the slowest side) and
      `images_per_second` of all chips.
    """
    cost = compiled.cost_analysis() or {}
    text = compiled.as_text() or ""
    counts = collectives.count(text)
    flops, moved = float(cost.get("flops", 0)), float(movers.moved_bytes(text))
    sent = collectives.sent_bytes(counts, num_chips)
    return {
        "chip": chip.name,
        "chips": num_chips,
        "images": images,
        "memory": _memory(compiled, chip),
        "flops": flops,
        "bytes": moved,
        "bytes_accessed": float(cost.get("bytes accessed", 0)),
        "transcendentals": float(cost.get("transcendentals", 0)),
        "collectives": counts,
        "sent_bytes": sent,
    } | bound(flops, moved, sent, chip=chip, images=images)


def bound(
    flops: float, moved: float, sent: float, *, chip: chips.Chip, images: int
) -> dict[str, Any]:
    """Returns the roofline: `seconds` by side, `bound` and `images_per_second`.

    Args:
      flops: Operations of one chip in a step.
      moved: Bytes that it reads from and writes to its memory.
      sent: Bytes that it sends to others.
      chip: What it can do.
      images: Images in a step, over all chips.
    """
    seconds = {
        COMPUTE: flops / chip.flops,
        MEMORY: moved / chip.memory_bandwidth,
        LINKS: sent / chip.link_bandwidth,
    }
    slowest = max(seconds, key=lambda side: seconds[side])
    rate = images / seconds[slowest] if seconds[slowest] else 0.0
    return {"seconds": seconds, "bound": slowest, "images_per_second": rate}


def _memory(compiled: jax.stages.Compiled, chip: chips.Chip) -> dict[str, float]:
    analysis = compiled.memory_analysis()
    if analysis is None:
        return {}
    parts: dict[str, float] = {
        "arguments": int(analysis.argument_size_in_bytes),
        "temporaries": int(analysis.temp_size_in_bytes),
        "outputs": int(analysis.output_size_in_bytes),
        # Donated arguments, whose place outputs take over.
        "aliased": int(analysis.alias_size_in_bytes),
    }
    total = parts["arguments"] + parts["temporaries"] + parts["outputs"] - parts["aliased"]
    return parts | {"total": total, "share_of_chip": total / chip.memory_bytes}
