"""Model cards: what a network is, what it learned from, how good it is, what it is not for.

Written beside a report, of the same numbers; the short form goes along in weights files.
"""

import re
from collections.abc import Mapping
from typing import Any

from scaf_jax.files.escaping import escape_markdown
from scaf_jax.reporting.tables import Table

# Keys of the short form.
DATA, ERRORS = "data", "errors"

_OTHER_BOX = re.compile(r"(.*) \((\w+) box\)", re.DOTALL)
_NOT_FOR = (
    "It is not for identity: not for recognizing, comparing or searching people, nor for guessing "
    "age, gender, origin or character. Errors differ between kinds of faces (pose, light, glasses, "
    "age, origin); the table above tells averages over the test sets alone.\n"
)
_LICENCE = (
    "Not stated. `python -m scaf_jax.weights export` keeps what is given with `--licence`, "
    "`--attribution` and `--training_data`. The licences of the photos, of their labels and of "
    "stage 1 bind the weights that were learned from them.\n"
)


def markdown(metrics: Mapping[str, Any]) -> str:
    """Returns the card of a landmark network.

    Args:
      metrics: What `report.write_report` stores as `metrics.json`.
    """
    facts, data = metrics["training"], _part(_config(metrics), "data")
    what = {
        "network": facts.get("model"),
        "landmarks": metrics["scheme"],
        "began with stage 1": facts.get("stage 1"),
        "coordinates": data.get("pixel_convention"),
    }
    sections = [*_beginning(what, metrics)]
    sections += [f"> **Warning:** {escape_markdown(text)}\n" for text in metrics["warnings"]]
    sections += ["## Errors\n", _errors_table(metrics).markdown()]
    sections += [f"NME: mean error in percent of `{metrics['normalizer']}`. The report has more.\n"]
    return "\n".join(sections + _end())


def stage1_markdown(metrics: Mapping[str, Any]) -> str:
    """Returns the card of a stage 1.

    Args:
      metrics: What `report.write_pretraining_report` stores as `metrics.json`.
    """
    unlabeled = _part(_config(metrics), "pretraining").get("unlabeled_dir")
    what = {"network": "autoencoder of faces (stage 1)", "photos without labels": unlabeled}
    rows = [
        (name, str(found["images"]), _number(found["l1"]), _number(found["ssim"]))
        for name, found in metrics["sets"].items()
    ]
    header = ("images", "number", "L1, gray levels", "SSIM")
    sections = [*_beginning(what, metrics), "## What it rebuilds\n"]
    sections += [Table(header, tuple(rows), num_names=1).markdown()]
    return "\n".join(sections + _end())


def _beginning(what: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[str]:
    config = _config(metrics)
    what = {
        **what,
        "crops, pixels": config.get("input_size"),
        "width": config.get("width_multiplier"),
        "training steps": metrics["training"].get("training steps"),
        "data": _data(metrics),
        "boxes of the training": _box(metrics),
    }
    rows = [(name, str(value)) for name, value in what.items() if value not in (None, "")]
    return ["# Model card\n", Table(("", "value"), tuple(rows), num_names=2).markdown()]


def _end() -> list[str]:
    return ["## What it is not for\n", _NOT_FOR, "## Licence\n", _LICENCE]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def short_form(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Returns the data and the errors as texts, for files that have no room for tables.

    Args:
      metrics: As for `markdown`.
    """
    errors = [
        f"{name}, {box} boxes, {faces} faces: NME {nme} %"
        for name, box, faces, nme in _rows(metrics)
    ]
    found = {DATA: _data(metrics), ERRORS: "; ".join(errors)}
    found[ERRORS] += f" of {metrics['normalizer']}"
    return found


def _errors_table(metrics: Mapping[str, Any]) -> Table:
    return Table(("test set", "boxes", "faces", "NME %"), tuple(_rows(metrics)), num_names=2)


def _rows(metrics: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    rows = []
    for name, split in metrics["splits"].items():
        found = split["predictors"][split["decoder"]][metrics["normalizer"]]
        other = _OTHER_BOX.fullmatch(name)
        test_set, box = other.groups() if other else (name, _box(metrics) or "the data set's")
        rows.append((test_set, box, str(found["faces"]), _number(found["nme"])))
    return rows


def _data(metrics: Mapping[str, Any]) -> str:
    data = _part(_config(metrics), "data")
    training = metrics["training"]
    count = training.get("labeled faces", training.get("labelled faces"))  # as reports were before
    parts = [data.get("name"), data.get("train_split"), f"{count} labeled faces" if count else ""]
    return ", ".join(str(part) for part in parts if part)


def _box(metrics: Mapping[str, Any]) -> str:
    return str(_part(_config(metrics), "data").get("box", ""))


def _config(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    return _part(metrics["training"], "config")


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name)
    return found if isinstance(found, Mapping) else {}
