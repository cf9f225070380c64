"""Prepares a data set as ArrayRecord files, without TensorFlow.

    python -m data_builders.prepare NAME --manual_dir=DOWNLOADS --data_dir=WHERE

NAME is the name of a folder beside this file; --manual_dir is needed by those that read
downloads.
"""

import argparse
import contextlib
import functools
import importlib
import inspect
import pathlib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow_datasets as tfds
from absl import logging

from data_builders import beam_examples, face_builder, overwriting, precropped
from data_builders.doctor import diagnosis, examination, recognition
from data_builders.known_sets import BUILDER_SUFFIX, known_names
from scaf_jax.files import atomic

DEFAULT_DATA_DIR = "~/tensorflow_datasets"
# Follows the name of the data's folder, beside which it lies.
SUMMARY_FILE = "summary.json"
# Of folders of a user's own, whose builders have `accepts_any_config_name`.
_OWN_NAME = re.compile(r"[a-z0-9_]+")
# Flags that are called otherwise than what they tell a builder.
_FLAGS = {"with_beam": "beam_runner"}


class UsageError(ValueError):
    """The command cannot be carried out as given; the message says what to do."""


def prepare(
    name: str,
    *,
    data_dir: str = DEFAULT_DATA_DIR,
    manual_dir: str | None = None,
    builder_config: str | None = None,
    strict: bool = False,
    on_error: str | None = None,
    workers: int = 1,
    beam_runner: str | None = None,
    beam_options: str = "",
    overwrite: bool = False,
) -> str:
    """Prepares one data set unless it is there already.

    Args:
      name: A name from `known_names()`; as in configs, `NAME/FORM` names its form too.
      data_dir: Where prepared data sets live; as for TFDS.
      manual_dir: The folder of the downloads, for data sets that are made from downloads.
      builder_config: Which form of the data set, for those that come in several; `cropped_N` is
        one of every set of photos (see `precropped`).
      strict: Whether incomplete downloads are an error rather than a warning.
      on_error: `stop` at a face that cannot be used (the default), or `skip` it and write its name
        and what is wrong into `skipped.csv` beside the data.
      workers: Processes that read and check the photos.
      beam_runner: Apache Beam's runner, such as DirectRunner, to read and check them instead.
      beam_options: Its options, `name=value,name=value`.
      overwrite: Whether to prepare afresh what is there already, which stays until all is done.

    Returns:
      A line that says how many examples lie where, then one for each warning.

    Raises:
      UsageError: An argument does not fit; the message says which and what to do.
    """
    name, slash, form = name.partition("/")
    if slash and builder_config not in (None, form):
        raise UsageError(
            f"'{name}/{form}' names another form than --builder_config={builder_config}"
        )
    builder_config = form if slash else builder_config
    if workers < 1:
        raise UsageError(f"--workers must be 1 or more, not {workers}")
    options = {"strict": strict, "on_error": on_error, "with_beam": bool(beam_runner)}
    if workers > 1:
        options["workers"] = workers
    make = functools.partial(_make_builder, name, builder_config=builder_config, wanted=options)
    builder = make(data_dir)
    path = pathlib.Path(builder.data_path)
    if path.exists() and not overwrite:
        return f"{_summary(builder, path)} is there already (--overwrite prepares it afresh)."
    download_config = _download_config(builder, manual_dir, beam_runner, beam_options)
    with _summary_of_failure(builder, path, manual_dir):
        if not path.exists():
            return _download_and_prepare(builder, download_config, path, manual_dir)
        with overwriting.folder_beside(path) as folder:
            builder = make(str(folder))
            said = _download_and_prepare(builder, download_config, path, manual_dir)
            overwriting.replace(path, pathlib.Path(builder.data_path))
        return said


def _download_config(
    builder: tfds.core.DatasetBuilder,
    manual_dir: str | None,
    beam_runner: str | None,
    beam_options: str,
) -> tfds.download.DownloadConfig:
    needs_downloads = builder.MANUAL_DOWNLOAD_INSTRUCTIONS is not None
    download_config = tfds.download.DownloadConfig()
    if needs_downloads:
        download_config.manual_dir = _checked_manual_dir(builder, manual_dir)
    if beam_runner:
        download_config.beam_runner = beam_runner
        download_config.beam_options = beam_examples.options(beam_options)
    return download_config


def _download_and_prepare(
    builder: tfds.core.DatasetBuilder,
    config: tfds.download.DownloadConfig,
    path: pathlib.Path,
    manual_dir: str | None,
) -> str:
    """Prepares a set; returns what to say, with `path` for the place where it will be."""
    with beam_examples.plain_errors() if config.beam_runner else contextlib.nullcontext():
        builder.download_and_prepare(download_config=config)
    # Said again at the end: progress has pushed the warnings off the screen.
    problems = [*getattr(builder, "problems", []), *_write_skipped(builder, path)]
    lines = [f"{_summary(builder, path)} is ready.", *(f"warning: {text}" for text in problems)]
    seen = _diagnosis(builder, manual_dir)
    if seen is not None:
        lines += [line for line in seen.findings() if not line.startswith("incomplete: ")]
    about = {"command": "prepare", "set": builder.name, "error": None}
    about |= {} if seen is None else seen.as_dict()
    about["prepared"] = {k: v.num_examples for k, v in sorted(builder.info.splits.items())}
    about["left_out"] = len(getattr(builder, "skipped", []))
    about["data"] = str(path)
    _write_summary(path, about)
    return "\n".join(lines)


def _diagnosis(
    builder: tfds.core.DatasetBuilder, manual_dir: str | None
) -> diagnosis.Diagnosis | None:
    """What the doctor says of the folder, from the same look at each face; None without one."""
    if not isinstance(builder, face_builder.FaceBuilder) or manual_dir is None:
        return None
    if builder.found is None or not builder.seen:
        return None
    root = pathlib.Path(manual_dir).expanduser()
    data_set = recognition.open_set(builder.name, root)
    seen = examination.merge(builder.seen)
    return diagnosis.diagnose(root, data_set, builder.found, seen)


@contextlib.contextmanager
def _summary_of_failure(
    builder: tfds.core.DatasetBuilder, path: pathlib.Path, manual_dir: str | None
) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        if manual_dir is not None:
            recognition.note_deeper(pathlib.Path(manual_dir).expanduser(), error)
        failure = diagnosis.of_failure(str(manual_dir), builder.name, error)
        _write_summary(path, {"command": "prepare", **failure})
        raise


def _write_summary(path: pathlib.Path, about: dict[str, Any]) -> None:
    """Writes what was found for programs to read, beside the folder of the data.

    It is not in it: of a preparation that fails nothing is left there.
    """
    place = path.with_name(f"{path.name}_{SUMMARY_FILE}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(place, about)
    except OSError as error:
        logging.warning("%s: cannot be written: %s", place, error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m data_builders.prepare", description="Prepares a data set."
    )
    parser.add_argument(
        "name", metavar="NAME", help=f"one of: {', '.join(known_names())}; NAME/FORM too"
    )
    parser.add_argument("--manual_dir", help="folder of the unzipped downloads")
    parser.add_argument("--data_dir", default=DEFAULT_DATA_DIR, help="default: %(default)s")
    parser.add_argument("--builder_config", help="form of the data set, such as 'tiny'")
    parser.add_argument(
        "--strict", action="store_true", help="incomplete downloads are an error, not a warning"
    )
    parser.add_argument(
        "--on_error",
        choices=face_builder.ON_ERROR,
        help="what to do about a face that cannot be used: stop (default), or skip it",
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that read photos (default: 1)"
    )
    parser.add_argument(
        "--beam_runner", help="read photos by Apache Beam, such as 'DirectRunner' (an extra)"
    )
    parser.add_argument("--beam_options", default="", help="Beam's options, 'name=value,...'")
    parser.add_argument(
        "--overwrite", action="store_true", help="prepare afresh; needs room for both"
    )
    values = vars(parser.parse_args(arguments))
    try:
        print(prepare(values.pop("name"), **values))
    except (ValueError, OSError) as error:  # what the user can put right: no traceback
        print(f"error: {diagnosis.told(error)}", file=sys.stderr)
        return 1
    return 0


def _make_builder(
    name: str, data_dir: str, builder_config: str | None, wanted: dict[str, Any]
) -> tfds.core.DatasetBuilder:
    if name not in known_names():
        raise UsageError(f"no data set is called '{name}'; known: {', '.join(known_names())}")
    module = importlib.import_module(
        f"data_builders.{name}.{name}{BUILDER_SUFFIX.removesuffix('.py')}"
    )
    options: dict[str, Any] = {
        "data_dir": str(pathlib.Path(data_dir).expanduser()),
        "file_format": "array_record",
    }
    if builder_config is not None:
        options["config"] = _config(module.Builder, name, builder_config)
    for option, value in wanted.items():
        if value:
            if option not in inspect.signature(module.Builder.__init__).parameters:
                raise UsageError(f"'{name}' does not take --{_FLAGS.get(option, option)}")
            options[option] = value
    return module.Builder(**options)


def _config(
    builder: type[tfds.core.DatasetBuilder], name: str, wanted: str
) -> str | tfds.core.BuilderConfig:
    """The builder config of a name: one that the builder lists or takes, or `cropped_N`."""
    known = [config.name for config in builder.BUILDER_CONFIGS]
    if wanted in known:
        return wanted
    if getattr(builder, "accepts_any_config_name", False):
        if _OWN_NAME.fullmatch(wanted):
            return tfds.core.BuilderConfig(name=wanted, description="A folder of your own.")
        raise UsageError(f"--builder_config: '{wanted}' must be lower-case letters, digits and '_'")
    if issubclass(builder, face_builder.FaceBuilder):
        known.append("cropped_N, such as cropped_256")
        # The whole photos have no config, unless the set has others, and lie where they always did.
        size = precropped.size_of(wanted)
        if size is not None and wanted == f"cropped_{size}":
            return tfds.core.BuilderConfig(
                name=wanted, description=f"Face regions; the face's square has {size} pixels."
            )
    raise UsageError(f"'{name}' has no form '{wanted}'; known: {', '.join(known) or 'none'}")


def _checked_manual_dir(builder: tfds.core.DatasetBuilder, manual_dir: str | None) -> str:
    instructions = inspect.cleandoc(builder.MANUAL_DOWNLOAD_INSTRUCTIONS or "")
    if manual_dir is None:
        raise UsageError(f"'{builder.name}' needs --manual_dir=FOLDER.\n{instructions}")
    path = pathlib.Path(manual_dir).expanduser()
    if not path.is_dir():
        raise UsageError(f"--manual_dir: {path} is not a folder.\n{instructions}")
    if not any(path.iterdir()):
        raise UsageError(f"--manual_dir: {path} is empty.\n{instructions}")
    return str(path)


def _write_skipped(builder: tfds.core.DatasetBuilder, shown: pathlib.Path) -> list[str]:
    """Writes the table of faces left out; returns what to say about them."""
    skipped = getattr(builder, "skipped", [])
    if not skipped:
        return []
    path = pathlib.Path(builder.data_path) / face_builder.SKIPPED_FILE
    path.write_text(face_builder.skipped_table(skipped), encoding="utf-8")
    where = shown / face_builder.SKIPPED_FILE
    return [f"{len(skipped)} faces were left out; {where} says which and why"]


def _summary(builder: tfds.core.DatasetBuilder, path: pathlib.Path) -> str:
    counts = ", ".join(f"{k} {v.num_examples}" for k, v in sorted(builder.info.splits.items()))
    return f"{builder.info.full_name} ({counts}) in {path}"


if __name__ == "__main__":
    sys.exit(main())
