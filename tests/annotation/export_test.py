"""Tests of the export: order, names, photos, and all three forms side by side."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from scaf_jax.annotation import export
from scaf_jax.annotation.faces import AnnotationError, FaceToAnnotate
from scaf_jax.data import images
from scaf_jax.landmarks.schemes import IBUG68, WFLW98

SCHEMES = pytest.mark.parametrize("scheme", [IBUG68, WFLW98], ids=lambda s: s.name)


def _face(image, key="a", score=None, **changes):
    values = {"landmarks": np.full((68, 2), 3.0), "box": [1, 1, 8, 8]} | changes
    return FaceToAnnotate(key=key, image=image, score=score, **values)


def test_the_least_sure_comes_first_and_names_are_numbered(make_round, make_faces):
    asked = make_round().index.faces
    assert [face.score for face in asked] == [-10.0, -20.0, -30.0]
    assert [face.key for face in asked] == ["set/photo 1.jpg", "set/photo 2.jpg", "set/photo 0.jpg"]
    assert [face.file[:5] for face in asked] == ["0001_", "0002_", "0003_"]


def test_ties_go_by_key_and_faces_without_score_keep_their_order(tmp_path, encoded):
    photo = encoded(np.zeros((10, 10, 3), np.uint8))
    given = [("z", None), ("b", 1.0), ("a", 1.0), ("c", 2.0), ("y", float("nan"))]
    faces = [_face(photo, key, score) for key, score in given]
    target = export.export_faces(tmp_path / "round_0", faces, IBUG68, model_version="m")
    index = json.loads((target / "index.json").read_text())
    assert [face["key"] for face in index["faces"]] == ["c", "a", "b", "z", "y"]
    assert [face["score"] for face in index["faces"]] == [2.0, 1.0, 1.0, None, None]


def test_photos_are_copied_byte_by_byte(make_round, make_faces):
    exported = make_round()
    originals = {face.key: face.image for face in make_faces(IBUG68)}
    for face in exported.index.faces:
        assert (exported.target / "photos" / face.file).read_bytes() == originals[face.key]
        assert (face.width, face.height) == images.image_size(originals[face.key], face.key)


def test_turned_photos_and_formats_that_browsers_lack_are_encoded_upright(tmp_path, encoded):
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    faces = [
        _face(encoded(pixels, exif=exif), "turned", 2.0),
        _face(encoded(pixels, "TIFF"), "tiff", 1.0),
    ]
    target = export.export_faces(tmp_path / "round_0", faces, IBUG68, model_version="m")
    turned, tiff = sorted((target / "photos").iterdir())
    assert (turned.suffix, tiff.suffix) == (".jpg", ".png")
    with Image.open(turned) as image:
        assert image.size == (20, 30)
        assert image.getexif().get(0x0112, 1) == 1
        assert np.asarray(image)[:, 15:].mean() > 200  # what was above is now on the right
    with Image.open(tiff) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


@SCHEMES
def test_all_forms_hold_the_same_points(make_round, make_faces, scheme):
    exported = make_round(scheme)
    truth = {face.key: np.array(face.landmarks) for face in make_faces(scheme)}
    tasks, document = exported.load("tasks.json"), exported.load("person_keypoints_default.json")
    assert len(tasks) == len(document["images"]) == len(document["annotations"]) == 3
    for face, task, annotation in zip(
        exported.index.faces, tasks, document["annotations"], strict=True
    ):
        points = truth[face.key]
        regions = [r for r in task["predictions"][0]["result"] if r["type"] == "keypointlabels"]
        percent = np.array([[r["value"]["x"], r["value"]["y"]] for r in regions])
        expected = (points + 0.5) / [face.width, face.height] * 100
        np.testing.assert_allclose(percent, expected, atol=1e-6)
        keypoints = np.array(annotation["keypoints"]).reshape(-1, 3)
        np.testing.assert_allclose(keypoints[:, :2], points + 0.5, atol=1e-3)
        assert (keypoints[:, 2] == 2).all()
        lines = (exported.target / "pts" / f"{face.stem}.pts").read_text().splitlines()
        one_based = np.array([line.split() for line in lines[3:-1]], np.float64)
        np.testing.assert_allclose(one_based, points + 1, atol=1e-3)


def test_points_and_box_are_kept_inside_the_photo(tmp_path, encoded):
    landmarks = np.full((68, 2), 3.0)
    landmarks[0], landmarks[1] = (-7, 40), (50, -1)
    photo = encoded(np.zeros((20, 30, 3), np.uint8))
    faces = [_face(photo, landmarks=landmarks, box=[-5, -5, 40, 15])]
    target = export.export_faces(tmp_path / "round_0", faces, IBUG68, model_version="m")
    [face] = json.loads((target / "index.json").read_text())["faces"]
    assert face["landmarks"][:3] == [[0, 19], [29, 0], [3, 3]]
    assert face["box"] == [0, 0, 30, 15]


def test_label_studio_gets_a_label_for_each_landmark_and_scores_within_its_limits(make_round):
    exported = make_round(WFLW98)
    view = ElementTree.fromstring((exported.target / "labeling_config.xml").read_text())
    labels = [label.get("value") for label in view.findall("KeyPointLabels/Label")]
    assert labels == [str(i) for i in range(98)]
    scores = [task["predictions"][0]["score"] for task in exported.load("tasks.json")]
    assert scores == sorted(scores) and 0 <= scores[0] and scores[-1] <= 1
    first = exported.load("tasks.json")[0]
    assert first["data"]["image"].startswith("/data/local-files/?d=photos/0001_")
    assert first["predictions"][0]["model_version"] == "scaf round 0"


def test_cvat_gets_the_skeleton_of_the_scheme(make_round):
    exported = make_round()
    [label] = exported.load("cvat_labels.json")
    [category] = exported.load("person_keypoints_default.json")["categories"]
    assert label["type"] == "skeleton" and label["name"] == category["name"]
    assert [s["name"] for s in label["sublabels"]] == category["keypoints"]
    drawing = ElementTree.fromstring(f"<svg>{label['svg']}</svg>")
    nodes = {c.get("data-node-id"): c.get("data-label-name") for c in drawing.findall("circle")}
    assert nodes == {str(i + 1): str(i) for i in range(68)}
    lines = drawing.findall("line")
    edges = [[int(e.get("data-node-from")), int(e.get("data-node-to"))] for e in lines]
    assert category["skeleton"] == edges
    assert [1, 2] in category["skeleton"] and [42, 37] in category["skeleton"]  # from 1, closed


def test_previews_show_the_box(tmp_path, encoded):
    photo = encoded(np.full((100, 200, 3), 128, np.uint8))
    faces = [_face(photo, box=[50, 20, 120, 80])]
    target = export.export_faces(tmp_path / "round_0", faces, IBUG68, model_version="m")
    [preview] = (target / "previews").iterdir()
    pixels = np.asarray(Image.open(preview), int)
    yellow = (pixels[..., 0] + pixels[..., 1]) / 2 - pixels[..., 2] > 80
    assert yellow[20:22, 52:118].all() and yellow[25:75, 50:52].all()
    assert not yellow[30:70, 60:110].any() and not yellow[:10].any()


def test_the_readme_names_every_file_and_the_next_command(make_round):
    exported = make_round()
    text = (exported.target / "README.md").read_text(encoding="utf-8")
    for path in exported.target.iterdir():
        assert path.name in (*text.split("`"), "README.md", "index.json") or path.name in text
    workdir = exported.folder.parents[1]
    assert f'import --workdir="{workdir}" --round=0 FILE' in text
    assert "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT" in text and "{" not in text


def test_exporting_again_mends_what_is_missing_and_spares_what_was_edited(make_round, make_faces):
    exported = make_round()
    first, second, _ = exported.index.faces
    edited = exported.target / "pts" / f"{first.stem}.pts"
    edited.write_text("edited")
    (exported.target / "photos" / second.file).unlink()
    (exported.target / "tasks.json").unlink()
    export.export_faces(exported.folder, make_faces(IBUG68), IBUG68, model_version="scaf round 0")
    assert edited.read_text() == "edited"
    assert (exported.target / "photos" / second.file).is_file()
    assert len(exported.load("tasks.json")) == 3


def test_an_export_that_was_cut_off_is_written_anew(make_round, make_faces):
    exported = make_round()
    name = exported.index.faces[0].stem
    (exported.target / "pts" / f"{name}.pts").write_text("half")
    (exported.target / "index.json").unlink()
    export.export_faces(exported.folder, make_faces(IBUG68), IBUG68, model_version="m")
    assert "n_points: 68" in (exported.target / "pts" / f"{name}.pts").read_text()


def test_another_choice_is_not_exported_over_the_first(make_round, make_faces):
    exported = make_round()
    with pytest.raises(AnnotationError, match="another choice of faces"):
        export.export_faces(exported.folder, make_faces(IBUG68)[:2], IBUG68, model_version="m")
    with pytest.raises(AnnotationError, match="another choice of faces"):
        export.export_faces(exported.folder, make_faces(WFLW98), WFLW98, model_version="m")
    assert len(exported.index.faces) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"landmarks": np.zeros((5, 2))}, r"face 'a': landmarks \(5, 2\)"),
        ({"landmarks": np.full((68, 2), np.nan)}, "'a': its landmarks or box are not finite"),
        ({"box": [0, 0, 1]}, r"box \(3,\)"),
        ({"box": [0, 0, np.inf, 1]}, "not finite"),
    ],
)
def test_unusable_faces_are_named(tmp_path, encoded, changes, message):
    photo = encoded(np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(AnnotationError, match=message):
        export.export_faces(tmp_path, [_face(photo, **changes)], IBUG68, model_version="m")


def test_repeated_keys_and_broken_photos_are_refused(tmp_path, encoded):
    photo = encoded(np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(AnnotationError, match=r"repeated: \['a'\]"):
        export.export_faces(tmp_path, [_face(photo), _face(photo)], IBUG68, model_version="m")
    with pytest.raises(AnnotationError, match="must be some"):
        export.export_faces(tmp_path, [], IBUG68, model_version="m")
    with pytest.raises(images.ImageError, match="a: not a readable image"):
        export.export_faces(tmp_path, [_face(b"no photo")], IBUG68, model_version="m")
    assert not (tmp_path / "to_annotate" / "index.json").exists()
