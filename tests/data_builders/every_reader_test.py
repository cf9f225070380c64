"""What no reader of landmarks may take for landmarks, tried with every one of them."""

import importlib
import json
import shutil
import unicodedata

import numpy as np
import pytest
from PIL import Image

from data_builders import face_builder, face_reading, faces

SIZE = (200, 150)
RNG = np.random.default_rng(0)
POINTS = {count: RNG.uniform(40, 120, (count, 2)).round(2) for count in (68, 98)}
POINTS[5] = np.array([(50.0, 60.0), (90, 58), (70, 75), (55, 95), (88, 94)])  # as CelebA has them
BOX = (35, 35, 90, 90)  # x, y, width, height


def _photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE).save(path)


def _write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def _pts(path, points):
    rows = [f"{x} {y}" for x, y in points]
    _write(path, "version: 1", f"n_points: {len(points)}", "{", *rows, "}")


def _scheme(root, count):
    names = [f"p{i}" for i in range(count)]
    scheme = {"name": "own", "landmarks": names, "flip_pairs": [], "normalizer": names[:2]}
    _write(root / "scheme.json", json.dumps(scheme))
    return names


def _csv(root, points):
    names = _scheme(root, len(points))
    _photo(root / "a.jpg")
    header = ",".join(["name", *(f"{name}_{axis}" for name in names for axis in "xy")])
    _write(root / "landmarks.csv", header, ",".join(["a.jpg", *map(str, np.ravel(points))]))


def _coco(root, points):
    names = _scheme(root, len(points))
    _photo(root / "a.jpg")
    keypoints = [value for x, y in points for value in (x, y, 2)]
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": keypoints, "bbox": BOX}
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "face", "keypoints": names}],
        "annotations": [annotation],
    }
    _write(root / "train.json", json.dumps(content))


def _own_pts(root, points):
    _scheme(root, len(points))
    _photo(root / "a.jpg")
    _pts(root / "a.pts", points)


def _300w(root, points):
    _photo(root / "afw" / "a.jpg")
    _pts(root / "afw" / "a.pts", points)


def _dlib(root, points):
    _photo(root / "afw" / "a.jpg")
    parts = "".join(f"<part name='{i:02d}' x='{x}' y='{y}'/>" for i, (x, y) in enumerate(points))
    x, y, width, height = BOX
    _write(
        root / "labels_ibug_300W_train.xml",
        f"<dataset><images><image file='afw/a.jpg'><box top='{y}' left='{x}' width='{width}' "
        f"height='{height}'>{parts}</box></image></images></dataset>",
    )


def _wflw(root, points):
    _photo(root / "WFLW_images" / "a.jpg")
    numbers = [*map(str, np.ravel(points)), "35", "35", "125", "125"]
    _write(
        root / "WFLW_annotations" / "list_98pt_rect_attr_train.txt",
        " ".join([*numbers, *"000000", "a.jpg"]),
    )


def _celeba(root, points):
    names = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y"
    _photo(root / "Img" / "img_celeba" / "a.jpg")
    _write(root / "Eval" / "list_eval_partition.txt", "a.jpg 0")
    _write(
        root / "Anno" / "list_landmarks_celeba.txt",
        "1",
        f"{names} rightmouth_x rightmouth_y",
        "a.jpg " + " ".join(f"{value:g}" for value in np.ravel(points)),
    )
    _write(
        root / "Anno" / "list_bbox_celeba.txt",
        "1",
        "image_id x_1 y_1 width height",
        "a.jpg " + " ".join(map(str, BOX)),
    )


def _affectnet(root, points):
    _photo(root / "Manually_Annotated_Images" / "1" / "a.jpg")
    _write(
        root / "Manually_Annotated_file_lists" / "training.csv",
        "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,"
        "valence,arousal",
        f"1/a.jpg,35,35,90,90,{';'.join(map(str, np.ravel(points)))},1,0.5,0.5",
    )


# Reader -> set, its landmarks, who writes one face, and what the first pixel is called there.
READERS = {
    "csv": ("landmarks_folder", 5, _csv, 0),
    "coco": ("landmarks_folder", 5, _coco, 0.5),
    "pts": ("landmarks_folder", 68, _own_pts, 1),
    "300w": ("the300w", 68, _300w, 1),
    "dlib": ("the300w", 68, _dlib, 0),
    "wflw": ("wflw", 98, _wflw, 0),
    "celeba": ("celeba", 5, _celeba, 0),
    "affectnet": ("affectnet", 68, _affectnet, 0),
}
READER = pytest.mark.parametrize("reader", READERS)


def _read(root, reader, change):
    """What is read of a face whose landmarks are changed, or the message of why not."""
    name, count, write, _ = READERS[reader]
    write(root, change(POINTS[count].copy()))
    found = importlib.import_module(f"data_builders.{name}.downloads").find(root)
    (face,) = [face for face in found.splits["train"]]
    try:
        return face_reading.read_face(face, count)
    except faces.FACE_ERRORS as error:
        return str(error)


def _put(place, landmarks):
    def change(points):
        points[landmarks] = place
        return points

    return change


@READER
def test_landmarks_are_read(tmp_path, reader):
    read = _read(tmp_path, reader, lambda points: points)
    expected = POINTS[READERS[reader][1]] - READERS[reader][3]
    np.testing.assert_allclose(read["landmarks"], expected, atol=1e-4)
    assert read["landmark_mask"].all()


@READER
@pytest.mark.parametrize("filler", [0, -1, -256])
def test_fillers_are_no_landmarks(tmp_path, reader, filler):
    read = _read(tmp_path, reader, _put(filler, [2, 4]))
    if reader == "coco" and filler == 0:
        assert read["landmark_mask"].tolist() == [True, True, False, True, False]
    else:
        assert f"landmark 3 (and 1 more) lies at ({filler}, {filler})" in read
        assert "nobody marked" in read


@READER
def test_many_landmarks_at_one_place_are_not_believed(tmp_path, reader):
    count = READERS[reader][1]
    read = _read(tmp_path, reader, _put((100, 75), range(count // 2 + 1)))
    assert f"landmark 1 (and {count // 2} more) lies at (" in read and "too many landmarks" in read


@READER
def test_fractions_are_no_pixels(tmp_path, reader):
    read = _read(tmp_path, reader, lambda points: points / SIZE)
    if reader == "celeba":
        assert "expected 10 whole numbers" in read
    else:
        assert "all landmarks lie between 0 and 1" in read and "multiply x by the width" in read


def _only_face(root, reader):
    name, count, *_ = READERS[reader]
    found = importlib.import_module(f"data_builders.{name}.downloads").find(root)
    (face,) = [face for listed in found.splits.values() for face in listed]
    np.testing.assert_allclose(
        face_reading.read_face(face, count)["landmarks"],
        POINTS[count] - READERS[reader][3],
        atol=1e-4,
    )
    return found


@READER
def test_what_systems_leave_changes_nothing(tmp_path, reader):
    root = tmp_path / "root"
    READERS[reader][2](root, POINTS[READERS[reader][1]])
    shutil.copytree(root, tmp_path / "copy")
    for path in [path for path in root.rglob("*") if path.is_file()]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    for folder in ("__MACOSX", ".ipynb_checkpoints", "@eaDir", ".Trash-1000"):
        shutil.copytree(tmp_path / "copy", root / folder)
    (root / "Thumbs.db").write_bytes(b"")
    (root / "loop").symlink_to(root)
    _only_face(root, reader)


@READER
def test_names_are_found_in_either_spelling(tmp_path, reader):
    READERS[reader][2](tmp_path, POINTS[READERS[reader][1]])
    composed, decomposed = (unicodedata.normalize(form, "\u00e9") for form in ("NFC", "NFD"))
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        if path.name == "a.jpg":
            path.rename(path.with_name(f"{decomposed}.jpg"))
        elif path.name == "a.pts":
            path.rename(path.with_name(f"{composed}.pts"))
        else:
            text = path.read_text(encoding="utf-8").replace("a.jpg", f"{composed}.jpg")
            path.write_text(text, encoding="utf-8")
    _only_face(tmp_path, reader)


@pytest.mark.parametrize("reader", ["pts", "300w"])
def test_endings_in_any_case_and_two_files_of_one_name(tmp_path, reader):
    READERS[reader][2](tmp_path, POINTS[68])
    for path in list(tmp_path.rglob("a.*")):
        path.rename(path.with_suffix(path.suffix.upper()))
    _only_face(tmp_path, reader)
    (path,) = tmp_path.rglob("a.JPG")
    for second in ("a.png", "a.pts"):
        path.with_name(second).write_bytes(path.read_bytes())
        with pytest.raises(face_builder.DownloadError, match=r"a\.JPG|a\.PTS"):
            _only_face(tmp_path, reader)
        path.with_name(second).unlink()
