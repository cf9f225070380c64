"""Files of boxes that only look as if they could be read."""

import numpy as np
import pytest
import scipy.io

from data_builders.the300w import boxes


def test_a_matlab_7_3_file_is_refused_with_advice(tmp_path):
    path = tmp_path / "bounding_boxes_afw.mat"
    # The header of an HDF5-based file: version 2.0, little-endian.
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(512))
    with pytest.raises(boxes.BoxFileError, match=r"not a readable MATLAB 5 file .*7\.3.*download"):
        boxes.read_boxes(path)


def _entry(name, box):
    fields = [("imgName", object), ("bb_detector", object), ("bb_ground_truth", object)]
    record = np.zeros((1, 1), fields)
    record[0, 0] = (np.array([name]), np.array([box], float), np.array([box], float))
    return record


def test_a_photo_that_is_there_again_with_other_boxes_has_none(tmp_path):
    path = tmp_path / "bounding_boxes_afw.mat"
    entries = [
        _entry("a.jpg", (1, 2, 30, 40)),
        _entry("A .jpg", (5, 6, 70, 80)),  # one name but for blanks and case
        _entry("b.jpg", (1, 2, 30, 40)),
        _entry("b.jpg", (1, 2, 30, 40)),
    ]
    cells = np.empty((1, len(entries)), object)
    cells[0, :] = entries
    scipy.io.savemat(path, {"bounding_boxes": cells})
    found = boxes.read_boxes(path)
    assert found["a.jpg"].ground_truth is None and found["a.jpg"].detector is None
    np.testing.assert_array_equal(found["b.jpg"].detector, [1, 2, 30, 40])
