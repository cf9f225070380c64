"""Tests of listed faces: the files that annotations name, and faces that cannot be used."""

import pathlib
import pickle

import numpy as np
import pytest

from data_builders import face_reading, faces


@pytest.mark.parametrize("name", ["a.jpg", "b/a b.jpg", "ab:c.jpg", "...jpg", "-a", "~/a.jpg"])
def test_files_below(name):
    root = pathlib.Path("/root folder")
    assert faces.file_below(root, name, "list:1") == root / name


def test_names_as_windows_writes_them(tmp_path):
    assert faces.file_below(tmp_path, ".\\b\\a.jpg", "list:1") == tmp_path / "b" / "a.jpg"
    assert faces.file_below(tmp_path, "./b/a.jpg", "list:1") == tmp_path / "b" / "a.jpg"
    (tmp_path / "b\\a.jpg").touch()  # as an archive from there unpacks elsewhere
    assert faces.file_below(tmp_path, "b\\a.jpg", "list:1") == tmp_path / "b\\a.jpg"


@pytest.mark.parametrize(
    "name",
    ["/a.jpg", "../a.jpg", "b/../a.jpg", "b/..", "././a.jpg", "b//a.jpg", "b/", "", " ", "c:a.jpg"]
    + ["..\\a.jpg", "\\\\host\\a.jpg", "a\0.jpg", "C:\\a.jpg", "a" * 1001],
)
def test_files_elsewhere(name):
    with pytest.raises(faces.FaceError, match="list:1: '.*' is no file below /root; names"):
        faces.file_below(pathlib.Path("/root"), name, "list:1")


def test_names_in_messages_are_printable():
    with pytest.raises(faces.FaceError) as info:
        faces.file_below(pathlib.Path("/root"), "/\x1b[31m\udcff\n.jpg", "list:1")
    assert str(info.value).isprintable()


def test_an_unusable_face_is_listed_and_raises(tmp_path):
    face = faces.unusable_face(tmp_path, "a", "part", "list:1", "list:1: no good")
    again = pickle.loads(pickle.dumps(face))  # goes to worker processes
    with pytest.raises(faces.FaceError, match="list:1: no good"):
        face_reading.read_face(again, 3)


def test_the_extent():
    np.testing.assert_array_equal(
        faces.extent(np.array([[10, 12], [30, 12], [20, 25]], np.float32)), [10, 12, 30, 25]
    )
