"""The report of a run of active learning: error against number of labels, round by round."""

import pathlib
from collections.abc import Sequence
from typing import Any

from scaf_jax.active_learning import labels, selections
from scaf_jax.files import atomic, strict_json
from scaf_jax.reporting import report, tables
from scaf_jax.runs.run import Run

CONFIG_FILE = "config.json"


def write_config(workdir: pathlib.Path, run: Run) -> None:
    """Keeps the run's config, from which rounds can be exported again."""
    workdir.mkdir(parents=True, exist_ok=True)
    atomic.write_json(workdir / CONFIG_FILE, run.config)


def read_errors(folder: pathlib.Path) -> dict[str, float]:
    """Returns the NME of a round, per cent, by test set; nothing where there is none."""
    path = folder / "report" / "metrics.json"
    if not path.is_file():
        return {}
    metrics = strict_json.read_json(path)
    errors = {
        name: split["predictors"][split["decoder"]][metrics["normalizer"]]["nme"]
        for name, split in metrics["splits"].items()
    }
    return {name: nme for name, nme in errors.items() if nme is not None}


def write(workdir: pathlib.Path, run: Run, rounds: Sequence[selections.Selection]) -> report.Report:
    """Writes `report.md` and `metrics.json` of all rounds.

    Args:
      workdir: Its folder.
      run: The run.
      rounds: The rounds' choices.
    """
    rows: list[dict[str, Any]] = []
    count = 0
    for selection in rounds:
        count += len(selection.keys) - len(labels.skipped(workdir, [selection]))
        errors = read_errors(selections.round_folder(workdir, selection.round))
        rows.append(
            {"round": selection.round, "chosen by": selection.strategy, "labels": count}
            | {"nme": errors}
        )
    names = list(dict.fromkeys(name for row in rows for name in row["nme"]))
    table = tables.Table(
        ("round", "chosen by", "labels", *(f"{name} NME %" for name in names)),
        tuple(
            (str(row["round"]), row["chosen by"], str(row["labels"]))
            + tuple(f"{row['nme'][name]:.2f}" if name in row["nme"] else "-" for name in names)
            for row in rows
        ),
        num_names=2,
    )
    section = run.config["active_learning"]
    strategy, seed = section["strategy"], section["seed"]
    text = (
        f"# Active learning: {strategy}\n\n{table.markdown()}\n"
        f"Normaliser: {run.evaluation.normalizer}. Seeds: weights {run.seed}, choice {seed}. "
        "Each round is trained from the weights of stage 1. Details are in "
        f"`{selections.ROUNDS_FOLDER}/round_N/`.\n"
    )
    metrics = {"strategy": strategy, "rounds": rows, "config": run.config}
    atomic.write_json(workdir / "metrics.json", metrics)
    atomic.write_text(workdir / "report.md", text)
    return report.Report(workdir / "report.md", metrics, table.text())
