"""Tests that 300-W is recognized however people keep it."""

import numpy as np
import pytest
from PIL import Image

from data_builders import prepare
from data_builders.the300w import downloads, layouts
from scaf_jax.data import prepared_sources

PARTS = list(layouts.EXPECTED_FACES)


def _write_face(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    seed = sum(f"{folder.name}{name}".encode())
    Image.new("RGB", (50, 50), (seed % 256, 0, 0)).save(folder / name)
    points = np.random.default_rng(seed).uniform(5, 45, (68, 2))
    rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
    path = (folder / name).with_suffix(".pts")
    path.write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")


def _write(root, places):
    for part, place in places.items():
        _write_face(root / place, f"{part.replace('/', '_')}.png")


def _private(root):
    for number in range(2):
        _write_face(root / "01_Indoor", f"indoor_00{number}.png")
    _write_face(root / "02_Outdoor", "outdoor_001.png")


def _keys(found):
    return {name: [face.key for face in members] for name, members in found.splits.items()}


EXPECTED = {
    "train": [f"{part}/{part.replace('/', '_')}.png" for part in layouts.TRAIN],
    "test_common": [f"{part}/{part.replace('/', '_')}.png" for part in layouts.COMMON],
    "test_challenging": ["ibug/ibug.png"],
}
EXPECTED["test_full"] = EXPECTED["test_common"] + EXPECTED["test_challenging"]

AS_IBUG = {part: part for part in PARTS}
AS_3FABREC = {
    "afw": "images/train/afw",
    "helen/trainset": "images/train/helen",
    "lfpw/trainset": "images/train/lfpw",
    "helen/testset": "images/test/helen",
    "lfpw/testset": "images/test/lfpw",
    "ibug": "images/test/ibug",
}
DEEPER = {
    "afw": "images/train/afw",
    "helen/trainset": "images/train/helen/trainset",
    "lfpw/trainset": "images/train/lfpw/trainset",
    "helen/testset": "images/test/helen/testset",
    "lfpw/testset": "images/test/lfpw/testset",
    "ibug": "images/test/ibug",
}
GROUPED = AS_3FABREC | {
    "helen/testset": "images/test/common/helen",
    "lfpw/testset": "images/test/common/lfpw",
    "ibug": "images/test/challenging/ibug",
}
TWICE = AS_IBUG | {"afw": "afw/afw", "helen/testset": "helen/helen/testset"}
CAPITALS = {part: part.upper() for part in PARTS}


@pytest.mark.parametrize(
    ("places", "layout"),
    [
        (AS_IBUG, layouts.IBUG),
        (TWICE, layouts.IBUG),
        (CAPITALS, layouts.IBUG),
        (AS_3FABREC, layouts.FABREC),
        (DEEPER, layouts.FABREC),
        (GROUPED, layouts.FABREC),
    ],
    ids=["ibug", "twice", "capitals", "3fabrec", "deeper", "grouped"],
)
@pytest.mark.parametrize("nested", ["", "300W"])
def test_layouts_give_the_same_splits(tmp_path, places, layout, nested):
    _write(tmp_path / nested, places)
    assert downloads.recognize(tmp_path)
    found = downloads.find(tmp_path)
    assert found.layout == layout + (", in the folder 300W" if nested else "")
    assert _keys(found) == EXPECTED
    assert [part.found for part in found.parts] == [1] * 6
    assert [part.expected for part in found.parts] == [337, 2000, 811, 330, 224, 135]
    for face in found.splits["train"]:
        assert face.annotate().landmarks.shape == (68, 2)


def test_other_folders_are_not_recognized(tmp_path):
    (tmp_path / "photos" / "train").mkdir(parents=True)
    (tmp_path / "photos" / "train" / "a.jpg").touch()
    assert not downloads.recognize(tmp_path)
    assert not downloads.recognize(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no faces in .*afw, helen/trainset"):
        downloads.find(tmp_path)


@pytest.mark.parametrize("name", ["Bounding Boxes", "Bounding_Boxes", "bounding_boxes"])
def test_the_box_folder_however_it_is_spelled(tmp_path, name):
    _write(tmp_path / "300W", AS_3FABREC)
    (tmp_path / name).mkdir()
    layout = layouts.detect(tmp_path)
    assert layout is not None and layout.boxes == tmp_path / name


def test_without_box_folder_one_sentence_says_so(tmp_path):
    _write(tmp_path, AS_IBUG)
    about_boxes = [text for text in downloads.find(tmp_path).problems if "box" in text]
    assert len(about_boxes) == 1 and "no folder 'Bounding Boxes'" in about_boxes[0]


def test_a_missing_part_is_named(tmp_path):
    _write(tmp_path, {part: place for part, place in AS_3FABREC.items() if part != "ibug"})
    found = downloads.find(tmp_path)
    assert any(text.startswith("ibug: the folder") for text in found.problems)
    assert not found.splits["test_challenging"]


def test_mirrored_copies_beside_photos_are_dropped(tmp_path):
    _write(tmp_path, AS_IBUG)
    _write_face(tmp_path / "afw", "afw_mirror.png")
    _write_face(tmp_path / "ibug", "my_mirror.png")  # a name, not a copy
    found = downloads.find(tmp_path)
    assert [face.key for face in found.splits["train"]] == EXPECTED["train"]
    assert "ibug/my_mirror.png" in _keys(found)["test_challenging"]


@pytest.mark.parametrize("place", ["", "300W", "300w_cropped", "images/test/300W"])
def test_the_private_test_set_is_a_split_of_its_own(tmp_path, place):
    _write(tmp_path, AS_3FABREC)
    _private(tmp_path / place)
    found = downloads.find(tmp_path)
    assert found.layout == f"{layouts.FABREC}, and {layouts.PRIVATE}"
    expected = ["01_Indoor/indoor_000.png", "01_Indoor/indoor_001.png"]
    expected += ["02_Outdoor/outdoor_001.png"]
    assert _keys(found) == EXPECTED | {"test_300w_private": expected}
    assert [(part.name, part.found) for part in found.parts[6:]] == [
        ("01_Indoor", 2),
        ("02_Outdoor", 1),
    ]
    assert "01_Indoor: 2 faces, the published set has 300" in found.problems


def test_the_private_test_set_alone(tmp_path):
    _private(tmp_path / "downloads" / "300W")
    (tmp_path / "downloads" / "300W" / "02_Outdoor").rename(
        tmp_path / "downloads" / "300W" / "01_Outdoor"
    )
    prepare.prepare(
        "the300w", manual_dir=str(tmp_path / "downloads"), data_dir=str(tmp_path / "data")
    )
    source = prepared_sources.open_source(
        "the300w", data_dir=tmp_path / "data", split="test_300w_private"
    )
    assert source.keys[0] == "01_Indoor/indoor_000.png" and len(source) == 3
    assert source[0]["box_ground_truth"].min() > 0
    problems = downloads.find(tmp_path / "downloads").problems
    assert "nothing to train on" in problems[0]
    assert not any("afw" in text for text in problems)


def test_half_of_the_private_test_set_is_named(tmp_path):
    _private(tmp_path)
    for path in (tmp_path / "02_Outdoor").iterdir():
        path.unlink()
    (tmp_path / "02_Outdoor").rmdir()
    found = downloads.find(tmp_path)
    assert f"02_Outdoor: the folder {tmp_path / '02_Outdoor'} is missing" in found.problems
    assert len(found.splits["test_300w_private"]) == 2


@pytest.mark.parametrize(
    "names", [("Train", "Test"), ("training", "Testing"), ("TrainSet", "test")]
)
def test_folders_of_splits_are_found_however_they_are_called(tmp_path, names):
    places = {p: p.replace("trainset", names[0]).replace("testset", names[1]) for p in PARTS}
    _write(tmp_path, places)
    assert _keys(downloads.find(tmp_path)) == EXPECTED


def test_what_an_archive_of_a_mac_adds_is_never_taken_for_the_data(tmp_path):
    """__MACOSX has as many parts as the data, and comes first by its name."""
    _write(tmp_path / "data", AS_IBUG)
    for place in PARTS:
        (tmp_path / "__MACOSX" / place).mkdir(parents=True)
        (tmp_path / "__MACOSX" / place / "._a.png").write_bytes(b"")
        (tmp_path / "__MACOSX" / place / "._a.pts").write_bytes(b"")
    assert _keys(downloads.find(tmp_path)) == EXPECTED
