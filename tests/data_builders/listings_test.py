"""Tests of reading long lists."""

import pytest

from data_builders import face_builder, faces, listings


def test_lines_have_their_numbers_and_no_blanks_around_them(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbf a b \r\n\n\t\nc\xe9\x0b\x85d")
    # Only line feeds end lines: file names may hold what Unicode counts as line ends.
    assert list(listings.read_lines(path)) == [(1, "a b"), (4, "c\udce9\x0b\udc85d")]


def test_raw_lines_have_the_places_where_they_begin(tmp_path):
    path = tmp_path / "list.txt"
    content = b"\xef\xbb\xbffirst\r\n\nthird"
    path.write_bytes(content)
    found = list(listings.read_raw_lines(path))
    assert [number for number, _, _ in found] == [1, 2, 3]
    for _, place, line in found:
        assert content[place : place + len(line)] == line
    assert found[0][1:] == (3, b"first\r\n")


def test_long_lines_come_in_pieces_of_one_number(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"x" * (listings.MAX_LINE_BYTES + 5) + b"\nlast\n")
    found = [(number, len(text)) for number, text in listings.read_lines(path)]
    assert found == [(1, listings.MAX_LINE_BYTES), (1, 5), (2, 4)]


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(face_builder.DownloadError, match="none.txt: cannot be read"):
        list(listings.read_lines(tmp_path / "none.txt"))
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(listings.MAX_BYTES + 1)
    with pytest.raises(face_builder.DownloadError, match="large.txt: larger than"):
        list(listings.read_lines(path))


def test_lazy_faces_are_a_list(tmp_path):
    made = []

    def make(index: int) -> faces.Face:
        made.append(index)
        return faces.unusable_face(tmp_path, str(index), "", "here", "no face")

    listed = listings.LazyFaces(4, make)
    assert len(listed) == 4 and not made
    assert listed[-1].key == "3" and made == [3]
    assert [face.key for face in listed] == ["0", "1", "2", "3"]
    assert [face.key for face in listed[1:3]] == ["1", "2"]
    with pytest.raises(IndexError):
        listed[4]


def test_byte_order_marks_anywhere_and_other_encodings(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n")  # two files, joined
    assert [text for _, text in listings.read_lines(path)] == ["one", "two"]
    path.write_text("one\ntwo\n", encoding="utf-16")
    with pytest.raises(face_builder.DownloadError, match="list.txt:1: not UTF-8; save it as UTF-8"):
        list(listings.read_lines(path))
