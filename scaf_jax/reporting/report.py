"""Writing the two reports: of alignment (stage 2) and of reconstruction (stage 1).

A report is a folder: `report.md` to read, `model_card.md` to pass on with the network,
`metrics.json` for programs, `per_face.csv` for spreadsheets, and PNGs. Each file is written whole
or not at all, `report.md` last, so that it never shows a picture that is not there.
"""

import dataclasses
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scaf_jax.files import atomic, places
from scaf_jax.files.escaping import escape_markdown
from scaf_jax.files.places import Place
from scaf_jax.landmarks.normalizers import DEFAULT_NORMALIZER, normalizer_text
from scaf_jax.landmarks.schemes import LandmarkScheme
from scaf_jax.reporting import model_card, tables
from scaf_jax.reporting.curves import error_curves
from scaf_jax.reporting.drawing import Image
from scaf_jax.reporting.figures import worst_indices
from scaf_jax.reporting.results import (
    Array,
    ReconstructionResults,
    SplitResults,
    alignment_metrics,
)


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of a report.

    Attributes:
      file_name: Name in the report's folder: letters, digits, `_`, `-` and `.`, ending in `.png`.
      title: Its heading.
      image: (H, W, 3) uint8 RGB.
      note: What there is to see, or nothing.
    """

    file_name: str
    title: str
    image: Image
    note: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.png", self.file_name):
            raise ValueError(f"'{self.file_name}' cannot be the name of a report's picture")


@dataclasses.dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
      path: The report, a Markdown file.
      metrics: What `metrics.json` holds.
      text: Warnings and the main table, for a terminal.
    """

    path: Place
    metrics: dict[str, Any]
    text: str


def write_report(
    folder: str | os.PathLike[str],
    *,
    splits: Sequence[SplitResults],
    scheme: LandmarkScheme,
    normalizer: str = DEFAULT_NORMALIZER,
    thresholds: Sequence[float] = (8, 10),
    extra: Mapping[str, Any] | None = None,
    pictures: Sequence[Picture] = (),
    warnings: Sequence[str] = (),
    title: str = "Face alignment",
    num_worst: int = 10,
) -> Report:
    """Writes `report.md`, `model_card.md`, `metrics.json`, `per_face.csv`, `ced.png`, pictures.

    Args:
      folder: Where; made if it is not there. Files of an earlier report are replaced.
      splits: The test sets, in the order of the tables.
      scheme: What the landmarks mean.
      normalizer: A name from `scaf_jax.landmarks.normalizers.NORMALIZERS`.
      thresholds: Of failure rate and CED area, percent, at least one.
      extra: Facts on the training to keep beside the numbers: config, steps, seed, number of
        labels; mappings among them are shown as JSON.
      pictures: Pictures to show.
      warnings: What a reader must know before the numbers; shown above them.
      title: Heading of the report.
      num_worst: How many faces with the largest errors to list, for each test set.

    Returns:
      The report's path, numbers and table.

    Raises:
      ValueError: Two test sets have one name, there is no test set or threshold, a face's
        normalizing distance is 0 (the message names it), or no face of a set has one.
    """
    names = [split.name for split in splits]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"a report needs test sets with different names; it has {names}")
    if not thresholds:
        raise ValueError("a report needs at least one threshold, in percent")
    per_face = {split.name: split.nme(scheme, normalizer) for split in splits}
    metrics = atomic.plain(alignment_metrics(splits, scheme, normalizer, thresholds, per_face))
    metrics["training"] = atomic.plain(extra or {})
    metrics["warnings"] = list(warnings)
    table = tables.alignment_table(metrics)
    curves = Picture(
        "ced.png",
        "Cumulative error curves",
        error_curves(
            splits,
            per_face,
            divisor=normalizer_text(scheme, normalizer),
            thresholds=thresholds,
        ),
        "Solid: the network. Dotted: its other decoders. Dashed: the mean shape.",
    )

    sections = [f"# {escape_markdown(title)}\n"]
    sections += [f"> **Warning:** {escape_markdown(text)}\n" for text in warnings]
    sections += [table.markdown(), *_left_out(metrics["splits"])]
    sections += [_legend(scheme, normalizer)]
    subsets = tables.subset_table(metrics)
    if subsets:
        sections += ["## By subset\n", subsets.markdown()]
    pictures = [curves, *pictures]
    sections += _picture_sections(pictures)
    sections += ["## Faces with the largest errors\n"]
    sections += [_worst_table(splits, per_face, num_worst).markdown()]
    sections += ["All faces are in [per_face.csv](per_face.csv), all numbers in "]
    sections[-1] += (
        "[metrics.json](metrics.json); the [model card](model_card.md) is to be passed on "
    )
    sections[-1] += "with the network.\n"
    sections += _fact_sections(metrics["training"])

    place = places.as_place(folder)
    place.mkdir(parents=True, exist_ok=True)
    csv_text = tables.per_face_csv(splits, per_face, max(thresholds))
    atomic.write_text(place / "per_face.csv", csv_text)
    atomic.write_text(place / "model_card.md", model_card.markdown(metrics))
    written = _finish(place, metrics, pictures, sections, table)
    text = "\n".join([*(f"Warning: {text}" for text in warnings), written.text])
    return dataclasses.replace(written, text=text)


def write_pretraining_report(
    folder: str | os.PathLike[str],
    *,
    results: Sequence[ReconstructionResults],
    extra: Mapping[str, Any] | None = None,
    pictures: Sequence[Picture] = (),
    title: str = "Face reconstruction",
) -> Report:
    """Writes `report.md`, `model_card.md`, `metrics.json` and the pictures of stage 1.

    Args:
      folder: Where; made if it is not there. Files of an earlier report are replaced.
      results: L1 and SSIM of sets of images, in the order of the table.
      extra: Facts on the training, as for `write_report`.
      pictures: Reconstructions, samples, interpolations.
      title: Heading of the report.

    Returns:
      The report's path, numbers (`sets[name]` has `images`, `l1` and `ssim`) and table.

    Raises:
      ValueError: Two sets have one name, or there is none.
    """
    names = [result.name for result in results]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"a report needs sets with different names; it has {names}")
    sets = {
        result.name: {
            "images": int(result.l1.size),
            "l1": float(np.mean(result.l1)) if result.l1.size else None,
            "ssim": float(np.mean(result.ssim)) if result.ssim.size else None,
        }
        for result in results
    }
    units = {"l1": "gray levels, 0 to 255", "ssim": "at most 1"}
    metrics = atomic.plain({"units": units, "sets": sets, "training": extra or {}})
    table = tables.reconstruction_table(results)
    sections = [f"# {escape_markdown(title)}\n", table.markdown()]
    sections += ["L1: mean absolute difference in gray levels (0 to 255). SSIM: structural "]
    sections[-1] += "similarity, 1 for equal images. +-: standard deviation over the images.\n"
    sections += _picture_sections(pictures)
    sections += _fact_sections(metrics["training"])
    place = places.as_place(folder)
    place.mkdir(parents=True, exist_ok=True)
    atomic.write_text(place / "model_card.md", model_card.stage1_markdown(metrics))
    return _finish(place, metrics, pictures, sections, table)


def _finish(
    folder: Place,
    metrics: dict[str, Any],
    pictures: Sequence[Picture],
    sections: Sequence[str],
    table: tables.Table,
) -> Report:
    for picture in pictures:
        atomic.write_png(folder / picture.file_name, picture.image)
    atomic.write_json(folder / "metrics.json", metrics)
    atomic.write_text(folder / "report.md", "\n".join(sections))
    return Report(folder / "report.md", metrics, table.text())


def _left_out(splits: Mapping[str, Any]) -> list[str]:
    lines = [
        f"- {escape_markdown(name)}: {count} faces are left out: {escape_markdown(reason)}."
        for name, split in splits.items()
        for reason, count in split["left_out"].items()
    ]
    lines += [
        f"- {escape_markdown(name)}: {split['not_found']} faces were not found. They have no part "
        "in the NME; fr counts them as failures, auc as errors above T."
        for name, split in splits.items()
        if split["not_found"]
    ]
    return ["\n".join(lines) + "\n"] if lines else []


def _legend(scheme: LandmarkScheme, normalizer: str) -> str:
    return (
        f"NME: mean distance between predicted and true landmarks, in percent of "
        f"{escape_markdown(normalizer_text(scheme, normalizer))} (`{normalizer}`). "
        "fr@T: faces whose NME is above T %. auc@T: area under the cumulative error curve from 0 "
        "to T %, divided by T (1 is best). "
        "Mean shape: what a predictor says that does not look at the image.\n"
    )


def _picture_sections(pictures: Sequence[Picture]) -> list[str]:
    sections = []
    for picture in pictures:
        title = escape_markdown(picture.title)
        sections.append(f"## {title}\n\n![{title}]({picture.file_name})\n")
        if picture.note:
            sections.append(f"{escape_markdown(picture.note)}\n")
    return sections


def _fact_sections(facts: Mapping[str, Any]) -> list[str]:
    if not facts:
        return []
    sections = ["## How it was made\n"]
    table = tables.facts_table(facts)
    sections += [table.markdown()] if table else []
    for name, value in facts.items():
        if tables.is_nested(value):
            text = json.dumps(value, indent=2)
            sections.append(f"### {escape_markdown(name)}\n\n```json\n{text}\n```\n")
    return sections


def _worst_table(
    splits: Sequence[SplitResults], per_face: Mapping[str, Mapping[str, Array]], count: int
) -> tables.Table:
    rows = []
    for split in splits:
        nme = per_face[split.name][split.decoder]
        for i in worst_indices(nme, count):
            error = f"{nme[i]:.2f}" if np.isfinite(nme[i]) else "not found"
            rows.append((split.name, split.keys[i], split.subsets[i], error))
    return tables.Table(("test set", "face", "subset", "NME %"), tuple(rows), num_names=3)
