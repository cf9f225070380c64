"""Tests of photos with landmarks of a user's own as a data set."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from data_builders import prepare
from data_builders.landmarks_folder import boxes, downloads, splits
from scaf_jax.annotation import export
from scaf_jax.annotation import faces as annotation_faces
from scaf_jax.data import prepared_sources
from scaf_jax.landmarks import scheme_files

LANDMARKS = ("left_eye", "right_eye", "chin")
SCHEME = {
    "name": "three",
    "landmarks": list(LANDMARKS),
    "flip_pairs": [["left_eye", "right_eye"]],
    "normalizer": ["left_eye", "right_eye"],
}
COLUMNS = ",".join(["name", *(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")])
HEADER = COLUMNS + "\n"
ROW = "10,20,30,20,20,40"  # of a face
FACE = np.array([[10, 20], [30, 20], [20, 40]])
SIZE = (60, 50)


class Folder:
    """A folder of photos, and how it becomes a data set."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root / "photos"
        self.data_dir = str(root / "data")
        self.root.mkdir()
        self.write("scheme.json", json.dumps(SCHEME))

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def photo(self, *names):
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", SIZE).save(path)

    def pts(self, name, lines):
        text = f"version: 1\nn_points: {len(lines)}\n{{\n" + "\n".join(lines) + "\n}\n"
        return self.write(name, text)

    def coco(self, name, faces, **changes):
        photos = sorted({face.pop("photo") for face in faces})
        content = {
            "images": [
                {"id": i, "file_name": photo, "width": SIZE[0], "height": SIZE[1]}
                for i, photo in enumerate(photos)
            ],
            "categories": [{"id": 1, "name": "face", "keypoints": ["chin", *LANDMARKS[:2]]}],
            "annotations": faces,
        }
        return self.write(name, json.dumps(content | changes))

    def prepare(self, **options):
        return prepare.prepare(
            "landmarks_folder", manual_dir=str(self.root), data_dir=self.data_dir, **options
        )

    def open(self, split="train"):
        return prepared_sources.open_source("landmarks_folder", data_dir=self.data_dir, split=split)

    def records(self, split="train"):
        source = self.open(split)
        return {source.keys[i]: source[i] for i in range(len(source))}


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def _keypoints(image_id, points, shown=(2, 2, 2), **more):
    """A face of COCO, chin first; coordinates from the photo's corner."""
    order = [2, 0, 1]
    values = [v for i in order for v in (*(np.array(points[i]) + 0.5).tolist(), shown[i])]
    return {"id": 7, "image_id": image_id, "category_id": 1, "keypoints": values} | more


def test_a_table_with_missing_points_boxes_and_several_faces(folder):
    folder.photo("a b.jpg", "c/d.png")
    folder.write(
        "landmarks.csv",
        f"\ufeff{COLUMNS},x0,y0,x1,y1,split,note\n"
        f"a b.jpg,{ROW},,,,,train,hello\n"
        "c/d.png,10,20,30,20,,,5,10,35,45,train,\n"
        "c/d.png,,,NaN,nan,20,40,1,2,31,42,test,\n",
    )
    report = folder.prepare()
    assert "test 1, train 2" in report and report.count("warning") == 1
    assert "1 photos are both in 'train' and in 'test': c/d.png" in report
    train, test = folder.records(), folder.records("test")
    assert list(train) == ["a b.jpg", "c/d.png"] and list(test) == ["c/d.png"]
    np.testing.assert_array_equal(train["a b.jpg"]["landmarks"], FACE)
    np.testing.assert_array_equal(train["a b.jpg"]["box_ground_truth"], [10.5, 20.5, 30.5, 40.5])
    assert train["c/d.png"]["landmark_mask"].tolist() == [True, True, False]
    np.testing.assert_array_equal(train["c/d.png"]["box_ground_truth"], [5, 10, 35, 45])
    assert test["c/d.png"]["landmark_mask"].tolist() == [False, False, True]
    np.testing.assert_array_equal(test["c/d.png"]["landmarks"], [[0, 0], [0, 0], [20, 40]])


def test_several_faces_of_a_photo_are_numbered_and_stay_together(folder):
    folder.photo(*(f"{i}.jpg" for i in range(4)))
    rows = [f"{i % 4}.jpg,{ROW[:-1]}{i // 4}\n" for i in range(8)]
    folder.write("landmarks.csv", HEADER + "".join(rows + rows[:1]))
    report = folder.prepare()
    assert "1 faces are listed again with the same landmarks and are used once: 0.jpg" in report
    assert "1 of 4 photos were drawn for the split 'test'" in report
    train, test = set(folder.records()), set(folder.records("test"))
    assert train | test == {f"{i}.jpg#{n}" for i in range(4) for n in (1, 2)}
    assert {key[:5] for key in train}.isdisjoint({key[:5] for key in test}) and len(test) == 2


def test_points_beside_photos(folder):
    folder.photo("train/a.jpg", "train/b.jpg", "test_hard/c.JPG", "train/alone.jpg", "out.jpg")
    for name in ("train/a.pts", "test_hard/c.pts", "train/nobody.pts", "out.pts"):
        folder.pts(name, ["11 21", "31 21", "21 41"])
    folder.pts("train/b.pts", ["11 21", "nan NaN", "21 41"])
    report = folder.prepare()
    assert "test_hard 1, train 2" in report
    assert (
        "1 faces are in neither of the folders test_hard/, train/ and are left out: out" in report
    )
    assert "1 photos have no landmarks in .pts files: train/alone.jpg" in report
    assert "1 .pts files have no photo: train/nobody.pts" in report
    assert "no faces for" not in report
    records = folder.records()
    assert list(records) == ["train/a.jpg", "train/b.jpg"]
    np.testing.assert_array_equal(records["train/a.jpg"]["landmarks"], FACE)
    assert records["train/b.jpg"]["landmark_mask"].tolist() == [True, False, True]


@pytest.mark.parametrize("first_pixel", [0, 1])
def test_the_first_pixels_number_can_be_said(folder, first_pixel):
    folder.write("scheme.json", json.dumps(SCHEME | {"first_pixel": first_pixel}))
    folder.photo("a.jpg")
    folder.pts("a.pts", ["10 20", "30 20", "20 40"])
    folder.prepare()
    np.testing.assert_array_equal(folder.open()[0]["landmarks"], FACE - first_pixel)


def test_coco_keypoints(folder):
    folder.photo("a.jpg", "images/b.jpg")
    folder.coco(
        "annotations/person_keypoints_train.json",
        [
            _keypoints(0, FACE, photo="a.jpg", bbox=[5, 6, 30, 40], segmentation=[[1, 2, 3]]),
            _keypoints(1, FACE + 1, (1, 0, 2), photo="b.jpg", bbox=[5, 6, 30, 40]),
            {"id": 9, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "photo": "b.jpg"},
        ],
    )
    report = folder.prepare()
    assert "1 annotations are no single face with keypoints" in report and "train 2" in report
    records = folder.records()
    assert list(records) == ["a.jpg", "images/b.jpg"]
    np.testing.assert_array_equal(records["a.jpg"]["landmarks"], FACE)
    np.testing.assert_array_equal(records["a.jpg"]["box_ground_truth"], [5, 6, 35, 46])
    assert records["images/b.jpg"]["landmark_mask"].tolist() == [True, False, True]
    np.testing.assert_array_equal(records["images/b.jpg"]["landmarks"][2], FACE[2] + 1)


def test_the_scheme_is_kept_with_the_data(folder):
    folder.photo("a.jpg")
    folder.write("landmarks.csv", HEADER + f"a.jpg,{ROW}\n")
    folder.prepare(builder_config="mine")
    stored = prepared_sources.prepared_metadata("landmarks_folder/mine", data_dir=folder.data_dir)
    scheme = scheme_files.scheme_from_dict(stored["scheme"], "here").scheme
    assert scheme == downloads.read_scheme(folder.root)


def test_without_a_scheme_one_is_printed_that_works(folder):
    (folder.root / "scheme.json").unlink()
    folder.photo("a.jpg")
    table = folder.write("landmarks.csv", HEADER + f"a.jpg,{ROW}\n")
    assert downloads.recognize(folder.root)
    folder.write("scheme.json", _printed(folder))
    assert downloads.read_scheme(folder.root).flip_permutation == (1, 0, 2)
    folder.prepare()
    shutil.rmtree(folder.data_dir)

    table.unlink()
    (folder.root / "scheme.json").unlink()
    folder.pts("a.pts", ["1 2", "3 4", "5 6"])
    assert json.loads(_printed(folder))["landmarks"] == ["point_1", "point_2", "point_3"]
    folder.pts("a.pts", [f"{i} {i}" for i in range(68)])
    assert json.loads(_printed(folder)) == {"name": "ibug68"}
    (folder.root / "a.pts").unlink()
    folder.coco("faces.json", [_keypoints(0, FACE, photo="a.jpg")])
    assert json.loads(_printed(folder))["landmarks"] == ["chin", "left_eye", "right_eye"]


def _printed(folder):
    with pytest.raises(ValueError, match=r"scheme\.json is missing") as info:
        folder.prepare()
    return str(info.value).partition("\n")[2]


def test_a_scheme_without_pairs_is_mentioned(folder):
    folder.write("scheme.json", json.dumps(SCHEME | {"flip_pairs": []}))
    folder.photo("a.jpg")
    folder.write("landmarks.csv", HEADER + f"a.jpg,{ROW}\n")
    assert "scheme.json has no flip_pairs" in folder.prepare()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.jpg,10,20,30,20,20,x", r"landmarks\.csv:2: chin_y is no number: 'x'"),
        ("a.jpg,10,20,30,20,20,", r"landmarks\.csv:2: of chin_x and chin_y one is empty"),
        ("a.jpg,10,20,30,20,20,inf", r"landmarks\.csv:2: chin_y is inf"),
        ("a.jpg,10,20,30,20,20,900", r"landmarks\.csv:2: a point lies far outside"),
        ("a.jpg,,,,,20,40", r"landmarks\.csv:2: the points do not span a face"),
        ("../a.jpg," + ROW, r"landmarks\.csv:2: '\.\./a\.jpg' is no file below"),
        ("/etc/passwd," + ROW, r"landmarks\.csv:2: '/etc/passwd' is no file below"),
        ("none.jpg," + ROW, r"none\.jpg: cannot be read"),
    ],
)
def test_a_bad_row_stops_or_is_left_out(folder, row, message):
    folder.photo("a.jpg", "b.jpg", "c.jpg")
    rows = f"{row}\nb.jpg,{ROW}\nc.jpg,{ROW}\n"
    table = folder.write("landmarks.csv", HEADER + rows)
    with pytest.raises(ValueError, match=message):
        folder.prepare()
    table.write_text(HEADER.strip() + ",split\n" + rows.replace("\n", ",train\n"))
    report = folder.prepare(on_error="skip")
    assert "1 faces were left out" in report and "train 2" in report


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("1,2,3,,train", r"landmarks\.csv:2: of x0, y0, x1, y1 some are empty"),
        ("5,2,5,9,train", r"landmarks\.csv:2: the box .* with x0 < x1"),
        ("1,2,30,40,", r"landmarks\.csv:2: split is ''; call it train, val"),
        ("1,2,30,40,../x", r"landmarks\.csv:2: split is '\.\./x'"),
    ],
)
def test_bad_boxes_and_splits(folder, more, message):
    folder.photo("a.jpg")
    folder.write("landmarks.csv", f"{COLUMNS},x0,y0,x1,y1,split\na.jpg,{ROW},{more}\n")
    with pytest.raises(ValueError, match=message):
        folder.prepare()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": [1, 2, 2]}, "annotation 7: keypoints: there are 3 numbers, not 9"),
        ({"keypoints": [1, 2, 5] * 3}, r"annotation 7: keypoints\[0\]: .* visibility '5'"),
        ({"keypoints": [1, "2", 2] * 3}, r"annotation 7: keypoints\[0\] must be 2 numbers"),
        ({"keypoints": [1, float("nan"), 2] * 3}, "landmark 1 is not finite"),
        ({"bbox": [1, 2, 0, 4]}, "annotation 7: the box"),
        ({"keypoints": [-1, -1, 2, 9, 9, 2, 20, 9, 2]}, "landmark 3 lies .*; write v = 0"),
        ({"bbox": [1, 2, 3]}, "annotation 7: bbox must be 4 numbers"),
        ({"image_id": 12}, "annotation 7: image_id: image_id '12' is not in the file"),
        ({"category_id": {}}, "annotation 7: category_id: category_id '{}' is no id"),
        ({"photo": "../a.jpg"}, r"'\.\./a\.jpg' is no file below"),
        ({"photo": "none.jpg"}, r"none\.jpg: cannot be read"),
    ],
)
def test_bad_faces_of_coco(folder, changes, message):
    folder.photo("a.jpg")
    folder.coco("faces.json", [{**_keypoints(0, FACE, photo="a.jpg"), **changes}])
    with pytest.raises(ValueError, match=message):
        folder.prepare()


def test_a_photo_of_another_size_is_noticed(folder):
    folder.photo("a.jpg")
    image = {"id": 0, "file_name": "a.jpg", "width": SIZE[1], "height": SIZE[0]}
    folder.coco("faces.json", [_keypoints(0, FACE, photo="a.jpg")], images=[image])
    with pytest.raises(ValueError, match=r"made for 50 x 60 pixels, but .*a\.jpg has 60 x 50"):
        folder.prepare()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "no COCO file: 'images' is no list"),
        ({"annotations": [3]}, "no COCO file: 'annotations' is no list of objects"),
        (
            {"categories": [{"id": 1, "keypoints": ["chin", "left_eye", "nose"]}]},
            "categories: its 3 keypoints are not the 3 landmarks .* differ in nose, right_eye",
        ),
    ],
)
def test_files_that_are_not_meant(folder, changes, message):
    folder.photo("a.jpg")
    folder.coco("faces.json", [_keypoints(0, FACE, photo="a.jpg")], **changes)
    with pytest.raises(ValueError, match=message):
        folder.prepare(on_error="skip")


def test_folders_that_are_not_clear(folder):
    with pytest.raises(ValueError, match="no landmarks: neither landmarks.csv"):
        folder.prepare()
    folder.photo("a.jpg")
    folder.write("landmarks.csv", "name,left_eye_x\na.jpg,1\n")
    with pytest.raises(ValueError, match=r"landmarks\.csv:1: the header lacks left_eye_y"):
        folder.prepare()
    folder.write("landmarks.csv", HEADER)
    with pytest.raises(ValueError, match="no face is annotated"):
        folder.prepare()
    folder.pts("a.pts", ["1 2", "3 4", "5 6"])
    with pytest.raises(ValueError, match=r"several kinds of files \(landmarks\.csv, a\.pts\)"):
        folder.prepare()
    (folder.root / "landmarks.csv").unlink()
    folder.photo("a.png")
    with pytest.raises(ValueError, match=r"a\.pts: there are 2 photos of this name"):
        folder.prepare()


def test_landmarks_that_the_scheme_does_not_name_are_mentioned(folder):
    folder.photo("a.jpg")
    folder.write("landmarks.csv", f"{COLUMNS},nose_x,nose_y\na.jpg,{ROW},1,2\n")
    assert "landmarks that scheme.json does not name, which are left out: nose" in folder.prepare()


def test_the_drawn_split_does_not_depend_on_the_other_photos():
    names = [f"photo {i}.jpg" for i in range(1000)]
    test = splits.draw_test(names)
    assert 70 < len(test) < 130
    assert splits.draw_test(names[:500]) == test & set(names[:500])
    assert splits.draw_test(["one.jpg"]) == set()
    for i in range(30):  # never all, never none
        assert len(splits.draw_test([f"a{i}", f"b{i}"])) == 1


def test_the_box_of_a_face_that_lacks_points_is_that_of_the_whole_face():
    rng = np.random.default_rng(0)
    shape = np.array([[0, 0], [60, 2], [30, 30], [10, 60], [52, 61.0]])
    shown = np.array([[1, 1, 0, 1, 1], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 1]], bool)
    whole, annotate = [], []
    for i in range(40):
        face = rng.uniform(0.5, 2) * shape + rng.uniform(0, 100, 2)
        mask = shown[i % len(shown)]
        points = np.where(mask[:, None], face, np.nan).astype(np.float32)
        whole.append((face, points, mask))
        annotate.append(lambda p=points, m=mask: boxes.faces.Annotation(p, m))
    average = boxes.average_face(annotate, 5)
    for face, points, mask in whole:
        expected = np.concatenate([face.min(axis=0), face.max(axis=0)]) + 0.5
        np.testing.assert_allclose(average.box(np.nan_to_num(points), mask), expected, atol=0.05)
    assert average.box(np.nan_to_num(whole[0][1]), np.array([1, 0, 0, 0, 0], bool)) is None


def test_real_points_with_a_third_missing(shared, folder):
    """Frames of videos whose 68 points are reduced to five of a user's own."""
    rng = np.random.default_rng(0)
    names = ["left_eye", "right_eye", "nose", "mouth_left", "mouth_right"]
    pairs = [names[:2], names[3:]]
    scheme = {"name": "five", "landmarks": names, "flip_pairs": pairs, "normalizer": names[:2]}
    folder.write("scheme.json", json.dumps(scheme))
    photos = sorted((shared / "data" / "faces_300w_layout" / "afw").glob("*.jpg"))[:20]
    for photo in photos:
        shutil.copy(photo, folder.root)
        lines = photo.with_suffix(".pts").read_text().split("{")[1].split("}")[0].split("\n")[1:69]
        points = np.array([line.split() for line in lines], float)
        five = [points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]]
        known = rng.random(5) >= 1 / 3
        known[rng.permutation(5)[:2]] = True
        shown = [f"{x} {y}" if k else "nan nan" for (x, y), k in zip(five, known, strict=True)]
        folder.pts(photo.with_suffix(".pts").name, shown)
    folder.prepare()
    records = folder.records()
    assert len(records) + len(folder.records("test")) == 20
    known = np.mean([record["landmark_mask"] for record in records.values()])
    assert 0.5 < known < 0.95


def test_faces_exported_for_annotators_are_read_with_their_names(folder, tmp_path):
    """What CVAT gives back, which has the names of the pre-labels, can become a data set."""
    folder.photo("a.png")
    face = annotation_faces.FaceToAnnotate(
        "a", (folder.root / "a.png").read_bytes(), FACE + 0.25, [5, 15, 35, 45], None
    )
    scheme = scheme_files.scheme_from_dict(SCHEME, "test").scheme
    target = export.export_faces(tmp_path / "round_0", [face], scheme, model_version="m")
    (folder.root / "a.png").unlink()
    shutil.copytree(target / "photos", folder.root / "images")
    (folder.root / "annotations").mkdir()
    for name in ("scheme.json", "annotations/person_keypoints_default.json"):
        shutil.copy(target / pathlib.Path(name).name, folder.root / name)
    found = downloads.find(folder.root)
    ((read,),) = found.splits.values()
    np.testing.assert_allclose(read.annotate().landmarks, FACE + 0.25, atol=1e-3)
    assert downloads.read_scheme(folder.root) == scheme
