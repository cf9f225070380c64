"""Compiles a config's real step for TPUs that are not there, and tells what it would cost.

    python -m scaf_jax.aot --config=configs/300w.py --stage=alignment --topology=v5e:2x4
        [--images_per_chip=N] [--output=DIR] [--movers=N] [--nocache]

Stages: pretraining, alignment, scoring. Topologies: v4, v5e, v5p, v6e, a colon and a shape. It
needs libtpu (pip install 'scaf_jax[tpu]') and Linux, no TPU. With --output, DIR gets the figures
as JSON, and table.md of all figures in it. Nothing is opened or trained.
"""

import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import app, flags, logging
from ml_collections import config_flags

from scaf_jax.aot import compilation, movers, programs, report, topology
from scaf_jax.commands import config_files
from scaf_jax.files import atomic

_CONFIG = config_flags.DEFINE_config_file("config", None, "Config file; see scaf_jax.main.")
_STAGE = flags.DEFINE_enum("stage", None, programs.STAGES, "Which step.")
_TOPOLOGY = flags.DEFINE_string("topology", "v5e:2x4", "Generation and shape of the TPU slice.")
_IMAGES = flags.DEFINE_integer(
    "images_per_chip", 0, "Images that each chip sees in a step; 0: the config's batch size."
)
_OUTPUT = flags.DEFINE_string("output", "", "Folder for the figures; made if missing.")
_MOVERS = flags.DEFINE_integer("movers", 0, "Lists so many operations that move the most bytes.")
_CACHE = flags.DEFINE_boolean("cache", True, "Whether figures of earlier compilations are taken.")


def main(argv: Sequence[str]) -> int:
    """Compiles, prints the figures and writes them; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument '{argv[1]}': flags start with --")
    topology.configure()
    try:
        figures, text = _figures()
    except (ModuleNotFoundError, ValueError) as error:
        logging.error("%s", error)
        return 1
    print(report.describe(figures))
    for mover in movers.largest(text or "", _MOVERS.value):
        print(f"{mover.bytes / 1e6:9.1f} MB  {mover.opcode}  {mover.name}  {mover.source}")
    if _OUTPUT.value:
        _write(pathlib.Path(_OUTPUT.value), figures)
    return 0


def _figures() -> tuple[dict[str, Any], str | None]:
    config, name = _CONFIG.value, _TOPOLOGY.value
    program = programs.build(config, str(_STAGE.value), topology.devices(name), _IMAGES.value)
    # The list of movers needs the program itself.
    cache = compilation.cache_folder() if _CACHE.value and not _MOVERS.value else None
    found, text = compilation.figures(program, name, cache=cache)
    return {"stage": _STAGE.value, "compute_dtype": config.compute_dtype, **found}, text


def _write(folder: pathlib.Path, figures: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    parts = [figures[name] for name in ("stage", "topology", "compute_dtype")]
    parts.append(f"{figures['images'] // figures['chips']}")
    atomic.write_json(folder / f"{'-'.join(parts).replace(':', '_')}.json", figures)
    table = report.table(report.read_folder(folder)).markdown()
    atomic.write_text(folder / "table.md", f"{report.NOTE}\n{table}")


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "stage"])
    logging.set_verbosity(logging.INFO)
    app.run(main, argv=[config_files.resolved_argument(argument) for argument in sys.argv])
