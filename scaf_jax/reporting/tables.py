"""Numbers as text: one table, shown as Markdown in a report and as plain text in a terminal."""

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scaf_jax.files.atomic import plain
from scaf_jax.files.escaping import escape_markdown, printable, spreadsheet_text
from scaf_jax.reporting.results import MEAN_SHAPE, Array, ReconstructionResults, SplitResults


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first `num_names` columns hold names, the rest numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_names: int = 1

    def markdown(self) -> str:
        """Returns the table in Markdown, with its cells escaped."""
        rules = ["---" if i < self.num_names else "---:" for i in range(len(self.header))]
        lines = [self.header, *self.rows]
        text = ["| " + " | ".join(escape_markdown(cell) for cell in line) + " |" for line in lines]
        return "\n".join([text[0], "| " + " | ".join(rules) + " |", *text[1:]]) + "\n"

    def text(self) -> str:
        """Returns the table for a terminal, columns aligned."""
        lines = [[printable(cell) for cell in line] for line in (self.header, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        aligned = [
            "  ".join(
                cell.ljust(width) if i < self.num_names else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        rule = "  ".join("-" * width for width in widths)
        return "\n".join([aligned[0], rule, *aligned[1:]]) + "\n"


def alignment_table(metrics: Mapping[str, Any]) -> Table:
    """Returns the table of test sets and decoders, with the mean shape's NME beside.

    Args:
      metrics: What `write_report` returns and stores as `metrics.json`.
    """
    normalizer = metrics["normalizer"]
    columns = _columns(metrics["thresholds"])
    with_baseline = any(MEAN_SHAPE in split["predictors"] for split in metrics["splits"].values())
    header = ["test set", "decoder", "faces", *(title for _, title in columns)]
    header += ["mean shape NME %", "NME / mean shape"] if with_baseline else []
    rows = []
    for name, split in metrics["splits"].items():
        baseline = split["predictors"].get(MEAN_SHAPE, {}).get(normalizer, {}).get("nme")
        for decoder, by_normalizer in split["predictors"].items():
            if decoder == MEAN_SHAPE:
                continue
            numbers = by_normalizer[normalizer]
            row = [name, decoder, *_cells(numbers, columns)]
            row += [_number(baseline), _ratio(numbers["nme"], baseline)] * with_baseline
            rows.append(tuple(row))
    return Table(tuple(header), tuple(rows), num_names=2)


def subset_table(metrics: Mapping[str, Any]) -> Table | None:
    """Returns the table of the collections inside each test set, or None where there are none.

    Args:
      metrics: As for `alignment_table`.
    """
    columns = _columns(metrics["thresholds"])
    rows = [
        (name, subset or "(none)", *_cells(by_normalizer[metrics["normalizer"]], columns))
        for name, split in metrics["splits"].items()
        for subset, by_normalizer in split.get("subsets", {}).items()
    ]
    header = ("test set", "subset", "faces", *(title for _, title in columns))
    return Table(header, tuple(rows), num_names=2) if rows else None


def reconstruction_table(results: Sequence[ReconstructionResults]) -> Table:
    """Returns the table of image sets with their L1 and SSIM, mean and standard deviation."""
    header = ("images of", "images", "L1 (0..255)", "+-", "SSIM", "+-")
    rows = []
    for result in results:
        l1, ssim = result.l1, result.ssim
        cells = (l1.mean(), l1.std(), ssim.mean(), ssim.std()) if l1.size else (None,) * 4
        digits = (2, 2, 3, 3)
        numbers = (_number(cell, places) for cell, places in zip(cells, digits, strict=True))
        rows.append((result.name, str(l1.size), *numbers))
    return Table(header, tuple(rows))


def facts_table(facts: Mapping[str, Any]) -> Table | None:
    """Returns a table of the facts that fit in a cell, or None where there are none."""
    rows = [(str(key), _fact(value)) for key, value in facts.items() if not is_nested(value)]
    return Table(("", "value"), tuple(rows), num_names=2) if rows else None


def is_nested(value: Any) -> bool:
    """Whether a fact is a structure, to be shown as JSON rather than in a cell."""
    return isinstance(plain(value), dict)


def per_face_csv(
    splits: Sequence[SplitResults],
    per_face: Mapping[str, Mapping[str, Array]],
    threshold: float,
) -> str:
    """Returns one line for each face: split, key, subset, landmarks, nme, failed@T, others' NME.

    Texts pass through `spreadsheet_text`. NME is in percent and empty for a face without
    landmarks or without those that errors are divided by, and for one that was not found, which
    has failed. Columns `nme: NAME` hold the other decoders and the mean shape.

    Args:
      splits: The test sets.
      per_face: NME of each face by test set and predictor.
      threshold: A face has failed (1) if its NME is strictly above it, percent.
    """
    others = dict.fromkeys(
        name for split in splits for name in per_face[split.name] if name != split.decoder
    )
    output = io.StringIO()
    writer = csv.writer(output, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    header = ["split", "key", "subset", "landmarks", "nme", f"failed@{threshold:g}"]
    writer.writerow([*header, *(spreadsheet_text(f"nme: {name}") for name in others)])
    for split in splits:
        columns = per_face[split.name]
        counts = np.asarray(split.mask, bool).sum(axis=1)
        for i, (key, subset) in enumerate(zip(split.keys, split.subsets, strict=True)):
            nme = float(columns[split.decoder][i])
            texts = [spreadsheet_text(text) for text in (split.name, key, subset)]
            failed = "" if np.isnan(nme) else int(nme > threshold)
            beside = [_csv_number(columns[name][i]) if name in columns else "" for name in others]
            writer.writerow([*texts, int(counts[i]), _csv_number(nme), failed, *beside])
    return output.getvalue()


def _columns(thresholds: Sequence[float]) -> list[tuple[str, str]]:
    """Metric and title of each column: failure rate at the largest threshold, all areas."""
    descending = sorted(thresholds, reverse=True)
    columns = [("nme", "NME %")]
    columns += [(f"fr@{descending[0]:g}", f"fr@{descending[0]:g} %")] if descending else []
    return columns + [(f"auc@{t:g}", f"auc@{t:g}") for t in descending]


def _cells(numbers: Mapping[str, Any], columns: list[tuple[str, str]]) -> list[str]:
    cells = [str(numbers["faces"])]
    for metric, _ in columns:
        value = numbers[metric]
        if metric.startswith("fr@"):
            cells.append(_number(None if value is None else 100 * value))
        else:
            cells.append(_number(value, 2 if metric == "nme" else 3))
    return cells


def _number(value: float | None, places: int = 2) -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:.{places}f}"


def _ratio(value: float | None, whole: float | None) -> str:
    return _number(value / whole, 3) if value is not None and whole else "-"


def _csv_number(value: float) -> float | str:
    return round(float(value), 6) if np.isfinite(value) else ""


def _fact(value: Any) -> str:
    value = plain(value)
    return value if isinstance(value, str) else json.dumps(value)
