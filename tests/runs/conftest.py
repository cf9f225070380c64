"""A config for tests of what it is resolved to."""

import pathlib

import ml_collections
import pytest

from scaf_jax import default_config


@pytest.fixture
def config(tmp_path: pathlib.Path) -> ml_collections.ConfigDict:
    """The smallest networks and a few steps, of data that are not there."""
    result = default_config.get_config()
    default_config.shrink(result)
    result.data.data_dir = str(tmp_path / "data")
    return result
