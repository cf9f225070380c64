"""The work of `scaf_jax.fit`."""

import dataclasses
import re

import numpy as np
import numpy.typing as npt

from scaf_jax.data import prepared_sources, sources
from scaf_jax.detection import detectors
from scaf_jax.files import atomic, places
from scaf_jax.files.escaping import printable
from scaf_jax.inference import bundle, fitted_file, fitting, one_pass, run_folder
from scaf_jax.training import sharding
from scaf_jax.weights import fitted

_SLICE = re.compile(r"(\w+)(?:\[(\d*):(\d*)\])?")
_BATCH = 16
_DRAWN = (run_folder.LABEL_SUBSET, run_folder.LABEL_SEED)

Indices = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is fitted, and on which faces; see `scaf_jax.fit`."""

    run_folder: str
    data: str
    data_dir: str
    split: str
    labels: int
    detector: str | None
    held_out: str | None
    test: str | None
    normalizer: str


def run(settings: Settings) -> str:
    """Fits, writes the run's `fitted.json`, and returns a text for people.

    Raises:
      FileNotFoundError: There is no such run.
      ValueError: Data, detector or faces cannot be used; the message says why.
    """
    folder = places.at(settings.run_folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: give that of a run")
    network = bundle.Bundle.load(folder)
    train = _source(settings, settings.split).labeled()
    learned = _learned(settings, network, len(train))
    labeled = sources.SubsetSource(train, learned)
    boxes = dict(network.fitted.boxes)
    sure, picture, lines = network.fitted.confidence, None, []
    try:
        boxes[fitted.LANDMARKS] = fitting.about_landmarks(labeled)
    except ValueError as error:  # most often, on most faces some landmark is not known
        lines.append(f"no boxes about landmarks, for second looks: {error}")
    flip = bool(network.provenance.get(run_folder.FLIP, True))
    machine = one_pass.PassSettings(sharding.make_mesh(), _BATCH)
    fitter = fitting.Fitter(network, machine, flip=flip, normalizer=settings.normalizer)
    if settings.detector:
        found = fitting.find(labeled, detectors.load(settings.detector))
        boxes[settings.detector] = correction = found.correction()
        lines.append(
            f"{settings.detector} found {found.there.sum()} of {len(labeled)} labeled faces; its "
            f"boxes move by {correction.shift_x:+.3f}, {correction.shift_y:+.3f} of their size, "
            f"times {correction.scale_x:.3f}, {correction.scale_y:.3f}"
        )
    if settings.held_out:
        held_out, origin = _held_out(settings, learned, _are_drawn(network))
        sure, picture = fitter.calibrated(held_out, origin)
        lines.append(
            f"confidence: {sure.kind}, fitted on {sure.faces} faces ({origin}); expected "
            f"calibration error on faces left out {sure.error:.3f}"
        )
    result = fitted.Fitted(boxes, sure)
    path = fitted_file.write(folder, int(network.provenance["steps"]), result)
    if picture is not None:
        atomic.write_png(path.with_name(fitted_file.PICTURE), picture)
        lines.append(f"how confidences came true: {fitted_file.PICTURE} beside it")
    if settings.test:
        lines += _tested(settings, fitter, result)
    return "\n".join([*lines, f"written to {printable(str(path))}"])


def _tested(settings: Settings, fitter: fitting.Fitter, result: fitted.Fitted) -> list[str]:
    source = _source(settings, settings.test or "")
    true = fitter.nme(source)
    lines = [f"| boxes | NME % of {len(source)} faces | to true boxes |", "|---|---:|---:|"]
    lines.append(f"| true | {true:.2f} | |")
    if settings.detector:
        found = fitting.find(source, detectors.load(settings.detector))
        fixed = result.boxes[settings.detector].apply(found.boxes)
        rows = {"as it is": found.boxes, "corrected": fixed}
        if fitted.LANDMARKS in result.boxes:
            about = result.boxes[fitted.LANDMARKS]
            rows["two looks"] = fitter.second_boxes(source, fixed, about)
        for name, boxes in rows.items():
            value = fitter.nme(source, np.asarray(boxes))
            lines.append(f"| {settings.detector}, {name} | {value:.2f} | {value / true - 1:+.1%} |")
        missed = int((~found.there).sum())
        lines.append(f"{missed} faces were not found; they have their true box in all rows")
    return lines


def _learned(settings: Settings, network: bundle.Bundle, count: int) -> Indices:
    """Which of the split's `count` labeled faces the network learned from."""
    if settings.labels < 0:
        raise ValueError(f"--labels must be 0 or more, not {settings.labels}")
    told = network.provenance
    labels = settings.labels or told.get("labels", 0)
    labels = min(labels, count) if isinstance(labels, int) and labels else count
    drawn = _are_drawn(network)
    mode, seed = (told[name] for name in _DRAWN) if drawn else ("first", 0)
    return sources.label_subset(count, labels, mode, seed)


def _are_drawn(network: bundle.Bundle) -> bool:
    """Whether the faces that the network learned from were drawn from all of the split."""
    return all(name in network.provenance for name in _DRAWN)


def _source(settings: Settings, split: str) -> prepared_sources.PreparedSource:
    return prepared_sources.open_source(settings.data, data_dir=settings.data_dir, split=split)


def _held_out(settings: Settings, learned: Indices, drawn: bool) -> tuple[sources.Source, str]:
    text = settings.held_out or ""
    match = _SLICE.fullmatch(text)
    if match is None:
        raise ValueError(f"--held_out: {printable(text)} is no split such as valid or train[50:]")
    source = _source(settings, match[1]).labeled()
    start, stop = int(match[2] or 0), min(int(match[3] or len(source)), len(source))
    chosen = np.arange(start, stop)
    if match[1] == settings.split and np.isin(chosen, learned).any():
        if not drawn:
            count = "all" if len(learned) == len(source) else len(learned)
            raise ValueError(
                f"--held_out: the network learned from {count} faces of {match[1]}: "
                "confidences on those would be too high. Give faces behind them, or another split; "
                "to have some, train with fewer labels (alignment.num_labels)"
            )
        chosen = np.setdiff1d(chosen, learned)
    if not chosen.size:
        raise ValueError(f"--held_out: {text} holds no face; the split has {len(source)}")
    return sources.SubsetSource(source, chosen), f"{len(chosen)} faces of {settings.data}:{text}"
