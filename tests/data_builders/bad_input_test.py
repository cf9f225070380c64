"""Every kind of bad input ends in the right face, a clear error, or a row of skipped.csv.

All cases stand between good faces in one set, which is prepared once with `on_error='skip'`.
"""

import csv
import functools
import pathlib
import runpy
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_builders import face_builder, face_reading, faces, prepare
from scaf_jax.data import images
from scaf_jax.formats import pts

# Not a package: tests are collected by path.
bad_photos = types.SimpleNamespace(
    **runpy.run_path(str(pathlib.Path(__file__).with_name("bad_photos.py")))
)

POINTS = np.array([[10, 12], [30, 12], [20, 25]], np.float32)
BOX = np.array([8, 10, 34, 30], np.float32)


def _annotated(points=POINTS, mask=None, box=BOX, detector=None):
    def as_array(values):
        return None if values is None else np.array(values)

    return faces.Annotation(np.array(points), mask, as_array(box), as_array(detector))


def _face(root, name, annotate=_annotated):
    return faces.Face(root / f"{name}.jpg", f"{name}.jpg", "", f"{root}/list:{name}", annotate)


def _photo(make, root, name):
    make(root / f"{name}.jpg")
    return _face(root, name)


def _annotation(values, root, name):
    bad_photos.write(root / f"{name}.jpg")
    return _face(root, name, functools.partial(_annotated, **values))


def _named(file_name, root, name):
    place = f"{root}/list:{name}"
    try:
        path = faces.file_below(root, file_name, place)
    except faces.FaceError as error:
        return faces.unusable_face(root, f"{name}.jpg", "", place, str(error))
    return faces.Face(path, f"{name}.jpg", "", place, _annotated)


def _pts(content, root, name):
    bad_photos.write(root / f"{name}.jpg")
    path = root / f"{name}.pts"
    if content is not None:
        path.write_bytes(content)

    def annotate():
        return _annotated(pts.read_pts(path, 3) - 1)

    return _face(root, name, annotate)


def _nan_at(index, value=np.nan):
    values = POINTS.copy()
    values[index] = value
    return values


_GOOD_PTS = b"version: 1\nn_points: 3\n{\n11 13\n31 13\n21 26\n}\n"

# Name -> (maker of the face, words of the error).
BAD = {
    **{
        name: (functools.partial(_photo, make), words)
        for name, (make, words) in bad_photos.BAD.items()
    },
    **{
        name: (functools.partial(_annotation, values), words)
        for name, (values, words) in {
            "box of no width": ({"box": [9, 9, 9, 20]}, "is not x0, y0, x1, y1 with x0 < x1"),
            "box of no height": ({"box": [9, 20, 19, 20]}, "is not x0, y0, x1, y1 with x0 < x1"),
            "box inverted": ({"box": [30, 30, 9, 9]}, "is not x0, y0, x1, y1 with x0 < x1"),
            "box not a number": ({"box": [9, 9, np.nan, 20]}, "is not x0, y0, x1, y1"),
            "box infinite": ({"box": [9, 9, np.inf, 20]}, "is not x0, y0, x1, y1"),
            "box overflows": ({"box": [9, 9, 1e300, 20]}, "is not x0, y0, x1, y1"),
            "box of three numbers": ({"box": [9, 9, 20]}, "is not x0, y0, x1, y1"),
            "box outside": ({"box": [100, 9, 120, 20]}, "lies outside the photo"),
            "box of another photo": ({"box": [0, 0, 900, 900]}, "reaches far outside the photo"),
            "detector box inverted": ({"detector": [30, 30, 9, 9]}, "the detector box"),
            "detector box outside": ({"detector": [-9, -9, -1, -1]}, "lies outside the photo"),
            "points too few": ({"points": POINTS[:2]}, "2 landmarks, expected 3"),
            "points too many": ({"points": np.tile(POINTS, (2, 1))}, "6 landmarks, expected 3"),
            "points with nan": ({"points": _nan_at(1)}, "landmark 2 is not finite"),
            "points infinite": ({"points": _nan_at(0, np.inf)}, "landmark 1 is not finite"),
            "points overflow": (
                {"points": POINTS.astype(float) * 1e300},
                "landmark 1 is not finite",
            ),
            "points far outside": ({"points": POINTS * 20}, "far outside the photo"),
            "points far to the left": ({"points": POINTS - 200}, "far outside the photo"),
            "points of one dimension": ({"points": POINTS.ravel()}, "6 landmarks, expected 3"),
            "marks too few": ({"mask": np.ones(2, bool)}, "2 marks of known landmarks for 3"),
            "points on a line": ({"points": POINTS * (1, 0), "box": None}, "do not span a face"),
            "one known point": (
                {"mask": np.array([True, False, False]), "box": None},
                "do not span a face",
            ),
        }.items()
    },
    **{
        name: (functools.partial(_pts, content), words)
        for name, (content, words) in {
            "pts missing": (None, "cannot be read: No such file"),
            "pts empty": (b"", "no line '{' before the points"),
            "pts cut short": (_GOOD_PTS[:-2], "no line '}' after the points"),
            "pts with too few lines": (_GOOD_PTS.replace(b"31 13\n", b""), "n_points says 3"),
            "pts of another count": (
                _GOOD_PTS.replace(b": 3", b": 2").replace(b"31 13\n", b""),
                "expected 3 points, the file holds 2",
            ),
            "pts with comma decimals": (
                _GOOD_PTS.replace(b"11 13", b"11,5 13,5"),
                "pts:4: expected two numbers",
            ),
            "pts of three columns": (
                _GOOD_PTS.replace(b"11 13", b"11 13 1"),
                "pts:4: expected two",
            ),
            "pts with nan": (_GOOD_PTS.replace(b"11", b"nan"), "is not a place in a photo"),
            "pts with words": (_GOOD_PTS.replace(b"11", b"left"), "pts:4: expected two numbers"),
            "pts binary": (bytes(range(256)), "not a text file"),
            "pts huge": (bytes(pts.MAX_BYTES + 1), "larger than"),
        }.items()
    },
    **{
        name: (functools.partial(_named, file_name), words)
        for name, (file_name, words) in {
            "name absolute": ("/etc/hostname", "is no file below"),
            "name leads up": ("../../etc/hostname", "is no file below"),
            "name leads up inside": ("a/../../b.jpg", "is no file below"),
            "name with backslashes": ("..\\b.jpg", "is no file below"),
            "name with a drive": ("C:/b.jpg", "is no file below"),
            "name with nul": ("b.jpg\0.png", "is no file below"),
            "name empty": ("", "is no file below"),
            "name blank": ("  ", "is no file below"),
            "name with empty folder": ("a//b.jpg", "is no file below"),
            "name far too long": ("a/" * 1000 + "b.jpg", "is no file below"),
            "name too long": ("b" * 300 + ".jpg", "cannot be read: File name too long"),
            "name of a folder": (".folder", "cannot be read: not a file"),
            "name of nothing": ("no such.jpg", "cannot be read: No such file"),
            "name not utf-8": ("\udcff.jpg", "cannot be read: No such file"),
        }.items()
    },
}
# Name -> maker of the face and the pixel that it must show at (20, 10), exactly or nearly.
GOOD = bad_photos.GOOD


class _Mixed(face_builder.FaceBuilder):
    """Each bad face between two good ones, then photos of unusual kinds."""

    name = "mixed"
    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Made by the test."
    NUM_LANDMARKS = 3

    def _info(self):
        features = faces.features(self.NUM_LANDMARKS)
        return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

    def find(self, root):
        return faces.Found("mixed", {"train": _list_faces(root)})


@functools.cache
def _list_faces(root):
    (root / ".folder").mkdir()
    listed = []
    for name, (make, _) in BAD.items():
        bad_photos.write(root / f"before {name}.jpg")
        listed += [_face(root, f"before {name}"), make(root, name)]
    for name, (make, _, _) in GOOD.items():
        listed.append(_photo(make, root, name))
    return listed


def _prepare(root, data_dir, on_error):
    builder = _Mixed(data_dir=str(data_dir), file_format="array_record", on_error=on_error)
    config = tfds.download.DownloadConfig(manual_dir=str(root))
    builder.download_and_prepare(download_config=config)
    prepare._write_skipped(builder, pathlib.Path(builder.data_path))
    return pathlib.Path(builder.data_path)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def prepared(root, tmp_path_factory):
    """The prepared faces by key, and the rows of skipped.csv by key."""
    folder = _prepare(root, tmp_path_factory.mktemp("data"), "skip")
    source = tfds.builder_from_directory(folder).as_data_source(split="train")
    with (folder / face_builder.SKIPPED_FILE).open(newline="", encoding="utf-8") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    return {example["key"].decode(): example for example in source}, rows


def test_there_are_many_cases():
    assert len(BAD) >= 40


@pytest.mark.parametrize("name", BAD)
def test_a_bad_face_stops(root, name):
    (face,) = [face for face in _list_faces(root) if face.key == f"{name}.jpg"]
    with pytest.raises(faces.FACE_ERRORS) as info:
        face_reading.read_face(face, 3)
    message = str(info.value)
    assert BAD[name][1] in message
    assert str(face.image) in message or face.place in message or f"{root}/{name}.pts" in message


@pytest.mark.parametrize("name", BAD)
def test_a_bad_face_is_left_out_and_listed(root, prepared, name):
    examples, rows = prepared
    key = f"{name}.jpg"
    assert key not in examples
    assert rows[key]["split"] == "train" and BAD[name][1] in rows[key]["reason"]
    place = [face.key for face in _list_faces(root)].index(key)
    assert examples[f"before {key}"]["index"] == place - 1


def test_all_others_are_there_with_their_numbers(root, prepared):
    examples, rows = prepared
    listed = [face.key for face in _list_faces(root)]
    assert set(rows) == {f"{name}.jpg" for name in BAD}
    assert set(examples) == set(listed) - set(rows)
    assert all(listed[example["index"]] == key for key, example in examples.items())


@pytest.mark.parametrize("name", GOOD)
def test_an_unusual_photo_shows_what_people_see(prepared, name):
    example = prepared[0][f"{name}.jpg"]
    pixels, _ = images.decode_image(example["image"], name)
    _, expected, tolerance = GOOD[name]
    assert pixels.dtype == np.uint8 and pixels.shape == bad_photos.SHAPE
    np.testing.assert_allclose(pixels[10, 20].astype(int), expected, atol=tolerance)
    np.testing.assert_array_equal(example["landmarks"], POINTS)
    np.testing.assert_array_equal(example["box_ground_truth"], BOX)


def test_preparing_stops_at_the_first_bad_face(root, tmp_path):
    first = next(iter(BAD))
    with pytest.raises(ValueError, match=BAD[first][1]):
        _prepare(root, tmp_path, "stop")


def test_points_with_windows_line_ends_are_read(tmp_path):
    face = _pts(_GOOD_PTS.replace(b"\n", b"\r\n"), tmp_path, "a")
    np.testing.assert_array_equal(face_reading.read_face(face, 3)["landmarks"], POINTS)


@pytest.mark.parametrize(
    "name", ["a b.jpg", "Zoë.jpg", "顔.jpg", "ab:c.jpg", "\udcff.jpg", "~.jpg"]
)
def test_names_of_any_letters_are_read(tmp_path, name):
    bad_photos.write(tmp_path / name)
    face = _named(name, tmp_path, "a")
    assert face_reading.read_face(face, 3)["image"] == (tmp_path / name).read_bytes()


def test_names_that_lead_to_another_place_are_read_as_they_are(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    bad_photos.write(tmp_path / "elsewhere" / "photo.jpg")
    (tmp_path / "root").symlink_to(tmp_path / "elsewhere")  # people keep photos on other disks
    face = _named("photo.jpg", tmp_path / "root", "a")
    assert face_reading.read_face(face, 3)["image"]
