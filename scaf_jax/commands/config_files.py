"""Finds config files: in the current folder, in the source checkout, or as installed.

Config files are not modules (`300w.py` could not be imported by name), so an installed package
carries them as data files.
"""

import importlib.metadata
import os
import pathlib
import re
import sys
from collections.abc import Sequence

_DISTRIBUTION = "scaf_jax"
_INSTALLED_FOLDER = ("share", "scaf_jax", "configs")


def shipped_configs() -> dict[str, pathlib.Path]:
    """The configs that come with the project, by their name without '.py'."""
    beside_package = pathlib.Path(__file__).resolve().parents[2] / "configs"
    files = sorted(beside_package.glob("*.py")) or _installed_files()
    return {path.stem: path for path in files if not path.stem.startswith("_")}


def resolve_config_path(value: str) -> str:
    """Turns what a user gives as --config into a path that exists.

    Args:
      value: A path such as 'configs/300w.py' or the name of a shipped config such as '300w',
        either with an argument after a colon ('configs/300w.py:smoke').

    Returns:
      The path with the argument. A file at the given path comes first; otherwise
      'configs/300w.py' and '300w' mean the shipped config, whatever the current folder is.

    Raises:
      FileNotFoundError: If there is no such file; lists the shipped configs.
    """
    path, colon, argument = _split_argument(value)
    if not pathlib.Path(path).is_file():
        path = str(_shipped(path))
    return f"{path}{colon}{argument}"


def resolved_argument(argument: str) -> str:
    """Returns a command's argument, `--config=FILE` with the file where `resolve_config_path` is.

    Ends the program with a message where there is no such file.
    """
    prefix = "--config="
    if not argument.startswith(prefix):
        return argument
    try:
        return prefix + resolve_config_path(argument.removeprefix(prefix))
    except FileNotFoundError as error:
        sys.exit(f"scaf_jax: {error}")


def with_workdir(arguments: Sequence[str], folder: str) -> list[str]:
    """Returns a command's arguments, with a working folder named after the config if none is given.

    Ends the program with a message where there is no config, unless help is asked for.

    Args:
      arguments: The program's name and its arguments.
      folder: The folder; `{}` in it stands for the config and its form, such as 300w_cpu_few.
    """
    asks_for_help = any(re.fullmatch("--?help[a-z]*", argument) for argument in arguments)
    if asks_for_help or _flag(arguments, "workdir") is not None:
        return list(arguments)
    config = _flag(arguments, "config")
    if config is None:
        listed = ", ".join(f"configs/{name}.py" for name in shipped_configs())
        sys.exit(f"scaf_jax: --config=FILE is missing. Configs that come along: {listed}")
    path, _, form = _split_argument(config)
    name = "_".join([pathlib.PurePath(path).stem, *re.findall(r"\w+", form)])
    return [*arguments, f"--workdir={folder.format(name)}"]


def _flag(arguments: Sequence[str], name: str) -> str | None:
    """The value of a flag, as `--name=value` or `--name value`; None if it is not given."""
    for i, argument in enumerate(arguments):
        given, equals, value = argument.partition("=")
        if given in (f"--{name}", f"-{name}"):
            return value if equals else "".join(arguments[i + 1 : i + 2])
    return None


def _split_argument(value: str) -> tuple[str, str, str]:
    drive, rest = os.path.splitdrive(value)  # the colon of 'C:' starts no argument
    path, colon, argument = rest.partition(":")
    return drive + path, colon, argument


def _shipped(path: str) -> pathlib.Path:
    shipped = shipped_configs()
    given = pathlib.PurePath(path)
    name = given.name.removesuffix(".py")
    if name in shipped and given.parent.parts in ((), ("configs",)):
        return shipped[name]
    listed = ", ".join(f"configs/{name}.py" for name in shipped) or "none was installed"
    raise FileNotFoundError(f"there is no config file '{path}'. Configs that come along: {listed}")


def _installed_files() -> list[pathlib.Path]:
    try:
        recorded = importlib.metadata.files(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    depth = len(_INSTALLED_FOLDER)
    return sorted(
        pathlib.Path(str(file.locate())).resolve()
        for file in recorded
        if file.suffix == ".py" and file.parts[-depth - 1 : -1] == _INSTALLED_FOLDER
    )
