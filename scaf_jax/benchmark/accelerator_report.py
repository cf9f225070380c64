"""The steps measured on an accelerator, as a Markdown table with what one must know to read it."""

from collections.abc import Mapping
from typing import Any

from scaf_jax.reporting import tables

FLOAT32 = ("ours", "torch", "torch_compile")
BFLOAT16 = ("ours_bf16", "torch_bf16", "torch_compile_bf16")
_HEADER = (
    "size",
    "what",
    "ours f32 images/s",
    "torch",
    "torch.compile",
    "ours / fastest torch",
    "ours bf16 images/s",
    "torch bf16",
    "torch.compile bf16",
    "ours / fastest torch, bf16",
    "GB a step",
    "GFLOP a step",
    "share of the bandwidth",
    "compile s",
)
_NOTES = """\
- images/s from the median wall time; all contestants run by turns, from the same weights, on the
  same batch, and wait for the device after each step. A stage 1 time covers its cycle of four
  steps, with all terms on.
- f32: parameters and results in float32; products on TF32 units where the device has them, in XLA
  and in PyTorch. bf16: networks compute in bfloat16 (PyTorch: autocast), losses in float32.
- torch: the same networks and steps, channels_last, fused Adam, without gradients that nobody uses;
  torch.compile compiles each network ({compiler}).
- GB and GFLOP a step: what XLA counts for the compiled program, f32 (bf16 in parentheses).
- share of the bandwidth: these bytes in the time that the step takes, of the {copy:.0f} GB/s that a
  large copy reads and writes here, f32 (bf16): 1 is as fast as memory allows.
- compile: tracing, lowering and compiling, without the persistent cache, f32 (bf16)."""


def format_report(result: dict[str, Any]) -> str:
    """Returns machine, table and notes in Markdown.

    Args:
      result: What the command `steps` writes as JSON.
    """
    machine, arguments = result["machine"], result["arguments"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items() if v)
    heading = (
        f"{machine['device']} ({machine['devices']}), {machine['processor']}, "
        f"{machine['usable_cores']} cores; {versions}. Batch {arguments['batch']}, width "
        f"{arguments['width']:g}."
    )
    rows = tuple(_row(row, result["copy_bytes_per_second"]) for row in result["rows"])
    notes = _NOTES.format(
        compiler=arguments["torch_compiler"], copy=result["copy_bytes_per_second"] / 1e9
    )
    return "\n".join([heading, "", tables.Table(_HEADER, rows, num_names=2).markdown(), notes])


def bandwidth_share(row: Mapping[str, Any], name: str, copy_rate: float) -> float | None:
    """Returns a contestant's bytes a second as a share of what a copy reaches; None if unknown."""
    one = row["contestants"].get(name, {})
    moved = one.get("work", {}).get("bytes")
    if moved is None:
        return None
    return moved * row["steps_per_run"] / one["median_seconds"] / copy_rate


def lead(row: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    """Returns the first contestant's speed as a multiple of the fastest of the others."""
    found = [row["contestants"].get(name, {}).get("images_per_second") for name in names]
    ours, others = found[0], [rate for rate in found[1:] if rate]
    return ours / max(others) if ours and others else None


def _row(row: dict[str, Any], copy_rate: float) -> tuple[str, ...]:
    found = row["contestants"]

    def speeds(names: tuple[str, ...]) -> list[str]:
        rates = [found.get(name, {}).get("images_per_second") for name in names]
        return [_number(rate, "{:.4g}") for rate in rates] + [_number(lead(row, names), "{:.2f}")]

    def both(show: str, of: Any) -> str:
        ours, bf16 = (of(name) for name in (FLOAT32[0], BFLOAT16[0]))
        return f"{_number(ours, show)} ({_number(bf16, show)})"

    def work(name: str, kind: str) -> float | None:
        amount = found.get(name, {}).get("work", {}).get(kind)
        return None if amount is None else amount / 1e9

    return (
        str(row["size"]),
        row["title"],
        *speeds(FLOAT32),
        *speeds(BFLOAT16),
        both("{:.3g}", lambda name: work(name, "bytes")),
        both("{:.3g}", lambda name: work(name, "flops")),
        both("{:.2f}", lambda name: bandwidth_share(row, name, copy_rate)),
        both("{:.1f}", lambda name: found.get(name, {}).get("compile_seconds")),
    )


def _number(value: float | None, show: str) -> str:
    return "-" if value is None else show.format(value)
