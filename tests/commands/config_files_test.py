"""Tests of finding config files."""

import importlib.metadata
import pathlib

import pytest

from scaf_jax.commands import config_files


@pytest.fixture
def shipped(tmp_path, monkeypatch) -> pathlib.Path:
    """A package folder with two configs beside it, seen from another current folder."""
    configs = tmp_path / "checkout" / "configs"
    configs.mkdir(parents=True)
    for name in ("300w.py", "demo.py", "__init__.py"):
        (configs / name).write_text("")
    module = tmp_path / "checkout" / "scaf_jax" / "commands" / "config_files.py"
    monkeypatch.setattr(config_files, "__file__", str(module))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return configs


@pytest.mark.parametrize("value", ["configs/300w.py", "300w", "300w.py"])
@pytest.mark.parametrize("argument", ["", ":smoke", ":a=1,b=C:x"])
def test_shipped_config_is_found_from_any_folder(shipped, value, argument):
    expected = f"{shipped / '300w.py'}{argument}"
    assert config_files.resolve_config_path(value + argument) == expected


def test_file_in_the_current_folder_comes_first(shipped):
    own = pathlib.Path("configs/300w.py")
    own.parent.mkdir()
    own.write_text("")
    assert config_files.resolve_config_path("configs/300w.py:x") == "configs/300w.py:x"


def test_any_existing_path_is_taken_as_it_is(shipped, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("")
    assert config_files.resolve_config_path(str(mine)) == str(mine)


@pytest.mark.parametrize("value", ["configs/400w.py", "other/300w.py", "/configs/300w.py", ""])
def test_missing_config_lists_what_there_is(shipped, value):
    with pytest.raises(FileNotFoundError, match="configs/300w.py, configs/demo.py$"):
        config_files.resolve_config_path(value)


def test_installed_configs_are_found(tmp_path, monkeypatch):
    class Recorded(pathlib.PurePosixPath):
        def locate(self) -> pathlib.Path:
            return tmp_path / "lib" / self

    names = ["../share/scaf_jax/configs/300w.py", "scaf_jax/main.py", "data/configs/other.py"]
    monkeypatch.setattr(importlib.metadata, "files", lambda name: [Recorded(n) for n in names])
    monkeypatch.setattr(
        config_files, "__file__", str(tmp_path / "lib/scaf_jax/commands/config_files.py")
    )
    installed = tmp_path / "share" / "scaf_jax" / "configs" / "300w.py"
    assert config_files.shipped_configs() == {"300w": installed.resolve()}


def test_package_that_is_not_installed_ships_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(config_files, "_DISTRIBUTION", "no-such-distribution")
    monkeypatch.setattr(
        config_files, "__file__", str(tmp_path / "scaf_jax/commands/config_files.py")
    )
    assert config_files.shipped_configs() == {}


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["--config=configs/300w.py"], "runs/300w"),
        (["--config", "/there/my set.py:cpu_few"], "runs/my set_cpu_few"),
        (["-config=300w:../x", "--config.alignment.steps=3"], "runs/300w_x"),
    ],
)
def test_a_run_without_a_folder_is_named_after_its_config(arguments, folder):
    found = config_files.with_workdir(["main", *arguments], "runs/{}")
    assert found == ["main", *arguments, f"--workdir={folder}"]


@pytest.mark.parametrize("argument", ["--workdir=mine", "--help", "-helpfull"])
def test_a_folder_that_is_given_is_kept_and_help_needs_none(argument):
    arguments = ["main", "--config=configs/300w.py", argument]
    assert config_files.with_workdir(arguments, "runs/{}") == arguments


def test_without_a_config_those_that_come_along_are_named(shipped):
    with pytest.raises(SystemExit, match=r"--config=FILE is missing.*configs/300w.py, configs/de"):
        config_files.with_workdir(["main", "--config.alignment.steps=3"], "runs/{}")
