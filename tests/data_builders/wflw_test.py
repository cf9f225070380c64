"""Tests of the WFLW builder on small folders laid out like the downloads."""

import csv
import functools
import logging
import pathlib
import pickle
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from data_builders import face_builder, prepare
from data_builders.wflw import downloads, lines
from scaf_jax.data import images

SIZE = 60
LISTS = "WFLW_annotations/list_98pt_rect_attr_train_test"
# Photo, and the flags pose, expression, illumination, make-up, occlusion, blur.
TRAIN = [
    ("37--Soccer/b.jpg", "000000"),
    ("37--Soccer/a b.jpg", "100000"),
    ("37--Soccer/b.jpg", "000001"),
    ("0--Parade/café.jpg", "000000"),
]
TEST = [
    ("0--Parade/z.jpg", "100010"),
    ("1--Handshaking/z.jpg", "010000"),
    ("0--Parade/z.jpg", "001101"),
    ("0--Parade/y.jpg", "111111"),
]
TRAIN_KEYS = ["37--Soccer/b.jpg#1", "37--Soccer/a b.jpg#1", "37--Soccer/b.jpg#2"]
TRAIN_KEYS += ["0--Parade/café.jpg#1"]
TEST_KEYS = ["0--Parade/z.jpg#1", "1--Handshaking/z.jpg#1", "0--Parade/z.jpg#2"]
TEST_KEYS += ["0--Parade/y.jpg#1"]


def _points(number):
    """98 points of a face, different for each line."""
    return np.random.default_rng(number).uniform(5, 55, (98, 2)).round(6).astype(np.float32)


def _box(number):
    return [4, 6, 50 + number, 55]


def _line(number, name, flags):
    numbers = [f"{value:.6f}" for value in _points(number).ravel()]
    return " ".join([*numbers, *map(str, _box(number)), *flags, name])


def _write_list(root, name, faces):
    path = root / LISTS / f"list_98pt_rect_attr_{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(_line(i, photo, flags) for i, (photo, flags) in enumerate(faces)) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def layout(tmp_path):
    """Downloads as they unpack; two photos show two faces."""
    root = tmp_path / "downloads"
    for name, _ in TRAIN + TEST:
        path = root / "WFLW_images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (SIZE, SIZE), (len(name), 0, 0)).save(path)
    _write_list(root, "train", TRAIN)
    _write_list(root, "test", TEST)
    return root


@pytest.fixture
def opened(layout, open_prepared):
    """Prepares the downloads and opens a split: opened('train')."""
    return functools.partial(open_prepared, "wflw", layout)


def _change_line(layout, change, *, name="train", number=2):
    """Replaces the text of a line of a list; returns where that is."""
    path = layout / LISTS / f"list_98pt_rect_attr_{name}.txt"
    texts = path.read_text(encoding="utf-8").split("\n")
    texts[number - 1] = change(texts[number - 1])
    path.write_text("\n".join(texts), encoding="utf-8")
    return f"{path}:{number}"


def _error_of(layout, tmp_path):
    with pytest.raises(ValueError) as info:
        prepare.prepare("wflw", manual_dir=str(layout), data_dir=str(tmp_path / "data"))
    return str(info.value)


def test_splits_hold_the_published_lists_in_order(opened):
    expected = {
        "train": TRAIN_KEYS,
        "test": TEST_KEYS,
        "test_pose": [TEST_KEYS[0], TEST_KEYS[3]],
        "test_expression": [TEST_KEYS[1], TEST_KEYS[3]],
        "test_illumination": TEST_KEYS[2:],
        "test_makeup": TEST_KEYS[2:],
        "test_occlusion": [TEST_KEYS[0], TEST_KEYS[3]],
        "test_blur": TEST_KEYS[2:],
    }
    for split, keys in expected.items():
        source = opened(split)
        assert source.keys == keys
        assert [source[i]["index"] for i in range(len(source))] == list(range(len(keys)))


def test_records_hold_what_the_lines_say(opened, layout):
    source = opened("train")
    for i, (name, _) in enumerate(TRAIN):
        record = source[i]
        np.testing.assert_array_equal(record["landmarks"], _points(i))
        assert record["landmark_mask"].all()
        np.testing.assert_array_equal(record["box_ground_truth"], _box(i))
        np.testing.assert_array_equal(record["box_detector"], _box(i))
        assert record["image"] == (layout / "WFLW_images" / name).read_bytes()
        assert record["subset"] == name.split("/")[0]


def test_attributes_are_kept(opened, tmp_path):
    opened("test")
    builder = tfds.builder_from_directory(tmp_path / "data" / "wflw" / "1.0.0")
    rows = builder.as_data_source(split="test")  # pyright: ignore[reportCallIssue]
    for row, (_, flags) in zip(rows, TEST, strict=True):
        found = [row[f"attribute_{name}"] for name in lines.ATTRIBUTES]
        assert [str(int(flag)) for flag in found] == list(flags)


def test_counts_are_compared_with_the_published_set(layout):
    found = downloads.find(layout)
    assert "train: 4 faces, the published set has 7500" in found.problems
    assert "test: 4 faces, the published set has 2500" in found.problems
    assert "test_makeup: 2 faces, the published set has 206" in found.problems
    expected = {part.name: part.expected for part in found.parts}
    subsets = [expected[f"test_{name}"] for name in lines.ATTRIBUTES]
    assert subsets == [326, 314, 698, 206, 736, 773]


def test_a_missing_list_and_an_empty_subset_are_told(layout, opened, caplog):
    (layout / LISTS / "list_98pt_rect_attr_test.txt").unlink()
    with caplog.at_level(logging.WARNING, logger="absl"):
        assert opened("train").keys == TRAIN_KEYS
    assert "test: the list list_98pt_rect_attr_test.txt is missing" in caplog.text
    assert "test_blur: 0 faces, the published set has 773" in caplog.text
    with pytest.raises(ValueError, match="no split 'test_blur'"):
        opened("test_blur")


@pytest.mark.parametrize("folder", ["WFLW_annotations", "list_98pt_rect_attr_train_test", "."])
def test_lists_that_were_moved_are_found(layout, folder):
    texts = {path.name: path.read_text() for path in (layout / LISTS).iterdir()}
    shutil.rmtree(layout / "WFLW_annotations")
    (layout / folder).mkdir(exist_ok=True)
    for name, text in texts.items():
        (layout / folder / name).write_text(text)
    assert downloads.recognize(layout)
    assert [face.key for face in downloads.find(layout).splits["train"]] == TRAIN_KEYS


def test_no_faces_at_all(layout, tmp_path):
    shutil.rmtree(layout / "WFLW_images")
    assert downloads.recognize(layout)
    assert "must hold the unzipped folders WFLW_images and" in _error_of(layout, tmp_path)
    shutil.rmtree(layout / "WFLW_annotations")
    (layout / "other").mkdir()
    assert not downloads.recognize(layout)
    with pytest.raises(face_builder.DownloadError, match="list_98pt_rect_attr_train.txt"):
        downloads.find(layout)


@pytest.mark.parametrize(
    "change,message",
    [
        (lambda t: t.split(" ", 1)[1], "blur must be 0 or 1, not '37--Soccer/a'"),
        (lambda t: "0.5 " + t, "must be 0 or 1"),
        (lambda t: " ".join(t.split()[:150]), "150 columns, expected 207"),
        (lambda t: "what", "1 columns, expected 207"),
        (lambda t: t.replace(" ", " x1 ", 1), "must be 0 or 1"),
        (lambda t: "nought" + t[t.index(" ") :], "column 1 is no number: 'nought'"),
        (lambda t: "nan" + t[t.index(" ") :], "landmark 1 is not finite"),
        (lambda t: "1e60" + t[t.index(" ") :], "landmark 1 is not finite"),
        (lambda t: "9999" + t[t.index(" ") :], "far outside the photo a b.jpg of 60 x 60"),
        (lambda t: t.replace(" 4 6 51 55 ", " 51 6 51 55 "), "is not x0, y0, x1, y1"),
        (lambda t: t.replace(" 4 6 51 55 ", " 60 6 70 55 "), "outside the photo"),
        (lambda t: t.replace("37--Soccer/a b.jpg", "../secret.jpg"), "is no file below"),
        (lambda t: t.replace("37--Soccer/a b.jpg", "/etc/passwd"), "is no file below"),
        (lambda t: t.replace("37--Soccer/a b.jpg", "C:/a.jpg"), "is no file below"),
    ],
)
def test_a_bad_line_is_named(layout, tmp_path, change, message):
    place = _change_line(layout, change)
    with pytest.raises(ValueError, match=message) as info:
        prepare.prepare("wflw", manual_dir=str(layout), data_dir=str(tmp_path / "data"))
    assert place in str(info.value)


def test_a_photo_that_is_missing_is_named(layout, tmp_path):
    path = layout / "WFLW_images" / "37--Soccer" / "a b.jpg"
    path.unlink()
    error = _error_of(layout, tmp_path)
    assert str(path) in error and "cannot be read" in error


def test_bad_lines_are_left_out_on_request(layout, opened, tmp_path):
    place = _change_line(layout, lambda text: "rubbish", name="test", number=1)
    _change_line(layout, lambda t: "inf" + t[t.index(" ") :], name="test", number=3)
    source = opened("test", on_error="skip")
    assert source.keys == [TEST_KEYS[1], TEST_KEYS[3]]
    table = tmp_path / "data" / "wflw" / "1.0.0" / face_builder.SKIPPED_FILE
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert [row["key"] for row in rows if row["split"] == "test"] == [
        "list_98pt_rect_attr_test.txt:1",
        "0--Parade/z.jpg#1",
    ]
    assert place in rows[0]["reason"] and "1 columns, expected 207" in rows[0]["reason"]


def test_a_split_without_any_good_face_is_an_error(layout, tmp_path):
    for number in (1, 4):
        _change_line(layout, lambda t: "nan" + t[t.index(" ") :], name="test", number=number)
    with pytest.raises(face_builder.DownloadError, match="not one of the 2 faces .* 'test_pose'"):
        prepare.prepare(
            "wflw", manual_dir=str(layout), data_dir=str(tmp_path / "data"), on_error="skip"
        )


def test_byte_order_mark_blank_lines_and_windows_line_ends(layout):
    path = layout / LISTS / "list_98pt_rect_attr_train.txt"
    path.write_bytes(b"\xef\xbb\xbf\r\n" + path.read_bytes().replace(b"\n", b"  \r\n\r\n"))
    train = downloads.find(layout).splits["train"]
    assert [face.key for face in train] == TRAIN_KEYS
    assert train[0].place.endswith("train.txt:2")
    np.testing.assert_array_equal(train[0].annotate().landmarks, _points(0))


def test_names_that_are_no_utf8_find_their_photo(layout):
    name = b"37--Soccer/caf\xe9.jpg"
    photos = bytes(layout / "WFLW_images")
    path = pathlib.Path((photos + b"/" + name).decode("utf-8", "surrogateescape"))
    Image.new("RGB", (SIZE, SIZE)).save(path, format="JPEG")
    listed = layout / LISTS / "list_98pt_rect_attr_train.txt"
    listed.write_bytes(_line(0, "", "000000").encode() + name + b"\n")
    (face,) = downloads.find(layout).splits["train"]
    assert images.read_encoded(face.image)
    assert face.key == "37--Soccer/caf\\udce9.jpg#1"


def test_faces_can_be_sent_to_other_processes(layout):
    face = downloads.find(layout).splits["train"][1]
    again = pickle.loads(pickle.dumps(face))
    np.testing.assert_array_equal(again.annotate().landmarks, face.annotate().landmarks)


def test_the_frames_beside_the_repository(shared):
    found = downloads.find(shared / "data" / "faces_wflw_layout")
    counts = {split: len(members) for split, members in found.splits.items()}
    assert (counts["train"], counts["test"]) == (400, 150)
    subsets = [counts[f"test_{name}"] for name in lines.ATTRIBUTES]
    assert subsets == [44, 42, 27, 0, 14, 11]
    for face in found.splits["test"]:
        annotation = face.annotate()
        assert annotation.box_ground_truth is not None
        # The lists' box is around the points, to the pixel.
        low, high = annotation.landmarks.min(axis=0), annotation.landmarks.max(axis=0)
        assert np.abs(annotation.box_ground_truth - np.concatenate([low, high])).max() < 1


def test_lists_that_are_not_read_are_told(layout):
    path = layout / LISTS / "list_98pt_rect_attr_train.txt"
    shutil.copy(path, path.with_name("list_98pt_rect_attr_val.txt"))
    (problem,) = [p for p in downloads.find(layout).problems if "not read" in p]
    assert problem.startswith("list_98pt_rect_attr_val.txt in WFLW_annotations/list_98pt")
