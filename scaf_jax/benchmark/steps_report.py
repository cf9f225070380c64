"""The measured steps as a Markdown table with what one must know to read it."""

from typing import Any

from scaf_jax.reporting import tables

_HEADER = (
    "size",
    "what",
    "ours images/s",
    "plain lax",
    "XLA as it comes",
    "torch",
    "ours/torch",
    "ours/plain",
    "ours/XLA",
    "compile s",
    "memory GiB",
)
_NOTES = """\
- images/s from the median wall time; all contestants run by turns, from the same weights, on the
  same batch. A stage 1 time covers its cycle of four steps (the embedding
  discriminator learns in one, the image discriminator in two), with all terms on.
- plain lax: the same step with `jax.lax` convolutions and pooling on the CPU, too, and nothing
  else changed: the same XLA flags and memory settings.
- XLA as it comes: plain lax in a process of its own without these flags and settings.
- torch: the same networks and steps in eager PyTorch, channels_last, fused Adam, {threads}
  threads, without gradients that nobody uses; it runs under the same memory settings.
- compile: tracing, lowering and compiling, without the persistent cache, ours (plain lax).
- memory: arguments, results and intermediate values of the compiled program, by the compiler's
  account, ours (plain lax); PyTorch's was not measured."""


def format_report(result: dict[str, Any]) -> str:
    """Returns machine, table and notes in Markdown.

    Args:
      result: What the command `steps` writes as JSON.
    """
    rows = tuple(_row(row) for row in result["rows"])
    table = tables.Table(_HEADER, rows, num_names=2).markdown()
    notes = _NOTES.format(threads=result["torch_threads"])
    return "\n".join([_machine(result), "", table, notes])


def _machine(result: dict[str, Any]) -> str:
    machine, arguments = result["machine"], result["arguments"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items() if v)
    return (
        f"{machine['processor']}, {machine['usable_cores']} of {machine['cores']} cores, device "
        f"{machine['device']}, our convolutions by {machine['convolutions']}; {versions}; float32 "
        f"matrix products: {machine['matmul_float32_gflops']:.0f} GFLOP/s. Batch "
        f"{arguments['batch']}, width {arguments['width']:g}."
    )


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    found, ratios = row["contestants"], row["speed_ratios"]

    def speed(name: str) -> str:
        return f"{found[name]['images_per_second']:.3g}" if name in found else "-"

    def ratio(name: str) -> str:
        return f"{ratios[name]:.2f}" if name in ratios else "-"

    return (
        str(row["size"]),
        row["title"],
        speed("ours"),
        speed("plain_lax"),
        speed("xla_default"),
        speed("torch"),
        ratio("ours/torch"),
        ratio("ours/plain_lax"),
        ratio("ours/xla_default"),
        _with_plain(found, lambda one: f"{one['compile_seconds']:.1f}"),
        _with_plain(found, _gibibytes),
    )


def _gibibytes(contestant: dict[str, Any]) -> str:
    total = contestant["memory_bytes"].get("total")
    return "-" if total is None else f"{total / 2**30:.2f}"


def _with_plain(found: dict[str, Any], show: Any) -> str:
    """Our number, and that of plain lax in parentheses if there is one."""
    text = show(found["ours"])
    return f"{text} ({show(found['plain_lax'])})" if "plain_lax" in found else text
