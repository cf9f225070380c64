"""The report of a run of active learning: error against number of labels, round by round."""

from collections.abc import Mapping, Sequence
from typing import Any

from scaf_jax.active_learning import labels, learning_curve, selections
from scaf_jax.files import atomic, strict_json
from scaf_jax.files.places import Place
from scaf_jax.reporting import report, tables
from scaf_jax.runs.run import Run

CONFIG_FILE = "config.json"
CURVE_FILE = "learning_curve.png"


def write_config(workdir: Place, run: Run) -> None:
    """Keeps the run's config, from which rounds can be exported again."""
    workdir.mkdir(parents=True, exist_ok=True)
    atomic.write_json(workdir / CONFIG_FILE, run.config)


def read_errors(folder: Place) -> dict[str, float]:
    """Returns the NME of a round, percent, by test set; nothing where there is none."""
    path = folder / "report" / "metrics.json"
    if not path.is_file():
        return {}
    metrics = strict_json.read_json(path)
    errors = {
        name: split["predictors"][split["decoder"]][metrics["normalizer"]]["nme"]
        for name, split in metrics["splits"].items()
    }
    return {name: nme for name, nme in errors.items() if nme is not None}


def write(
    workdir: Place,
    run: Run,
    rounds: Sequence[selections.Selection],
    new_faces: Mapping[int, Mapping[str, float]],
) -> report.Report:
    """Writes `report.md`, `metrics.json` and `learning_curve.png` of the rounds so far.

    Args:
      workdir: Its folder.
      run: The run.
      rounds: The rounds' choices.
      new_faces: By number of a round, what its faces' NME was before they were learned, percent
        by key.
    """
    rows: list[dict[str, Any]] = []
    count = 0
    folders: dict[int, Place] = {}
    unknown: list[learning_curve.Point] = []
    for selection in rounds:
        if new_faces.get(selection.round):
            unknown.append(learning_curve.Point(count, new_faces[selection.round]))
        count += len(selection.keys) - len(labels.left_out(workdir, [selection]).all)
        errors = read_errors(selections.round_folder(workdir, selection.round))
        rows.append(
            {"round": selection.round, "chosen by": selection.strategy, "labels": count}
            | {"nme": errors}
        )
        folders[count] = selections.round_folder(workdir, selection.round)
    curves = learning_curve.test_curves(folders)
    if unknown and not curves:
        # They are chosen, not drawn: where the strategy takes hard ones, test faces are easier.
        name = learning_curve.NEW_FACES
        curves = [learning_curve.Curve(name, tuple(unknown), same_faces=False)]
        means = {point.labels: point.mean for point in unknown}
        for row in rows:
            row["nme"] = {name: means[row["labels"]]} if row["labels"] in means else {}
    judgements = [learning_curve.judgement(curve) for curve in curves]
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
        f"Normalizer: {run.evaluation.normalizer}. Seeds: weights {run.seed}, choice {seed}. "
        "Each round is trained from the weights of stage 1. Details are in "
        f"`{selections.ROUNDS_FOLDER}/round_N/`.\n"
    )
    if curves:
        text += f"\n## More labels?\n\n![Error against labels]({CURVE_FILE})\n\n"
        text += "".join(f"- {line}\n" for line in judgements)
        atomic.write_png(workdir / CURVE_FILE, learning_curve.draw(curves))
    metrics = {
        "strategy": strategy,
        "rounds": rows,
        "more_labels": judgements,
        "config": run.config,
    }
    atomic.write_json(workdir / "metrics.json", metrics)
    atomic.write_text(workdir / "report.md", text)
    return report.Report(
        workdir / "report.md", metrics, "\n".join([table.text().rstrip("\n"), *judgements])
    )
