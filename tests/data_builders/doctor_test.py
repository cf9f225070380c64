"""Tests of looking through downloads, on small folders in which known things are wrong."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from data_builders import faces, prepare
from data_builders.doctor import __main__ as doctor
from data_builders.doctor import (
    comparisons,
    diagnosis,
    examination,
    pictures,
    problems,
    recognition,
)
from scaf_jax.landmarks import schemes

FOLDERS = ("afw", "helen/trainset", "lfpw/trainset", "helen/testset", "lfpw/testset", "ibug")
FLIP = schemes.IBUG68.flip_permutation


def _usual_face():
    """68 points of a face that is its own mirror image, 40 by 40 pixels about (30, 30)."""
    rng = np.random.default_rng(0)
    face = rng.uniform((2, -20), (20, 20), (68, 2))
    face[36:48, 1] = -abs(face[36:48, 1])  # the eyes are above the rest
    for i, j in enumerate(FLIP):
        if i == j:
            face[i, 0] = 0
        elif i < j:
            face[i, 0] *= -1
            face[j] = face[i] * (-1, 1)
    return face + 30


def _write_face(folder, name, points=None, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(folder / name)
    points = _usual_face() + rng.normal(0, 0.3, (68, 2)) if points is None else points
    rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points + 1)
    path = (folder / name).with_suffix(".pts")
    path.write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")


@pytest.fixture
def layout(tmp_path):
    """300-W with three faces a folder and no boxes; nothing wrong but what is incomplete."""
    root = tmp_path / "downloads"
    for number, folder in enumerate(FOLDERS):
        for i in range(3):
            _write_face(root / folder, f"{i}.png", seed=10 * number + i)
    return root


def _problems(root):
    return {problem.kind: problem for problem in doctor.diagnose(root).problems}


def _run(root, out, *arguments):
    code = doctor.main([str(root), f"--out={out}", *arguments])
    rows = []
    if (out / "problems.csv").is_file():
        with (out / "problems.csv").open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["kind"] != "incomplete"]
    return code, rows


def test_a_healthy_set_is_usable(layout, tmp_path, capsys):
    code, rows = _run(layout, tmp_path / "out")
    output = capsys.readouterr()
    assert code == diagnosis.USABLE and rows == []
    assert "set: the300w\nlayout: 300-W as iBUG's downloads unzip\n" in output.out
    assert "faces looked at: 18, bad: 0" in output.out and "verdict: usable" in output.out
    assert f"data_builders.prepare the300w --manual_dir='{layout}'\n" in output.out
    assert not output.err  # no progress bar where the output is no terminal
    text = (tmp_path / "out" / "doctor.md").read_text(encoding="utf-8")
    assert "| helen/trainset | 3 | 2000 |" in text and "| test_full | 9 | 9 | 0 |" in text
    assert "- afw: 3 faces, the published set has 337" in text
    table = (tmp_path / "out" / "problems.csv").read_text(encoding="utf-8")
    assert ',,incomplete,look,"afw: 3 faces, the published set has 337",' in table
    with Image.open(tmp_path / "out" / "faces.png") as picture:
        assert min(picture.size) > pictures.CELL


def test_a_set_in_a_folder_of_a_folder_is_told(layout, tmp_path, capsys):
    root = tmp_path / "kaggle"
    (root / "a" / "b").mkdir(parents=True)
    layout.rename(root / "a" / "b" / "300w")
    said = f"{root / 'a' / 'b'} looks like the300w: give that folder"
    assert doctor.main([str(root), f"--out={tmp_path / 'out'}"]) == 1
    assert "scheme.json is missing" in (error := capsys.readouterr().err) and said in error
    arguments = [f"--manual_dir={root}", f"--data_dir={tmp_path / 'data'}"]
    assert prepare.main(["the300w", *arguments]) == 1
    assert said in capsys.readouterr().err
    for path in root.rglob("*.pts"):
        path.unlink()
    assert recognition.recognize(root) == ["faces_folder"]
    assert said in _problems(root)["another set below"].what
    assert recognition.lies_deeper(root / "a" / "b") == ""


def test_nothing_is_written_into_the_downloads(layout, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(layout.rglob("*"))
    assert doctor.main([str(layout)]) == 0
    assert sorted(layout.rglob("*")) == before
    assert (tmp_path / "doctor_downloads" / "doctor.md").is_file()


def test_bad_faces_are_named_in_one_pass(layout, tmp_path, capsys):
    photo = layout / "afw" / "0.png"
    photo.write_bytes(photo.read_bytes()[:-200])
    (layout / "ibug" / "1.png").write_text("no photo")
    (layout / "helen/trainset" / "2.png").write_bytes(b"")
    path = layout / "lfpw/testset" / "0.pts"
    path.write_text(path.read_text().replace("n_points: 68", "n_points: 67"))
    code, rows = _run(layout, tmp_path / "out")
    assert code == diagnosis.USABLE_WITH_SKIP
    assert "usable with --on_error=skip" in capsys.readouterr().out
    assert {(row["file_or_line"], row["kind"]) for row in rows if row["severity"] == "bad"} == {
        ("afw/0.pts", "photo damaged or cut short"),
        ("ibug/1.pts", "not a photo"),
        ("helen/trainset/2.pts", "photo empty"),
        ("lfpw/testset/0.pts", "bad points"),
    }
    by_place = {row["file_or_line"]: row for row in rows}
    assert by_place["ibug/1.pts"]["splits"] == "test_challenging test_full"
    assert by_place["ibug/1.pts"]["what_to_do"] == "re-save or remove it"
    assert "--on_error=skip" in by_place["lfpw/testset/0.pts"]["what_to_do"]


def test_a_mostly_bad_split_is_not_usable(layout, tmp_path):
    for i in range(2):
        (layout / "ibug" / f"{i}.png").write_bytes(b"")
    assert _run(layout, tmp_path / "out")[0] == diagnosis.NOT_USABLE


def test_no_usable_face(layout, tmp_path, capsys):
    for path in layout.rglob("*.png"):
        path.write_bytes(b"")
    out = tmp_path / "out"
    out.mkdir()
    (out / "faces.png").write_bytes(b"of an earlier run")
    assert _run(layout, out)[0] == diagnosis.NOT_USABLE
    assert "verdict: not usable" in capsys.readouterr().out
    assert (out / "doctor.md").is_file() and not (out / "faces.png").exists()


def test_what_is_no_known_set(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    code, rows = _run(tmp_path / "empty", tmp_path / "out")
    assert code == diagnosis.NOT_USABLE and not rows
    assert "looks like none of the known sets (" in capsys.readouterr().err


def test_a_set_may_be_named(tmp_path, capsys):
    (tmp_path / "afw").mkdir()
    assert doctor.main([str(tmp_path), "--set=the300w", f"--out={tmp_path / 'out'}"]) == 1
    assert "no faces in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/no/such/folder"], "is not a folder"),
        (["."], "invalid choice: 'nothing'"),
        (["."], "argument --limit"),
    ],
)
def test_wrong_arguments_have_a_code_of_their_own(capsys, arguments, message):
    further = {"invalid": ["--set=nothing"], "argument": ["--limit=0"]}
    with pytest.raises(SystemExit) as info:
        doctor.main([*arguments, *further.get(message.split()[0], [])])
    assert info.value.code == doctor.WRONG_ARGUMENTS
    assert message in capsys.readouterr().err


def test_help_documents_the_codes(capsys):
    with pytest.raises(SystemExit):
        doctor.main(["--help"])
    assert "2  usable with --on_error=skip only" in capsys.readouterr().out


def test_a_limit_draws_the_same_faces_again(layout):
    seen = [
        [face.listed.face.key for face in doctor.diagnose(layout, limit=5).observations]
        for _ in range(2)
    ]
    assert seen[0] == seen[1] and len(seen[0]) == 5


def test_points_outside_the_photo(layout):
    points = _usual_face()
    points[3] = (70, 30)
    _write_face(layout / "afw", "0.png", points, seed=99)
    problem = _problems(layout)["points outside the photo"]
    assert problem.place == str(layout / "afw" / "0.pts") and problem.severity == problems.LOOK
    assert problem.what == "1 of 68 points lie outside the photo, up to 6 px"


def test_photos_that_occur_twice(layout):
    one, two = layout / "afw" / "0.png", layout / "ibug" / "0.png"
    two.write_bytes(one.read_bytes())
    (layout / "afw" / "2.png").write_bytes((layout / "helen/trainset" / "2.png").read_bytes())
    found = _problems(layout)
    leak, twice = found["photo both to train and to test on"], found["photo twice"]
    assert leak.place == str(two) and "afw/0.png of train" in leak.what
    assert leak.splits == ("test_challenging", "test_full")
    assert {twice.place, str(layout / "afw" / "2.png")} & {str(layout / "helen/trainset/2.png")}


def test_faces_of_one_photo_are_not_duplicates():
    face = faces.Face(None, "a", "", "list:1", None)  # type: ignore[arg-type]
    other = dataclasses.replace(face, key="b", place="list:2")
    seen = [_seen(face, ("train",)), _seen(other, ("train",))]
    assert comparisons.duplicates(seen) == []
    seen[1] = _seen(other, ("test",))
    assert [p.kind for p in comparisons.duplicates(seen)] == ["photo both to train and to test on"]


def test_names_that_occur_twice():
    face = faces.Face(None, "a", "", "list:1", None)  # type: ignore[arg-type]
    again = dataclasses.replace(face, place="list:2")
    (problem,) = comparisons.repeated_keys([_seen(face, ("train",)), _seen(again, ("train",))])
    assert problem.place == "list:2" and "already that of list:1" in problem.what


def _seen(face, splits):
    face = dataclasses.replace(face, image=doctor.pathlib.Path("x.jpg"))
    return examination.Observation(examination.Listed(face, splits), (), b"same")


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((0, 0, 100, 100), 1),
        ((20, 10, 30, 50), 1 / 2),
        ((50, 0, 90, 90), 0),
        ((10, 10, 11, 50), 0.05),
    ],
)
def test_how_much_of_a_face_a_box_holds(box, inside):
    around = np.array([10.5, 10.5, 29.5, 49.5], np.float32)
    assert examination.covered(np.array(box, np.float32), around) == pytest.approx(inside)


def test_boxes_that_miss_the_face(tmp_path):
    _write_face(tmp_path, "0.png")

    def look(**boxes):
        annotation = faces.Annotation(
            landmarks=_usual_face().astype(np.float32),
            **{name: np.array(box, np.float32) for name, box in boxes.items()},
        )
        face = faces.Face(tmp_path / "0.png", "a", "", "list:1", lambda: annotation)
        return examination.look_at(examination.Listed(face, ("train",)), 68).problems

    assert look(box_detector=(5, 5, 60, 60)) == ()
    (problem,) = look(box_detector=(0, 0, 20, 20))
    assert problem.kind == "detector box misses the face"
    assert "holds 6 % of the landmarks' extent" in problem.what
    assert [p.kind for p in look(box_ground_truth=(50, 50, 60, 60))] == [
        "box misses the face",
        "detector box misses the face",
    ]


def test_wrong_flip_pairs_are_problems_of_the_set(layout, monkeypatch):
    wrong = list(FLIP)
    wrong[36], wrong[45], wrong[39], wrong[42] = 42, 39, 45, 36
    scheme = dataclasses.replace(schemes.IBUG68, flip_permutation=tuple(wrong))
    opened = recognition.open_set("the300w", layout)
    own = dataclasses.replace(opened, scheme=scheme)
    monkeypatch.setattr(recognition, "open_set", lambda name, root: own)
    found = doctor.diagnose(layout)
    texts = [p.what for p in found.problems if p.kind == "flip pair does not pair"]
    assert len(texts) == 2 and texts[0].startswith("point 36 pairs with 42, which is not")
    assert "45 lies nearer" in texts[0] and found.verdict == diagnosis.USABLE


def test_left_and_right_swapped_in_all_faces(layout):
    for path in layout.rglob("*.png"):
        _write_face(path.parent, path.name, _usual_face()[list(FLIP)], seed=len(str(path)))
    found = [p for p in doctor.diagnose(layout).problems if p.kind == "left and right swapped"]
    assert "on 100 % of the faces" in found[0].what


def test_one_face_numbered_as_mirrored(layout):
    turned = (_usual_face() - 30) @ np.array([[0.0, 1], [-1, 0]]) + 30  # on its side: fine
    _write_face(layout / "afw", "0.png", turned, seed=1)
    _write_face(layout / "afw", "1.png", _usual_face()[list(FLIP)], seed=2)
    found = [p for p in doctor.diagnose(layout).problems if p.kind == "face mirrored"]
    assert [p.place for p in found] == [str(layout / "afw" / "1.pts")]


def test_known_sets_are_asked_before_those_that_take_any_folder():
    names = recognition.known_names()
    assert "the300w" in names and "synthetic_faces" not in names
    last = [name for name in recognition.FALLBACKS if name in names]
    assert names[len(names) - len(last) :] == last


def test_the_scheme_is_the_sets_own(tmp_path):
    assert recognition.open_set("the300w", tmp_path).scheme is schemes.IBUG68
    assert recognition.open_set("the300w", tmp_path).crop.margin_top == 0.2


def test_formulas_in_file_names_are_harmless():
    problem = problems.Problem("=1+1.jpg", ("train",), "k", "bad", "a\nb", "c")
    assert problems.table([problem], "/root").splitlines()[1] == r"'=1+1.jpg,train,k,bad,a\nb,c"


def test_the_pictures_are_of_usual_and_odd_faces(layout):
    points = _usual_face()
    points[3] = (70, 30)
    _write_face(layout / "afw", "0.png", points, seed=99)
    (layout / "afw" / "1.png").write_bytes(b"")
    chosen = pictures.choose(doctor.diagnose(layout).observations)
    assert len(chosen) == pictures.NUM_USUAL + 1
    assert chosen[-1].listed.face.key == "afw/0.png"
    assert all(seen.usable for seen in chosen)


def test_the_frames_beside_the_repository(shared, tmp_path):
    root = shared / "data" / "faces_300w_layout"
    found = doctor.diagnose(root, limit=150)
    assert found.verdict == diagnosis.USABLE
    assert not [p for p in found.problems if "flip" in p.kind or "mirrored" in p.kind]


@pytest.fixture
def odd(layout):
    """A layout in which something of every kind is wrong."""
    points = _usual_face()
    points[3] = (70, 30)
    _write_face(layout / "afw", "0.png", points, seed=99)
    (layout / "ibug" / "0.png").write_bytes((layout / "afw" / "1.png").read_bytes())
    (layout / "ibug" / "1.png").write_bytes(b"")
    (layout / "afw" / "._0.png").write_bytes(b"")
    (layout / "afw" / "9.NEF").write_bytes(b"")
    (layout / "__MACOSX" / "afw").mkdir(parents=True)
    return layout


def test_who_prepares_says_what_the_doctor_says(odd, tmp_path, capsys):
    """One examination behind both: the same lines, and the same summary but for who wrote it."""
    _run(odd, tmp_path / "out")
    said = capsys.readouterr().out.splitlines()
    common = [f"--manual_dir={odd}", f"--data_dir={tmp_path / 'data'}"]
    assert prepare.main(["the300w", *common, "--on_error=skip"]) == 0
    prepared = capsys.readouterr().out.splitlines()
    findings = [
        line for line in said if ": 1; the first: " in line or line.startswith("passed over")
    ]
    assert len(findings) == 4 and set(findings) <= set(prepared)
    assert (
        "passed over: folders __MACOSX: 1, hidden files: 1, photos that cannot be read (.nef): 1"
        in findings
    )
    incomplete = [line.removeprefix("incomplete: ") for line in said if "incomplete: " in line]
    assert incomplete and {f"warning: {text}" for text in incomplete} <= set(prepared)
    summaries = [
        json.loads(path.read_text())
        for path in (
            tmp_path / "out" / "summary.json",
            tmp_path / "data" / "the300w" / "1.2.0_summary.json",
        )
    ]
    assert [summary.pop("command") for summary in summaries] == ["doctor", "prepare"]
    assert summaries[1].pop("prepared")["test_challenging"] == 2
    assert summaries[1].pop("left_out") == 2  # once in each of its test sets
    assert summaries[1].pop("data") == str(tmp_path / "data" / "the300w" / "1.2.0")
    assert summaries[0] == summaries[1]
    assert summaries[0]["verdict"] == "usable_with_skip"
    kinds = {problem["kind"] for problem in summaries[0]["problems"]}
    assert kinds == {
        "photo empty",
        "photo both to train and to test on",
        "points outside the photo",
    }


def test_a_run_that_fails_leaves_a_summary_too(odd, tmp_path, capsys):
    common = [f"--manual_dir={odd}", f"--data_dir={tmp_path / 'data'}"]
    assert prepare.main(["the300w", *common]) == 1
    (tmp_path / "empty").mkdir()
    _run(tmp_path / "empty", tmp_path / "out")
    for path, words in (
        (tmp_path / "data" / "the300w" / "1.2.0_summary.json", "1.png: the file is empty"),
        (tmp_path / "out" / "summary.json", "looks like none of the known sets"),
    ):
        summary = json.loads(path.read_text())
        assert summary["verdict"] == "not_usable" and words in summary["error"]
    capsys.readouterr()
