"""Fixtures that tests of builders share."""

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data_builders import prepare
from scaf_jax.data import prepared_sources


@pytest.fixture
def open_prepared(tmp_path: pathlib.Path) -> Callable[..., prepared_sources.PreparedSource]:
    """Prepares downloads at its first call and opens a split: open_prepared(name, root, split)."""

    def open_split(
        name: str, root: pathlib.Path, split: str, **options: Any
    ) -> prepared_sources.PreparedSource:
        data_dir = tmp_path / "data"
        if not data_dir.exists():
            prepare.prepare(name, manual_dir=str(root), data_dir=str(data_dir), **options)
        return prepared_sources.open_source(name, data_dir=str(data_dir), split=split)

    return open_split


@pytest.fixture
def faces_of_afw(tmp_path: pathlib.Path) -> pathlib.Path:
    """Downloads of 300-W that hold only 20 faces of afw, numbers 7 and 12 damaged."""
    folder = tmp_path / "downloads" / "afw"
    folder.mkdir(parents=True)
    for number in range(20):
        path = folder / f"face {number:02d}.jpg"
        pixels = np.random.default_rng(number).integers(0, 255, (48, 48, 3), np.uint8)
        Image.fromarray(pixels).save(path)
        points = np.random.default_rng(number).uniform(8, 40, (68, 2))
        if number in (7, 12):
            points[30] = 4000
        rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
        path.with_suffix(".pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    return folder.parent
