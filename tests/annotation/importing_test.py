"""Tests of the import: formats, round trips, whose photo it is, adding up."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from scaf_jax.annotation import importing, store
from scaf_jax.annotation.faces import AnnotationError
from scaf_jax.landmarks.schemes import IBUG68, WFLW98

FORMATS = ("label_studio", "label_studio_min", "coco", "pts")


def _import(exported, path):
    return importing.import_annotations(path, exported.folder, exported.scheme)


@pytest.mark.parametrize("scheme", [IBUG68, WFLW98], ids=lambda s: s.name)
@pytest.mark.parametrize("form", FORMATS)
def test_round_trip(make_round, save, form, scheme):
    exported = make_round(scheme)
    points = exported.moved()
    report = _import(exported, save(getattr(exported, form)(points)))
    assert report.format == form
    assert report.rejected == () and report.missing == () and report.unchanged == ()
    assert list(report.accepted) == exported.keys
    annotations = store.read_annotations(exported.folder)
    assert list(annotations) == exported.keys
    for key, annotation in annotations.items():
        np.testing.assert_allclose(annotation.landmarks, points[key], atol=6e-3)
        assert annotation.landmarks.dtype == np.float32 and annotation.mask.all()
        assert annotation.scheme == scheme.name and annotation.format == form


@pytest.mark.parametrize("form", FORMATS)
def test_untouched_pre_labels_are_allowed_but_counted(make_round, save, form):
    exported = make_round()
    given = {face.key: face.landmarks for face in exported.index.faces}
    given[exported.keys[1]] = exported.moved()[exported.keys[1]]
    report = _import(exported, save(getattr(exported, form)(given)))
    assert len(report.accepted) == 3
    assert report.unchanged == (exported.keys[0], exported.keys[2])
    assert store.read_annotations(exported.folder)[exported.keys[0]].unchanged


def _result(document):
    return document[0]["annotations"][0]["result"]


def _point(document, name):
    return next(r for r in _result(document) if r["value"].get("keypointlabels") == [name])


def _absent(words):
    return {"id": "t", "type": "textarea", "from_name": "absent", "value": {"text": words}}


HOSTILE_NAMES = [
    "/etc/passwd",
    "../../../../etc/passwd",
    "0001_00000000.jpg",
    "file:///etc/hosts",
    "http://[broken",
    "/data/local-files/?d=../../etc/passwd",
    "x" * 100_000,
    "\x1b[31m|`<b>",
    "",
    None,
    7,
    ["0001"],
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda n: repr(n)[:30])
@pytest.mark.parametrize("form", ["label_studio", "label_studio_min", "coco"])
def test_photos_that_were_not_exported_are_reported_whatever_their_name(
    make_round, save, form, name
):
    exported = make_round()
    document = getattr(exported, form)(exported.moved())
    if form == "label_studio":
        document[0]["data"]["image"] = name
    elif form == "label_studio_min":
        document[0]["image"] = name
    else:
        document["images"][0]["file_name"] = name
    report = _import(exported, save(document))
    [problem] = report.rejected
    assert problem.field == "photo" and problem.key is None and len(str(problem)) < 400
    assert len(report.accepted) == 2 and report.missing == (exported.keys[0],)
    markdown = (exported.folder / "import_report.md").read_text(encoding="utf-8")
    assert "\x1b" not in markdown and "<b>" not in markdown


@pytest.mark.parametrize(
    "prefix",
    [
        "photos/",
        "/data/upload/3/1a2b3c4d-",
        "/data/local-files/?d=to_annotate%2Fphotos%2F",
        "C:\\round_0\\photos\\",
        "https://host/a%20b/",
        "images/default/",
    ],
)
def test_photos_are_known_wherever_the_tool_put_them(make_round, save, prefix):
    exported = make_round()
    tasks = exported.label_studio(exported.moved())
    for face, task in zip(exported.index.faces, tasks, strict=True):
        task["data"]["image"] = prefix + face.file
    assert len(_import(exported, save(tasks)).accepted) == 3


def test_an_unknown_pts_file_is_reported(make_round, save):
    exported = make_round()
    texts = exported.pts(exported.moved())
    texts["somebody.pts"] = texts[min(texts)]
    report = _import(exported, save(texts))
    assert [p.location for p in report.rejected] == ["somebody.pts"]
    assert len(report.accepted) == 3


def test_a_pts_file_that_is_a_folder_is_reported(make_round, save):
    exported = make_round()
    folder = save(exported.pts(exported.moved()))
    (folder / f"{exported.index.faces[0].stem}.pts").unlink()
    (folder / f"{exported.index.faces[0].stem}.pts").mkdir()
    [problem] = _import(exported, folder).rejected
    assert problem.field == "file" and problem.key == exported.keys[0]


def test_one_pts_file_can_be_given_alone(make_round, save):
    exported = make_round()
    folder = save(exported.pts(exported.moved()))
    report = _import(exported, folder / f"{exported.index.faces[1].stem}.pts")
    assert report.accepted == (exported.keys[1],) and len(report.missing) == 2


def test_tasks_nobody_annotated_are_just_missing(make_round, save):
    exported = make_round()
    tasks = exported.label_studio(exported.moved())
    tasks[0]["annotations"] = []
    report = _import(exported, save(tasks))
    assert report.rejected == () and report.missing == (exported.keys[0],)
    records = exported.label_studio_min(exported.moved())
    records[0] = {"image": records[0]["image"], "id": 1, "annotation_id": None}
    assert _import(exported, save(records)).rejected == ()


def test_a_single_task_is_read_like_a_list_of_one(make_round, save):
    exported = make_round()
    task = exported.label_studio(exported.moved())[0]
    assert _import(exported, save(task)).accepted == (exported.keys[0],)


@pytest.mark.parametrize("form", ["label_studio", "label_studio_min", "coco"])
def test_landmarks_outside_the_photo_can_be_left_out(make_round, save, form):
    exported = make_round()
    points = exported.moved()
    document = getattr(exported, form)(points)
    if form == "label_studio":
        # One of the two was deleted, the other one is still there.
        _result(document).remove(_point(document, "4"))
        _result(document).append(_absent(["4, 5"]))
    elif form == "label_studio_min":
        document[0]["absent"] = "4-5"
    else:
        document["annotations"][0]["keypoints"][12:18] = [0, 0, 0, 900.5, -3, 0]
    report = _import(exported, save(document))
    assert report.rejected == ()
    annotation = store.read_annotations(exported.folder)[exported.keys[0]]
    assert np.flatnonzero(~annotation.mask).tolist() == [4, 5]
    assert (annotation.landmarks[4:6] == 0).all()
    expected = points[exported.keys[0]]
    np.testing.assert_allclose(annotation.landmarks[6:], expected[6:], atol=6e-3)


def test_hidden_points_count_and_keypoints_may_come_in_any_order(make_round, save):
    exported = make_round()
    points = exported.moved()
    document = exported.coco(points)
    order = np.random.default_rng(0).permutation(68)
    [category] = document["categories"]
    category["keypoints"] = [str(i) for i in order]
    for annotation in document["annotations"]:
        keypoints = np.array(annotation["keypoints"]).reshape(-1, 3)[order]
        keypoints[::2, 2] = 1
        annotation["keypoints"] = keypoints.ravel().tolist()
    document["annotations"].append({"id": 9, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]})
    assert _import(exported, save(document)).rejected == ()
    for key, annotation in store.read_annotations(exported.folder).items():
        assert annotation.mask.all()
        np.testing.assert_allclose(annotation.landmarks, points[key], atol=6e-3)


def test_another_skeleton_is_refused_face_by_face(make_round, save):
    exported = make_round()
    document = exported.coco(exported.moved())
    document["categories"][0]["keypoints"] = [str(i + 1) for i in range(68)]
    report = _import(exported, save(document))
    assert [p.field for p in report.rejected] == ["category_id"] * 3
    assert "cvat_labels.json" in report.rejected[0].advice


def test_another_face_in_the_photo_is_reported_and_the_right_one_taken(make_round, save):
    exported = make_round()
    document = exported.coco(exported.moved())
    stranger = json.loads(json.dumps(document["annotations"][0]))
    stranger["keypoints"][0::3] = [110.0] * 68
    document["annotations"].append(stranger | {"id": 50})
    report = _import(exported, save(document))
    assert len(report.accepted) == 3
    [problem] = report.rejected
    assert "another face" in problem.message and problem.location.endswith("annotation 50")


def test_parts_add_up_and_corrections_replace_without_loss(make_round, save):
    exported = make_round()
    points, corrected = exported.moved(0), exported.moved(1)
    tasks = exported.label_studio(points)
    assert _import(exported, save(tasks[:1])).missing == tuple(exported.keys[1:])
    texts = exported.pts(points)
    report = _import(exported, save({n: texts[n] for n in sorted(texts)[1:2]}, "part2"))
    assert report.missing == (exported.keys[2],) and report.replaced == ()
    report = _import(exported, save(exported.coco(corrected)))
    assert report.missing == () and report.replaced == tuple(exported.keys[:2])
    annotations = store.read_annotations(exported.folder)
    for key, annotation in annotations.items():
        np.testing.assert_allclose(annotation.landmarks, corrected[key], atol=6e-3)
    kept = sorted(p.name for p in (exported.folder / "annotations" / "earlier").iterdir())
    assert kept == [f"{face.stem}.1.json" for face in exported.index.faces[:2]]
    assert _import(exported, save(exported.coco(corrected))).replaced == ()


def test_a_bad_second_attempt_leaves_the_good_first_one(make_round, save):
    exported = make_round()
    points = exported.moved()
    _import(exported, save(exported.label_studio(points)))
    tasks = exported.label_studio(exported.moved(1))
    _result(tasks).pop()
    report = _import(exported, save(tasks))
    assert [p.key for p in report.rejected] == [exported.keys[0]] and report.missing == ()
    annotation = store.read_annotations(exported.folder)[exported.keys[0]]
    np.testing.assert_allclose(annotation.landmarks, points[exported.keys[0]], atol=1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"given\.json:1: not JSON"),
        ('[{"id": 1},\n{"id"', r"given\.json:2: not JSON .*export it again"),
        ("[" * 100_000, "not usable as JSON"),
        ("3", "neither an export of Label Studio"),
        ('"text"', "neither an export"),
        ('{"images": 1}', "neither an export"),
        ('{"annotations": [], "images": {}}', "neither an export"),
    ],
)
def test_files_of_no_known_format_are_refused_whole(make_round, save, text, message):
    exported = make_round()
    with pytest.raises(AnnotationError, match=message):
        _import(exported, save(text))
    assert not (exported.folder / "annotations").exists()
    assert not (exported.folder / "import_report.json").exists()


@pytest.mark.parametrize("document", [[3], [None], [[]], [{}], [{"a": 1}], ["task"]])
def test_lists_of_something_else_are_reported(make_round, save, document):
    exported = make_round()
    [problem] = _import(exported, save(document)).rejected
    assert problem.location == "given.json: task number 1"


def test_binary_zipped_and_absent_files_are_refused(make_round, tmp_path, monkeypatch):
    exported = make_round()
    path = tmp_path / "given.json"
    with pytest.raises(AnnotationError, match="does not exist"):
        _import(exported, path)
    path.write_bytes(b"PK\x03\x04rest")
    with pytest.raises(AnnotationError, match="unpack it"):
        _import(exported, path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AnnotationError, match="not a UTF-8 text"):
        _import(exported, path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(AnnotationError, match=r"no \.pts files"):
        _import(exported, empty)
    monkeypatch.setattr("scaf_jax.annotation.faces.MAX_FILE_BYTES", 5)
    path.write_text("[1, 2, 3]")
    with pytest.raises(AnnotationError, match="larger than 5 bytes"):
        importing.read_source(path, IBUG68)


def test_tools_show_the_names_of_named_landmarks(named_round):
    [category] = named_round.load("person_keypoints_default.json")["categories"]
    [label] = named_round.load("cvat_labels.json")
    view = ElementTree.fromstring((named_round.target / "labeling_config.xml").read_text())
    drawn = ElementTree.fromstring(f"<svg>{label['svg']}</svg>").findall("circle")
    for names in (
        category["keypoints"],
        [sublabel["name"] for sublabel in label["sublabels"]],
        [circle.get("data-label-name") for circle in drawn],
        [label.get("value") for label in view.findall("KeyPointLabels/Label")],
    ):
        assert tuple(names) == named_round.scheme.names
    assert ", ".join(named_round.scheme.names) in (named_round.target / "README.md").read_text()


@pytest.mark.parametrize("names", [None, tuple("01234")], ids=["names", "numbers"])
@pytest.mark.parametrize("form", FORMATS)
def test_named_landmarks_come_back_by_name_or_by_number(named_round, save, form, names):
    """Projects that were begun when tools were given numbers can be finished."""
    points = named_round.moved()
    document = getattr(named_round, form)(points)
    if names and form == "coco":
        document["categories"][0]["keypoints"] = list(names)
    elif names and form != "pts":
        text = json.dumps(document)
        for own, name in zip(named_round.scheme.names, names, strict=True):
            text = text.replace(json.dumps([own]), json.dumps([name]))
        document = json.loads(text)
    report = _import(named_round, save(document))
    assert report.rejected == () and report.missing == () and report.unchanged == ()
    for key, annotation in store.read_annotations(named_round.folder).items():
        np.testing.assert_allclose(annotation.landmarks, points[key], atol=6e-3)


@pytest.mark.parametrize("words", ["right eye, chin", "1, 4", "chin; 1", "1 4", "right eye\nchin"])
def test_absent_landmarks_are_told_by_name_or_by_number(named_round, save, words):
    document = named_round.label_studio(named_round.moved())
    _result(document).append(_absent([words]))
    assert _import(named_round, save(document)).rejected == ()
    annotation = store.read_annotations(named_round.folder)[named_round.keys[0]]
    assert annotation.mask.tolist() == [True, False, True, True, False]


def test_absent_landmarks_that_are_none_are_reported(named_round, save):
    document = named_round.label_studio(named_round.moved())
    _result(document).append(_absent(["left ear, chin"]))
    problems = _import(named_round, save(document)).rejected
    assert [p.message for p in problems] == [f"'{w}' is no landmark" for w in ("left", "ear")]
    assert problems[0].advice.endswith("such as: left eye, right eye")


def test_another_scheme_than_that_of_the_export_is_refused(make_round, save):
    exported = make_round()
    path = save(exported.label_studio(exported.moved()))
    with pytest.raises(AnnotationError, match="exported for scheme 'ibug68', not 'wflw98'"):
        importing.import_annotations(path, exported.folder, WFLW98)


@pytest.mark.parametrize("kind", ["drafts", "completions"])
def test_drafts_are_told_and_completions_of_old_versions_are_read(make_round, save, kind):
    exported = make_round()
    tasks = exported.label_studio(exported.moved())
    for task in tasks:
        task[kind] = task.pop("annotations")
    report = _import(exported, save(tasks))
    if kind == "completions":
        assert len(report.accepted) == 3 and not report.rejected
        return
    assert not report.accepted
    assert [p.field for p in report.rejected] == ["drafts"] * 3
    assert {p.key for p in report.rejected} == set(exported.keys)
    assert "press Submit" in report.rejected[0].advice


def test_a_draft_beside_what_was_submitted_is_told(make_round, save):
    exported = make_round()
    tasks = exported.label_studio(exported.moved())
    tasks[0]["drafts"] = [{"id": 5, "result": tasks[0]["annotations"][0]["result"]}]
    tasks[1]["drafts"] = []
    report = _import(exported, save(tasks))
    assert len(report.accepted) == 3 and [p.field for p in report.rejected] == ["drafts"]


@pytest.mark.parametrize("form", ["label_studio", "coco"])
def test_a_file_in_which_nothing_is_annotated_is_no_success(make_round, save, form):
    exported = make_round()
    document = getattr(exported, form)(exported.moved())
    if form == "coco":
        document["annotations"] = []
    else:
        document = exported.load("tasks.json")
    [problem] = _import(exported, save(document)).rejected
    assert problem.message == "not one face is annotated in it"


def test_label_studio_gives_per_cent_and_no_fractions_and_no_corners(make_round, save):
    exported = make_round()
    tasks = exported.label_studio(exported.moved())
    for region in _result(tasks):
        region["value"]["x"] /= 100
        region["value"]["y"] /= 100
    _point({0: tasks[1]}, "30")["value"].update(x=0, y=0)
    report = _import(exported, save(tasks))
    assert [p.key for p in report.rejected] == exported.keys[:2]
    assert "fractions of width and height" in report.rejected[0].message
    assert "percent" in report.rejected[0].advice
    assert "landmark 30 lies at (-0.5, -0.5)" in report.rejected[1].message
