"""All checks of a folder of fixtures, by kind."""

import pathlib
from collections.abc import Callable, Sequence

import jax

from scaf_jax.parity import comparison, crops, fixtures, forward, functions, steps

# Kind of fixture -> patterns of its files. Where one is there, all have to be.
KINDS = {
    "networks": ("fabrec_*_state.json", "fabrec_*_eval.npz"),
    "block": ("hpm_block_*_state.json", "hpm_block_*.npz"),
    "losses": ("losses.npz",),
    "metrics": ("metrics.npz",),
    "targets": ("heatmap_targets.npz",),
    "crops": ("crops_*.json", "crops_*.npz"),
    "supervised": ("supervised_steps.npz",),
    "unsupervised": ("unsupervised_steps.json", "unsupervised_after.npz"),
}

Check = Callable[[fixtures.Folder], list[comparison.Row]]


def present_kinds(folder: fixtures.Folder) -> list[str]:
    """Returns the kinds of fixtures of which the folder has a file.

    Raises:
      FixtureError: Of some kind it lacks files; the message names them.
    """
    present = []
    for kind, patterns in KINDS.items():
        found = [_stems(folder, pattern) for pattern in patterns]
        for pattern, stems in zip(patterns, found, strict=True):
            if missing := sorted(set().union(*found) - stems):
                files = ", ".join(f"'{_file(pattern, stem)}'" for stem in missing)
                raise fixtures.FixtureError(
                    f"'{folder.path}' lacks {files}, which belongs to other files in it"
                )
        if any(found):
            present.append(kind)
    return present


def _stems(folder: fixtures.Folder, pattern: str) -> set[str]:
    """What stands for the * of a pattern in the names of the folder's files."""
    before, star, after = pattern.partition("*")
    names = folder.names(pattern)
    if not star:
        return {""} if names else set()
    return {name.removeprefix(before).removesuffix(after) for name in names}


def _file(pattern: str, stem: str) -> str:
    return pattern.replace("*", stem)


def run(folder: fixtures.Folder, faces: pathlib.Path, kinds: Sequence[str]) -> list[comparison.Row]:
    """Recomputes every number of some kinds of fixtures.

    Args:
      folder: The fixtures.
      faces: Folder of the photos that were cropped.
      kinds: Names from `KINDS`.

    Raises:
      FixtureError: A file or photo is missing or unreadable, or its content makes no sense.
    """
    checks: dict[str, Check] = {
        "networks": forward.check_networks,
        "block": forward.check_blocks,
        "losses": functions.check_losses,
        "metrics": functions.check_metrics,
        "targets": functions.check_targets,
        "crops": lambda folder: crops.check_crops(folder, faces),
        "supervised": steps.check_supervised,
        "unsupervised": steps.check_unsupervised,
    }
    rows = []
    with jax.default_matmul_precision("highest"):
        for kind in kinds:
            rows += checks[kind](folder)
    return rows
