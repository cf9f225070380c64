"""Tests of reading dlib's label files, made small."""

import numpy as np
import pytest
from PIL import Image

from data_builders import face_builder, face_reading, faces, prepare
from data_builders.the300w import dlib_xml, downloads, layouts
from scaf_jax.data import prepared_sources

HEAD = (
    "<?xml version='1.0' encoding='ISO-8859-1'?>\n"
    "<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>\n"
    "<dataset>\n<name>iBUG face point dataset - training images</name>\n<images>\n"
)
TAIL = "</images>\n</dataset>\n"
BOX = "<box top='10' left='12' width='31' height='30'>"
NAMES = {
    "labels_ibug_300W_train.xml": ["helen/testset/b.jpg", "afw/2.jpg", "ibug/image_092 _01.jpg"],
    "labels_ibug_300W_test.xml": ["afw/1.jpg", "helen/trainset/c.jpg", "helen/testset/a.jpg"],
}


def _points(name):
    rng = np.random.default_rng(sum(name.encode()))
    return rng.integers(12, 42, (68, 2))


def _parts(points):
    return "".join(f"<part name='{i:02d}' x='{x}' y='{y}'/>\n" for i, (x, y) in enumerate(points))


def _image(name, box=BOX, parts=None):
    parts = _parts(_points(name)) if parts is None else parts
    return f"<image file='{name}' width='50' height='50'>\n{box}\n{parts}</box>\n</image>\n"


def _write(root, labels):
    for file, names in labels.items():
        images = "".join(_image(name) for name in names)
        (root / file).write_text(HEAD + images + TAIL, encoding="latin-1")
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (50, 50), (len(name), 0, 0)).save(path)


def _read(tmp_path, text):
    path = tmp_path / "labels_ibug_300W_train.xml"
    path.write_text(text)
    return dlib_xml.read_labels(tmp_path, [path])


def test_names_as_windows_writes_them_and_sizes_with_a_point(tmp_path):
    image = _image("afw/1.jpg").replace("afw/", "afw\\").replace("width='50'", "width='50.0'")
    members, problems = _read(tmp_path, HEAD + image + TAIL)
    (face,) = members["afw"]
    assert face.image == tmp_path / "afw" / "1.jpg" and face.annotate().photo_size == (50, 50)
    assert not any("name no photo" in problem for problem in problems)


def test_labels_of_no_known_folder_are_named(tmp_path):
    (tmp_path / "labels_ibug_300W_train.xml").write_text(HEAD + _image("/x/1.jpg") + TAIL)
    with pytest.raises(face_builder.DownloadError, match=r"1 entries name no photo .*'/x/1\.jpg'"):
        downloads.find(tmp_path)


def _face_error(tmp_path, image):
    members, _ = _read(tmp_path, HEAD + image + TAIL)
    ((face,),) = [listed for listed in members.values() if listed]
    with pytest.raises(faces.FaceError) as info:
        face.annotate()
    # Listed in spite of what is wrong with it, so that the others keep their numbers.
    assert "labels_ibug_300W_train.xml:6: " in str(info.value)
    return str(info.value)


@pytest.mark.parametrize("nested", ["", "ibug_300W_large_face_landmark_dataset"])
def test_splits_go_by_folder(tmp_path, nested):
    root = tmp_path / nested
    root.mkdir(exist_ok=True)
    _write(root, NAMES)
    found = downloads.find(tmp_path)
    assert found.layout.startswith(layouts.DLIB)
    keys = {name: [face.key for face in members] for name, members in found.splits.items()}
    assert keys["train"] == ["afw/1.jpg", "afw/2.jpg", "helen/trainset/c.jpg"]
    assert keys["test_common"] == ["helen/testset/a.jpg", "helen/testset/b.jpg"]
    assert keys["test_challenging"] == ["ibug/image_092 _01.jpg"]
    assert "afw: 2 faces, the published set has 337" in found.problems


def test_records_hold_what_the_files_say(tmp_path):
    downloaded = tmp_path / "downloads"
    downloaded.mkdir()
    _write(downloaded, NAMES)
    prepare.prepare("the300w", manual_dir=str(downloaded), data_dir=str(tmp_path / "data"))
    source = prepared_sources.open_source("the300w", data_dir=tmp_path / "data", split="test_full")
    for i in range(len(source)):
        record = source[i]
        points = _points(record["key"])
        np.testing.assert_array_equal(record["landmarks"], points)
        np.testing.assert_array_equal(record["box_detector"], [12, 10, 43, 40])
        around = np.concatenate([points.min(axis=0), points.max(axis=0)]) + 1
        np.testing.assert_array_equal(record["box_ground_truth"], around)
        assert record["image"] == (downloaded / record["key"]).read_bytes()


def test_mirrored_and_doubled_entries_are_left_out(tmp_path):
    names = ["afw/1.jpg", "afw/1_mirror.jpg", "afw/1.jpg"]
    members, problems = _read(tmp_path, HEAD + "".join(map(_image, names)) + TAIL)
    assert [face.key for face in members["afw"]] == ["afw/1.jpg"]
    assert any("1 entries name a photo again" in text for text in problems)


@pytest.mark.parametrize("name", ["/etc/passwd", "../afw/1.jpg", "other/1.jpg", ""])
def test_entries_outside_the_known_folders_are_left_out_and_named(tmp_path, name):
    members, problems = _read(tmp_path, HEAD + _image(name) + _image("afw/1.jpg") + TAIL)
    assert sum(map(len, members.values())) == 1
    assert "1 entries name no photo in afw, helen/trainset" in problems[0]
    assert f"labels_ibug_300W_train.xml:6 '{name}'" in problems[0]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (_image("afw/../../1.jpg"), "is no file below"),
        (_image("afw/1.jpg", parts=_parts(_points("a")[:67])), "67 parts, expected 00 to 67"),
        (
            _image("afw/1.jpg", parts=_parts(_points("a")).replace("'01'", "'00'")),
            "68 parts, expected 00 to 67, each once",
        ),
        (_image("afw/1.jpg", parts=_parts(_points("a")).replace("x='", "x='?")), "x is no number"),
        (_image("afw/1.jpg", parts=_parts([("nan", 3)] * 68)), "x is nan"),
        (_image("afw/1.jpg", parts=_parts([(3, 3)] * 68)), "do not span a face"),
        (_image("afw/1.jpg", box="<box top='1' left='2' width='3'>"), "height is no number: ''"),
        (_image("afw/1.jpg", box=BOX + "</box>" + BOX), "2 boxes, expected one"),
    ],
    ids=["leads out", "few", "doubled", "text", "nan", "one place", "no height", "two boxes"],
)
def test_a_bad_entry_is_one_bad_face(tmp_path, image, message):
    assert message in _face_error(tmp_path, image)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!DOCTYPE lolz [<!ENTITY lol 'lol'>]>\n<dataset/>", r"train\.xml:1: a DOCTYPE"),
        ("<!DOCTYPE d SYSTEM 'file:///etc/passwd'><d/>", r"train\.xml:1: a DOCTYPE"),
        (HEAD + _image("afw/1.jpg"), r"train\.xml: not readable XML"),
        ("", r"train\.xml: not readable XML"),
        (HEAD + "&lol;" + TAIL, r"train\.xml: not readable XML"),
    ],
    ids=["entities", "external", "cut", "empty", "entity"],
)
def test_xml_is_not_trusted(tmp_path, text, message):
    with pytest.raises(face_builder.DownloadError, match=message):
        _read(tmp_path, text)


def test_the_size_of_label_files_is_capped(tmp_path):
    path = tmp_path / "labels_ibug_300W_train.xml"
    with path.open("wb") as file:
        file.truncate(dlib_xml.MAX_BYTES + 1)
    with pytest.raises(face_builder.DownloadError, match="larger than"):
        dlib_xml.read_labels(tmp_path, [path])


def test_points_of_the_photo_as_it_is_stored_stop(tmp_path):
    """The file tells the photo's size, and EXIF has turned the photo since."""
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "afw").mkdir()
    Image.new("RGB", (60, 50)).save(tmp_path / "afw" / "1.jpg", exif=exif)
    image = _image("afw/1.jpg").replace("width='50'", "width='60'", 1)
    members, _ = _read(tmp_path, HEAD + image + TAIL)
    with pytest.raises(faces.FaceError, match=r"60 x 50 pixels \(as it is stored, before EXIF"):
        face_reading.read_face(members["afw"][0], 68)
    image = image.replace("width='60' height='50'", "width='50' height='60'", 1)
    members, _ = _read(tmp_path, HEAD + image + TAIL)
    assert face_reading.read_face(members["afw"][0], 68)["landmark_mask"].all()
