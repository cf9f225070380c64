"""Files of boxes that only look as if they could be read."""

import pytest

from data_builders.the300w import boxes


def test_a_matlab_7_3_file_is_refused_with_advice(tmp_path):
    path = tmp_path / "bounding_boxes_afw.mat"
    # The header of an HDF5-based file: version 2.0, little-endian.
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(512))
    with pytest.raises(boxes.BoxFileError, match=r"not a readable MATLAB 5 file .*7\.3.*download"):
        boxes.read_boxes(path)
