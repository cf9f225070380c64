"""Tests of what checkpoints hold beside arrays."""

import jax
import numpy as np
import pytest
from etils import epath

from scaf_jax.training import checkpoint_texts
from scaf_jax.training.checkpoint_errors import CheckpointError

FOLDER = epath.Path("run/20")


@pytest.mark.parametrize("state", [None, b"\x00\xff{", {"next_index": 3}])
def test_a_place_in_the_data_survives(state):
    text = checkpoint_texts.iterator_text(state)
    assert checkpoint_texts.own_iterator_state([text], 20) == state


def test_the_place_of_another_number_of_processes_is_dropped(caplog):
    texts = [checkpoint_texts.iterator_text(i) for i in range(2)]
    assert checkpoint_texts.own_iterator_state(texts, 20) is None
    assert "step 20 was saved by 2 processes and is restored by 1" in caplog.text


def test_metadata_survives_with_what_is_added():
    metadata = checkpoint_texts.complete_metadata({"sizes": (64, 32)}, 20)
    assert metadata["sizes"] == [64, 32] and metadata["step"] == 20
    assert metadata["versions"]["jax"] == jax.__version__
    assert checkpoint_texts.check_metadata(metadata, FOLDER) == metadata


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ([], "run/20 was not written by this project"),
        ({"format": "other"}, "no entry 'format: scaf_jax checkpoint'"),
        ({"format": checkpoint_texts.FORMAT, "format_version": 99}, "run/20 has format 99"),
    ],
)
def test_foreign_and_newer_metadata_are_refused(metadata, message):
    with pytest.raises(CheckpointError, match=message):
        checkpoint_texts.check_metadata(metadata, FOLDER)


def test_what_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match="metadata must hold JSON"):
        checkpoint_texts.complete_metadata({"size": np.zeros(3)}, 1)
    with pytest.raises(TypeError, match="iterator_state must hold JSON"):
        checkpoint_texts.iterator_text({"at": object()})
