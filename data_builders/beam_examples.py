"""The examples of a split made by Apache Beam, on this machine or on many.

Apache Beam is an extra (`pip install 'scaf_jax[beam]'`). Photos and annotations must be readable
under the same paths wherever its workers run. Examples are stored in the order of the list, as
without Beam; faces that are left out, and what was seen of all, are collected through further
outputs of the transform.
"""

import contextlib
import importlib.util
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from data_builders import examples, faces
from data_builders.doctor import examination, stored
from scaf_jax.files import strict_json

_SKIPPED, _SEEN, _EXAMPLES = "skipped", "seen", "examples"
_SKIPPED_PREFIX, _SEEN_PREFIX = "skipped-faces-of-", "seen-faces-of-"


class BeamMissingError(ValueError):
    """Apache Beam is asked for and not installed; the message has the command."""


def check_installed() -> None:
    """Raises BeamMissingError where Apache Beam is not installed."""
    if importlib.util.find_spec("apache_beam") is None:
        raise BeamMissingError(
            "--beam_runner needs Apache Beam: pip install 'scaf_jax[beam]'. On one machine "
            "--workers=N does without it."
        )


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turns the errors of faces, which Beam's workers wrap in tracebacks, into one line again.

    Raises:
      ValueError: `FaceError` with the line that tells what is wrong.
    """
    try:
        yield
    except faces.FACE_ERRORS:
        raise
    except (RuntimeError, ValueError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        if not lines:
            raise
        raise faces.FaceError(lines[-1].strip()) from error


def options(text: str) -> Any:
    """Returns Beam's pipeline options.

    Args:
      text: `name=value,name=value,flag`, as Beam's own flags without their dashes.
    """
    check_installed()
    from apache_beam.options import pipeline_options  # pyright: ignore[reportMissingImports]

    flags = [f"--{part.strip()}" for part in text.split(",") if part.strip()]
    return pipeline_options.PipelineOptions(flags)


def transform(
    make: examples.ExampleMaker, split: str, members: Sequence[faces.Face], folder: pathlib.Path
) -> Any:
    """Returns the Beam transform from nothing to (place, example).

    Args:
      make: Makes the examples.
      split: The split's name.
      members: Its faces.
      folder: Gets files of the faces that are left out, for `take_skipped`, and of what was seen
        of all, for `take_seen`.
    """
    check_installed()
    import apache_beam as beam  # pyright: ignore[reportMissingImports]

    def examples_of(numbered: tuple[int, faces.Face]) -> Iterator[Any]:
        index, made = make(numbered)
        line = json.dumps([index, stored.to_json(made.seen)])
        yield beam.pvalue.TaggedOutput(_SEEN, line)
        if isinstance(made, examples.Skipped):
            row = json.dumps([split, index, made.key, made.reason])
            yield beam.pvalue.TaggedOutput(_SKIPPED, row)
        else:
            yield index, made.example

    def expand(pipeline: Any) -> Any:
        made = (
            pipeline
            | "List" >> beam.Create(list(enumerate(members)))
            | "Spread" >> beam.Reshuffle()  # else one worker would do everything
            | "Make" >> beam.FlatMap(examples_of).with_outputs(_SKIPPED, _SEEN, main=_EXAMPLES)
        )
        prefix = str(folder / f"{_SKIPPED_PREFIX}{split}")
        _ = made[_SKIPPED] | "Skipped" >> beam.io.WriteToText(prefix)
        prefix = str(folder / f"{_SEEN_PREFIX}{split}")
        _ = made[_SEEN] | "Seen" >> beam.io.WriteToText(prefix)
        return made[_EXAMPLES]

    return beam.ptransform_fn(expand)()


def take_skipped(folder: pathlib.Path) -> list[tuple[str, str, str]]:
    """Reads and removes the files of `transform`s: (split, key, reason), in the lists' order.

    Args:
      folder: The transforms' folder.
    """
    rows = sorted(_take(folder, _SKIPPED_PREFIX))
    return [(split, key, reason) for split, _, key, reason in rows]


def take_seen(folder: pathlib.Path) -> list[examination.Observation]:
    """Reads and removes the files of `transform`s: what was seen of each face, in the lists' order.

    Args:
      folder: The transforms' folder.
    """
    rows = [(row[1]["splits"], *row) for row in _take(folder, _SEEN_PREFIX)]
    rows.sort(key=lambda row: row[:2])
    return [stored.from_json(seen) for _, _, seen in rows]


def _take(folder: pathlib.Path, prefix: str) -> Iterator[Any]:
    for path in sorted(folder.glob(f"{prefix}*")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield strict_json.parse_json(line, str(path))
        path.unlink()
