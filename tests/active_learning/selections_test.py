"""A round's choice on disk."""

import pytest

from scaf_jax.active_learning import selections
from scaf_jax.runs import identity

CHOICE = selections.Selection(
    round=2,
    strategy="nnm_10",
    seed=123,
    config_hash="abc",
    pool_size=30,
    keys=("b", "ä/a b.jpg"),
    scores=(-1.5, None),
)


def test_a_choice_is_read_as_it_was_written(tmp_path):
    assert selections.read(tmp_path) is None
    selections.write(tmp_path, CHOICE)
    assert selections.read(tmp_path, "abc") == CHOICE


def test_a_choice_of_other_settings_is_refused(tmp_path):
    selections.write(tmp_path, CHOICE)
    with pytest.raises(identity.RunMismatchError, match="other settings"):
        selections.read(tmp_path, "xyz")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2}', '{"version": 1}', "null"])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / selections.FILE).write_text(text)
    with pytest.raises(ValueError, match=r"selection\.json: damaged"):
        selections.read(tmp_path)
