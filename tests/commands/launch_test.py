"""Wrong flags and settings are told in one line."""

import functools
import sys

import pytest
from absl import flags
from ml_collections import config_flags

from scaf_jax.commands import launch

# How ml_collections loads a config file.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")


@pytest.fixture
def parse(repository, monkeypatch):
    return functools.partial(_parse, repository, monkeypatch)


def _parse(repository, monkeypatch, *arguments):
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", None, "The config.", flag_values=values)
    file = f"--config={repository / 'configs' / '300w.py'}"
    whole = ["main", file + arguments[0], *arguments[1:]]
    monkeypatch.setattr(sys, "argv", whole)  # where ml_collections looks for settings
    left = launch.parse_flags(whole, values)
    return left, values.config


def test_settings_reach_the_config(parse):
    left, config = parse(":cpu", "--config.alignment.steps=7", "rest")
    assert left == ["main", "rest"] and config.alignment.steps == 7 and config.input_size == 128


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([":best"], "has the forms gpu, cpu, cpu_few, drawn and smoke, not 'best'"),
        (["", "--config.alignment.stepz=1"], 'no setting stepz. Did you mean "steps"'),
        (["", "--config.nope.steps=1"], "no setting nope"),
        (["", "--config.alignment.steps=many"], "--config.alignment.steps=many: invalid literal"),
        (["", "--shade=red"], "Unknown command line flag 'shade'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(parse, arguments, told):
    with pytest.raises(SystemExit) as ended:
        parse(*arguments)
    text = str(ended.value)
    assert text.startswith("scaf_jax: ") and told in text and len(text.splitlines()) == 1
