"""What the tests of oneDNN need."""

import importlib.metadata

import pytest

from scaf_jax.ops.onednn import library


@pytest.fixture(scope="session")
def installed() -> None:
    """Skips where oneDNN is not installed; where it is, but does not work, tests fail."""
    try:
        importlib.metadata.distribution(library.PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs the package {library.PACKAGE}: pip install 'scaf_jax[onednn]'")
