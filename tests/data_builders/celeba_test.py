"""Tests of the CelebA builder on small folders laid out like the downloads."""

import csv
import functools
import logging
import pickle
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from data_builders import face_builder, face_reading, faces, prepare
from data_builders.celeba import downloads

NAMES = ["000001.jpg", "000 é2.jpg", "000003.jpg", "000004.jpg"]
PARTITION = [0, 0, 1, 2]
KEYS = {"train": NAMES[:2], "validation": NAMES[2:3], "test": NAMES[3:]}
LANDMARK_HEADER = (
    "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x "
    "rightmouth_y"
)


def _points(number):
    return np.random.default_rng(number).integers(60, 130, (5, 2))


def _text(values):
    return "  ".join(map(str, np.ravel(values)))


def _write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _photos(folder, size):
    folder.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        Image.new("RGB", size, (number, 0, 0)).save(folder / name)


def _common_tables(root):
    rows = [f"{name} {part}" for name, part in zip(NAMES, PARTITION, strict=True)]
    _write(root / "Eval" / "list_eval_partition.txt", *rows)
    _write(root / "Anno" / "identity_CelebA.txt", *(f"{n} {i + 7}" for i, n in enumerate(NAMES)))


def _landmark_table(path):
    rows = [f"{name} {_text(_points(i))}" for i, name in enumerate(NAMES)]
    _write(path, str(len(NAMES)), LANDMARK_HEADER, *rows)


@pytest.fixture
def aligned(tmp_path):
    """The aligned form in CelebA's folders."""
    root = tmp_path / "downloads"
    _photos(root / "Img" / "img_align_celeba", (178, 218))
    _common_tables(root)
    _landmark_table(root / "Anno" / "list_landmarks_align_celeba.txt")
    return root


@pytest.fixture
def wild(tmp_path):
    """The form in the wild in CelebA's folders."""
    root = tmp_path / "downloads"
    _photos(root / "Img" / "img_celeba", (200, 150))
    _common_tables(root)
    _landmark_table(root / "Anno" / "list_landmarks_celeba.txt")
    boxes = [f"{name}  {10 + i}  20  100  120" for i, name in enumerate(NAMES)]
    header = "image_id x_1 y_1 width height"
    _write(root / "Anno" / "list_bbox_celeba.txt", str(len(NAMES)), header, *boxes)
    return root


@pytest.fixture
def opened(open_prepared):
    """Prepares downloads and opens a split: opened(folder, 'train')."""
    return functools.partial(open_prepared, "celeba")


def _read_first(root):
    """Reads and checks the first training face."""
    return face_reading.read_face(downloads.find(root).splits["train"][0], 5)


def test_splits_follow_the_list_of_partitions(wild, opened):
    for split, keys in KEYS.items():
        source = opened(wild, split)
        assert source.keys == keys
        assert [source[i]["index"] for i in range(len(source))] == list(range(len(keys)))


def test_records_in_the_wild_hold_what_the_tables_say(wild, opened):
    source = opened(wild, "train")
    for i in range(2):
        record = source[i]
        np.testing.assert_array_equal(record["landmarks"], _points(i))
        assert record["landmark_mask"].all()
        # x, y, width, height in the table.
        np.testing.assert_array_equal(record["box_ground_truth"], [10 + i, 20, 110 + i, 140])
        assert record["image"] == (wild / "Img" / "img_celeba" / NAMES[i]).read_bytes()
        assert record["subset"] == "in_the_wild"


def test_aligned_records_have_the_fixed_box(aligned, opened):
    record = opened(aligned, "test")[0]
    np.testing.assert_array_equal(record["landmarks"], _points(3))
    np.testing.assert_array_equal(record["box_ground_truth"], downloads.ALIGNED_BOX)
    assert record["subset"] == "aligned"


def test_identities_are_kept(aligned, opened, tmp_path):
    opened(aligned, "train")
    builder = tfds.builder_from_directory(tmp_path / "data" / "celeba" / "1.0.0")
    examples = builder.as_data_source(split="train")  # pyright: ignore[reportCallIssue]
    assert [example["identity"] for example in examples] == [7, 8]


def test_tables_that_are_missing_are_told(aligned, opened, caplog):
    (aligned / "Anno" / "identity_CelebA.txt").unlink()
    (aligned / "Anno" / "list_landmarks_align_celeba.txt").unlink()
    with caplog.at_level(logging.WARNING, logger="absl"):
        source = opened(aligned, "train")
    assert "identity_CelebA.txt is missing: faces have no identity" in caplog.text
    assert "list_landmarks_align_celeba.txt is missing: faces have no landmarks" in caplog.text
    assert "train: 2 faces, the published set has 162770" in caplog.text
    assert not source[0]["landmark_mask"].any()
    assert downloads.find(aligned).splits["train"][0].extra == {"identity": -1}


def test_the_published_counts(aligned):
    parts = downloads.find(aligned).parts
    assert sum(part.expected or 0 for part in parts) == 202_599
    assert [part.found for part in parts] == [2, 1, 1]


def test_in_the_wild_is_used_where_both_forms_are(wild):
    _photos(wild / "img_align_celeba", (178, 218))
    found = downloads.find(wild)
    assert found.layout == "CelebA, photos in the wild"
    assert any("move them away to use the aligned ones" in text for text in found.problems)


@pytest.mark.parametrize("table", ["list_eval_partition", "list_bbox_celeba"])
def test_tables_that_are_needed(wild, table):
    next(wild.glob(f"*/{table}.txt")).unlink()
    with pytest.raises(face_builder.DownloadError, match=f"lacks the table {table}.txt"):
        downloads.find(wild)


def test_no_photos_at_all(aligned, tmp_path):
    assert downloads.recognize(aligned)
    shutil.rmtree(aligned / "Img")
    assert downloads.recognize(aligned)
    with pytest.raises(face_builder.DownloadError, match="img_celeba or img_align_celeba"):
        downloads.find(aligned)
    assert not downloads.recognize(tmp_path)


def test_csv_tables_beside_a_doubled_folder(aligned):
    photos = aligned / "Img" / "img_align_celeba"
    (aligned / "img_align_celeba").mkdir()
    photos.rename(aligned / "img_align_celeba" / "img_align_celeba")
    for name, header in {
        "list_eval_partition": "image_id,partition",
        "list_landmarks_align_celeba": "image_id," + LANDMARK_HEADER.replace(" ", ","),
    }.items():
        (old,) = aligned.glob(f"*/{name}.txt")
        rows = [line for line in old.read_text(encoding="utf-8").splitlines() if ".jpg" in line]
        _write(aligned / f"{name}.csv", "\ufeff" + header, *map(_as_csv, rows))
        old.unlink()
    splits = downloads.find(aligned).splits
    assert {split: [face.key for face in splits[split]] for split in splits} == KEYS
    np.testing.assert_array_equal(splits["train"][1].annotate().landmarks, _points(1))


def _as_csv(row):
    name, _, numbers = row.partition(".jpg")
    return ",".join([f"{name}.jpg", *numbers.split()])


def test_byte_order_mark_and_windows_line_ends(aligned):
    path = aligned / "Eval" / "list_eval_partition.txt"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b" \r\n\r\n"))
    splits = downloads.find(aligned).splits
    assert {split: [face.key for face in splits[split]] for split in splits} == KEYS


@pytest.mark.parametrize(
    "row,message",
    [
        ("000001.jpg", "expected a photo's name and 0, 1 or 2, not '000001.jpg'"),
        ("000001.jpg 3", "expected a photo's name and 0, 1 or 2"),
        ("../secret.jpg 0", "is no file below"),
        ("/etc/passwd 0", "is no file below"),
        ("..\\secret.jpg 0", "is no file below"),
        ("000009.jpg 0", "no row for the photo '000009.jpg'"),
    ],
)
def test_a_bad_line_of_the_partition_is_a_bad_face(wild, row, message):
    path = wild / "Eval" / "list_eval_partition.txt"
    rest = path.read_text(encoding="utf-8").split("\n", 1)[1]
    path.write_text(f"{row}\n{rest}", encoding="utf-8")
    with pytest.raises(faces.FaceError, match=message):
        _read_first(wild)
    face = downloads.find(wild).splits["train"][0]
    assert face.place == f"{path}:1"
    assert len(downloads.find(wild).splits["train"]) == 2


@pytest.mark.parametrize(
    "table,row,message",
    [
        ("list_bbox_celeba", "10 20 100", "list_bbox_celeba.txt:3: expected 4 whole numbers"),
        ("list_bbox_celeba", "1 2 a 4", "list_bbox_celeba.txt:3: expected 4 whole numbers"),
        ("list_bbox_celeba", "1 2 nan 4", "list_bbox_celeba.txt:3: expected 4 whole numbers"),
        ("list_bbox_celeba", "1 2 0 4", "list_bbox_celeba.txt:3: the box of 0 x 4 pixels"),
        ("list_bbox_celeba", "300 2 9 9", "lies outside the photo"),
        ("list_bbox_celeba", "1 2 3 4 5", "list_bbox_celeba.txt: no row for the photo"),
        ("list_landmarks_celeba", "1 2 3", "list_landmarks_celeba.txt:3: expected 10 whole"),
        ("list_landmarks_celeba", _text(range(9990, 10_000)), "far outside the photo 000001.jpg"),
        ("identity_CelebA", "nobody", "identity_CelebA.txt:1: expected 1 whole numbers"),
    ],
)
def test_a_bad_row_is_named(wild, table, row, message):
    path = wild / "Anno" / f"{table}.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith(NAMES[0]))
    lines[place] = f"{NAMES[0]} {row}"
    _write(path, *lines)
    with pytest.raises(faces.FaceError, match=message):
        _read_first(wild)


def test_an_aligned_photo_of_another_size_is_refused(aligned):
    Image.new("RGB", (128, 128)).save(aligned / "Img" / "img_align_celeba" / NAMES[0])
    with pytest.raises(faces.FaceError, match="000001.jpg: 128 x 128 pixels, but .* 178 x 218"):
        _read_first(aligned)


def test_bad_faces_stop_the_preparation_or_are_left_out(wild, opened, tmp_path):
    (wild / "Img" / "img_celeba" / NAMES[0]).write_bytes(b"no photo")
    with pytest.raises(ValueError, match="000001.jpg: not a readable image"):
        prepare.prepare("celeba", manual_dir=str(wild), data_dir=str(tmp_path / "other"))
    assert opened(wild, "train", on_error="skip").keys == [NAMES[1]]
    table = tmp_path / "data" / "celeba" / "1.0.0" / face_builder.SKIPPED_FILE
    (row,) = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    assert (row["split"], row["key"]) == ("train", NAMES[0])


def test_faces_can_be_sent_to_other_processes_without_the_tables(wild):
    face = downloads.find(wild).splits["train"][1]
    sent = pickle.dumps(face)
    assert b"000001" not in sent
    np.testing.assert_array_equal(pickle.loads(sent).annotate().landmarks, _points(1))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_of_spreadsheets_are_read(aligned, delimiter):
    expected = [face_reading.read_face(face, 5) for face in downloads.find(aligned).splits["train"]]
    for folder, name, header in (
        ("Eval", "list_eval_partition", "image_id partition"),
        ("Anno", "list_landmarks_align_celeba", f"image_id {LANDMARK_HEADER}"),
    ):
        path = aligned / folder / f"{name}.txt"
        rows = [row for row in path.read_text(encoding="utf-8").splitlines() if ".jpg" in row]
        table = [delimiter.join(header.split())]
        for row in rows:
            photo, _, numbers = row.partition(".jpg")
            table.append(delimiter.join([f"{photo}.jpg", *numbers.split()]))
        said = [f"sep={delimiter}"] if delimiter == ";" else []
        path.unlink()
        _write(path.with_suffix(".csv"), *said, *table)
    found = [face_reading.read_face(face, 5) for face in downloads.find(aligned).splits["train"]]
    assert len(found) == len(expected) == 2
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one["landmarks"], other["landmarks"])


def test_a_photo_with_two_rows_that_differ_is_unusable(aligned):
    path = aligned / "Anno" / "list_landmarks_align_celeba.txt"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + f"{NAMES[0]} {_text(_points(9))}\n", encoding="utf-8")
    first, second = downloads.find(aligned).splits["train"]
    with pytest.raises(faces.FaceError, match=r"celeba\.txt:3: line 7 says otherwise of the photo"):
        face_reading.read_face(first, 5)
    assert face_reading.read_face(second, 5)["landmark_mask"].all()
    path.write_text(text + text, encoding="utf-8")  # joined with itself: nothing is lost
    assert face_reading.read_face(downloads.find(aligned).splits["train"][0], 5)
