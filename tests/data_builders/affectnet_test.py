"""Tests of the AffectNet builder on small folders laid out like the downloads."""

import csv
import functools
import logging
import pickle
import shutil
import tracemalloc

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from data_builders import face_builder, face_reading, prepare
from data_builders.affectnet import downloads, rows

HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,"
    "valence,arousal"
)
MANUAL, AUTOMATIC = "Manually_Annotated_Images", "Automatically_Annotated_Images"
NAMES = ["1/b.jpg", "1/ü a.JPG", "10/c.png"]


def _points(number):
    return np.random.default_rng(number).uniform(5, 55, (68, 2)).round(2).astype(np.float32)


def _row(number, name, *, expression=1, landmarks=True, box=(4, 6, 40, 45), first=None):
    numbers = [f"{value:.2f}" for value in _points(number).ravel()]
    if first is not None:
        numbers[0] = first
    points = ";".join(numbers) if landmarks else ""
    return ",".join([name, *map(str, box), points, str(expression), "0.5", "-0.25"])


def _write_table(path, *lines, header=HEADER):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*([header] if header else []), *lines]) + "\n", encoding="utf-8")


@pytest.fixture
def layout(tmp_path):
    """Downloads as they unpack: the manual part has a photo without a face."""
    root = tmp_path / "downloads"
    for folder in (MANUAL, AUTOMATIC):
        for name in NAMES:
            path = root / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (60, 60), (len(folder), 0, 0)).save(path)
    train = [_row(0, NAMES[0]), _row(1, NAMES[1], expression=10), _row(2, NAMES[2], expression=9)]
    lists = root / "Manually_Annotated_file_lists"
    _write_table(lists / "training.csv", *train)
    _write_table(lists / "validation.csv", _row(3, NAMES[1], landmarks=False))
    _write_table(
        root / "Automatically_annotated_file_list" / "automatically_annotated.csv",
        *(_row(4 + i, name) for i, name in enumerate(NAMES)),
    )
    return root


@pytest.fixture
def opened(layout, open_prepared):
    """Prepares the downloads and opens a split: opened('train')."""
    return functools.partial(open_prepared, "affectnet", layout)


def _training(layout):
    return layout / "Manually_Annotated_file_lists" / "training.csv"


def _first_face(layout, *lines, header=HEADER):
    """The first training face after the table was replaced."""
    _write_table(_training(layout), *lines, header=header)
    return downloads.find(layout).splits["train"][0]


def test_splits_hold_the_faces_of_the_tables_in_order(opened):
    for split, keys in {
        "train": [NAMES[0], NAMES[2]],
        "validation": [NAMES[1]],
        "automatic": NAMES,
    }.items():
        source = opened(split)
        assert source.keys == keys
        assert [source[i]["index"] for i in range(len(source))] == list(range(len(keys)))


def test_records_hold_what_the_rows_say(opened, layout):
    source = opened("automatic")
    for i, name in enumerate(NAMES):
        record = source[i]
        np.testing.assert_allclose(record["landmarks"], _points(4 + i), atol=0.006)
        assert record["landmark_mask"].all()
        # x, y, width, height in the table.
        np.testing.assert_array_equal(record["box_ground_truth"], [4, 6, 44, 51])
        np.testing.assert_array_equal(record["box_detector"], [4, 6, 44, 51])
        assert record["image"] == (layout / AUTOMATIC / name).read_bytes()
        assert record["subset"] == "automatically_annotated"


def test_rows_without_landmarks_have_none_that_is_known(opened):
    record = opened("validation")[0]
    assert record["landmarks"].shape == (68, 2) and not record["landmark_mask"].any()


def test_expression_valence_and_arousal_are_kept(opened, tmp_path):
    opened("train")
    builder = tfds.builder_from_directory(tmp_path / "data" / "affectnet" / "1.0.0")
    examples = list(builder.as_data_source(split="train"))  # pyright: ignore[reportCallIssue]
    assert [example["expression"] for example in examples] == [1, 9]
    assert (examples[0]["valence"], examples[0]["arousal"]) == (0.5, -0.25)


def test_tables_without_header_landmarks_or_valence(layout):
    face = _first_face(layout, _row(0, NAMES[0]), header=None)
    assert face.key == NAMES[0] and face.extra["expression"] == 1
    face = _first_face(
        layout,
        f"7,{NAMES[0]},1,2,30,40",
        header="expression,subDirectory_filePath,face_x,face_y,face_width,face_height",
    )
    assert face.extra == {"expression": 7, "valence": -2, "arousal": -2}
    annotation = face.annotate()
    assert annotation.mask is not None and not annotation.mask.any()


def test_what_is_incomplete_is_told(layout, opened, caplog):
    shutil.rmtree(layout / AUTOMATIC)
    (layout / "Manually_Annotated_file_lists" / "validation.csv").unlink()
    with caplog.at_level(logging.WARNING, logger="absl"):
        assert len(opened("train")) == 2
    assert "automatic: the folder Automatically_Annotated_Images is missing" in caplog.text
    assert "validation: the table validation.csv is missing" in caplog.text
    assert "train: 2 faces, the published set has 332384" in caplog.text


@pytest.mark.parametrize(
    "folder",
    [
        "Manually_Annotated_compressed/Manually_Annotated_Images",
        "Manually_Annotated/Manually_Annotated_Images",
        "Manually_Annotated_compressed",
        "Manually_Annotated_Images/Manually_Annotated_Images",
    ],
)
def test_photos_in_folders_of_archives_are_found(layout, folder):
    (layout / MANUAL).rename(layout / "photos")
    (layout / folder).parent.mkdir(parents=True, exist_ok=True)
    (layout / "photos").rename(layout / folder)
    face = downloads.find(layout).splits["train"][0]
    assert face.image == layout / folder / NAMES[0]


def test_tables_beside_the_photos_are_found(layout):
    for path in (layout / "Manually_Annotated_file_lists").iterdir():
        path.rename(layout / path.name)
    assert downloads.recognize(layout)
    assert len(downloads.find(layout).splits["train"]) == 2


def test_other_folders_are_not_taken_for_affectnet(tmp_path):
    (tmp_path / "training.csv").write_text("name,x,y\na.jpg,1,2\n")
    assert not downloads.recognize(tmp_path)
    with pytest.raises(face_builder.DownloadError, match="Manually_Annotated_Images with training"):
        downloads.find(tmp_path)


def test_a_byte_order_mark_is_fine_and_another_encoding_is_told(layout):
    path = _training(layout)
    text = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8-sig")
    first, last = downloads.find(layout).splits["train"]
    assert (first.key, last.place) == (NAMES[0], f"{path}:4")
    path.write_text(_row(0, NAMES[0]) + "\n", encoding="utf-8-sig")
    assert downloads.find(layout).splits["train"][0].key == NAMES[0]
    path.write_text(text, encoding="utf-16")
    with pytest.raises(face_builder.DownloadError, match="training.csv:1: not UTF-8; save it"):
        downloads.find(layout)
    path.write_text("")
    with pytest.raises(face_builder.DownloadError, match="training.csv: the file is empty"):
        downloads.find(layout)


def test_quoted_names_are_read(layout):
    face = _first_face(layout, _row(0, '"1/a, ""b"".jpg"'))
    assert face.key == '1/a, "b".jpg'


@pytest.mark.parametrize(
    "row,message",
    [
        (_row(0, "../../secret.jpg"), "is no file below"),
        (_row(0, "/etc/passwd"), "is no file below"),
        (_row(0, ""), "is no file below"),
        (_row(0, "1/b.jpg").rsplit(",", 1)[0], "8 columns, but the header has 9"),
        (_row(0, "1/b.jpg") + ",1", "10 columns, but the header has 9"),
        ('"' + _row(0, "1/b.jpg"), "quotation marks that do not end"),
        (_row(0, "1/b.jpg", expression="happy"), "expression is no number: 'happy'"),
        (_row(0, "1/b.jpg", expression=11), "expression must be 0..10, not 11"),
        (_row(0, "1/b.jpg", expression=1.5), "expression must be 0..10, not 1.5"),
        (_row(0, "1/b.jpg", box=("NULL", 1, 2, 3)), "face_x is no number: 'NULL'"),
        (_row(0, "1/b.jpg", box=(1, 1, 0, 3)), "is not x0, y0, x1, y1"),
        (_row(0, "1/b.jpg", box=(1, 1, 5, -3)), "is not x0, y0, x1, y1"),
        (_row(0, "1/b.jpg", box=(70, 1, 5, 3)), "lies outside the photo"),
        (_row(0, "1/b.jpg", box=(1, "inf", 5, 3)), "face_y is inf"),
        (_row(0, "1/b.jpg").replace(";", ";1;", 1), "facial_landmarks has 137 numbers"),
        (_row(0, "1/b.jpg").replace(";", "x;", 1), "facial_landmarks: number 1 is none"),
        (_row(0, "1/b.jpg", first="nan"), "landmark 1 is not finite"),
        (_row(0, "1/b.jpg", first="1e99"), "landmark 1 is not finite"),
        (_row(0, "1/b.jpg", first="4000"), "far outside the photo"),
    ],
)
def test_a_bad_row_is_a_bad_face_that_is_named(layout, row, message):
    face = _first_face(layout, row, _row(1, NAMES[2]))
    assert face.place == f"{_training(layout)}:2"
    with pytest.raises(ValueError, match=message) as info:
        face_reading.read_face(face, 68)
    assert face.place in str(info.value)
    assert len(downloads.find(layout).splits["train"]) == 2


def test_no_face_however_programs_write_it(tmp_path):
    lines = [_row(i, "a.jpg", expression=word) for i, word in enumerate(("10", "10.0", " 10 ", 1))]
    _write_table(tmp_path / "training.csv", *lines)
    table = rows.read_table(tmp_path / "training.csv", tmp_path)
    assert table.left_out == 3 and len(table.places) == 1


def test_bad_rows_are_left_out_on_request(layout, opened, tmp_path):
    lines = [_row(0, NAMES[0], box=(1, 1, 0, 0)), "rubbish", _row(1, NAMES[2]), _row(2, "1/no.jpg")]
    _write_table(_training(layout), *lines)
    assert opened("train", on_error="skip").keys == [NAMES[2]]
    table = tmp_path / "data" / "affectnet" / "1.0.0" / face_builder.SKIPPED_FILE
    left_out = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert [row["key"] for row in left_out] == [NAMES[0], "training.csv:3", "1/no.jpg"]
    assert "1 columns, but the header has 9" in left_out[1]["reason"]


def test_a_bad_row_stops_the_preparation_by_default(layout, tmp_path):
    _write_table(_training(layout), _row(0, "1/no.jpg"))
    with pytest.raises(ValueError, match=r"no\.jpg: cannot be read"):
        prepare.prepare("affectnet", manual_dir=str(layout), data_dir=str(tmp_path / "data"))


def test_faces_can_be_sent_to_other_processes_alone(layout):
    face = downloads.find(layout).splits["train"][1]
    sent = pickle.dumps(face)
    assert len(sent) < 4000
    np.testing.assert_array_equal(
        pickle.loads(sent).annotate().landmarks, face.annotate().landmarks
    )


def test_long_tables_are_listed_in_little_memory(tmp_path):
    count = 5000
    path = tmp_path / "training.csv"
    _write_table(path, *(_row(i % 7, f"1/{i:09d}.jpg") for i in range(count)))
    tracemalloc.start()
    table = rows.read_table(path, tmp_path)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 100 * count
    listed = table.faces()
    assert listed[-1].key == f"1/{count - 1:09d}.jpg"
    assert [face.key for face in listed[10:12]] == ["1/000000010.jpg", "1/000000011.jpg"]
    with pytest.raises(IndexError):
        listed[count]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_tables_of_spreadsheets_are_read(layout, delimiter):
    expected = [face_reading.read_face(face, 68) for face in downloads.find(layout).splits["train"]]
    path = _training(layout)
    with path.open(encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"sep={delimiter}\n")
        csv.writer(file, delimiter=delimiter).writerows(table)
    assert downloads.recognize(layout)
    found = [face_reading.read_face(face, 68) for face in downloads.find(layout).splits["train"]]
    assert len(found) == len(expected) == 2
    for one, other in zip(found, expected, strict=True):
        assert one["key"] == other["key"] and one["valence"] == other["valence"]
        np.testing.assert_array_equal(one["landmarks"], other["landmarks"])


@pytest.mark.parametrize("filler", ["0", "-1", "-2.0"])
def test_one_number_throughout_is_no_landmark(layout, filler):
    points = ";".join([filler] * 136)
    face = _first_face(layout, f"{NAMES[0]},4,6,40,45,{points},1,0.5,-0.25")
    assert not face_reading.read_face(face, 68)["landmark_mask"].any()
