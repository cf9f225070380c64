"""Tests of the commands export, import and status."""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from data_builders.synthetic_faces import renderer
from scaf_jax import default_config
from scaf_jax.active_learning import __main__ as commands
from scaf_jax.active_learning import labels, rounds
from scaf_jax.annotation import export, store
from scaf_jax.annotation.faces import FaceToAnnotate
from scaf_jax.files import atomic
from scaf_jax.landmarks.schemes import IBUG68
from scaf_jax.runs import resolve


@pytest.fixture
def workdir(tmp_path):
    """Rounds 0 and 1 were exported, two faces each; round 10 was begun."""
    for number in (0, 1):
        faces = []
        for i in range(2):
            drawn = renderer.render_face(1, 2 * number + i, size=64)
            path = tmp_path / "photo.png"
            atomic.write_png(path, drawn.image)
            face = FaceToAnnotate(
                f"face {i}", path.read_bytes(), drawn.landmarks68, drawn.box_ground_truth, -i
            )
            faces.append(face)
        folder = tmp_path / "rounds" / f"round_{number}"
        export.export_faces(folder, faces, IBUG68, model_version="m")
    (tmp_path / "rounds" / "round_10" / "to_annotate").mkdir(parents=True)
    return tmp_path


def _given(workdir, number, change=lambda document: None):
    """A COCO file with all faces of a round moved a little."""
    folder = workdir / "rounds" / f"round_{number}" / "to_annotate"
    document = json.loads((folder / "person_keypoints_default.json").read_text())
    side = min(document["images"][0][name] for name in ("width", "height"))
    for annotation in document["annotations"]:
        points = np.array(annotation["keypoints"]).reshape(-1, 3)
        points[:, :2] = np.clip(points[:, :2] + 0.3, 0, side)
        annotation["keypoints"] = points.ravel().tolist()
    change(document)
    path = workdir / "given.json"
    path.write_text(json.dumps(document))
    return str(path)


def _run(workdir, command, *arguments):
    return commands.main([command, f"--workdir={workdir}", *arguments])


def test_import_goes_to_the_last_exported_round(workdir, capsys):
    assert _run(workdir, "import", _given(workdir, 1)) == 0
    output = capsys.readouterr().out
    assert "2 faces accepted" in output and "the round is complete" in output
    assert (workdir / "rounds" / "round_1" / "annotations").is_dir()
    assert not (workdir / "rounds" / "round_0" / "annotations").exists()


def test_import_into_a_named_round_says_line_by_line_what_is_wrong(workdir, capsys):
    given = _given(workdir, 0, lambda d: d["annotations"][1]["keypoints"].__setitem__(0, 99))
    assert _run(workdir, "import", "--round=0", given) == 1
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("given.json: annotation 2, keypoints[0] (face 'face 1'): landmark 0")
    assert last.endswith("import_report.md")
    assert _run(workdir, "import", "--round=0", _given(workdir, 0)) == 0


def test_status_tells_all_rounds_or_one(workdir, capsys):
    given = _given(workdir, 1, lambda d: d["annotations"][0].update(keypoints=[1]))
    _run(workdir, "import", given)
    capsys.readouterr()
    assert _run(workdir, "status") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("round 0: 0 of 2 faces annotated, 2 missing, 0 of them")
    assert lines[3].startswith("round 1: 1 of 2 faces annotated, 1 missing, 1 of them")
    assert lines[4] == "  missing: face 0 (not accepted; see import_report.md)"
    assert _run(workdir, "status", "--round=1") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_all_rounds_are_collected(workdir, tmp_path, capsys):
    assert _run(workdir, "collect", str(tmp_path / "set")) == 2
    assert "nothing is annotated yet" in capsys.readouterr().err
    _run(workdir, "import", _given(workdir, 1))
    _run(workdir, "import", "--round=0", _given(workdir, 0))
    capsys.readouterr()
    assert _run(workdir, "collect", str(tmp_path / "set")) == 0
    told = capsys.readouterr().out
    assert "4 faces in" in told and "prepare landmarks_folder --manual_dir=" in told
    assert len((tmp_path / "set" / "landmarks.csv").read_text().splitlines()) == 5


@pytest.fixture
def waiting(tiny_faces, tmp_path):
    """A run of 8 faces in round 0 that waits for a person; its folder and that of the export."""
    config = default_config.get_config()
    default_config.shrink(config)
    config.data.name, config.data.data_dir = "synthetic_faces/tiny", tiny_faces
    config.evaluation.splits, config.evaluation.full = ("test",), ""
    config.alignment.initialization = "random"  # the first choice needs no network
    config.active_learning.strategy, config.active_learning.oracle = "random", "human"
    with pytest.raises(labels.AnnotationNeeded):
        rounds.run(resolve.resolve(config), str(tmp_path))
    return tmp_path, tmp_path / "rounds" / "round_0" / "to_annotate"


def _contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_export_writes_again_what_was_lost(waiting, capsys):
    workdir, target = waiting
    whole = _contents(target)
    photos = [name for name in whole if name.startswith("photos/")]
    for name in ("tasks.json", "README.md", photos[0], "scheme.json"):
        (target / name).unlink()
    (target / photos[1]).write_bytes(b"half of a ph")
    shutil.rmtree(target / "previews")
    assert _run(workdir, "export", "--round=0") == 0
    assert f"exported to {target}" in capsys.readouterr().out
    assert (target / "earlier" / pathlib.Path(photos[1]).name.replace(".", ".1.")).is_file()
    shutil.rmtree(target / "earlier")
    assert _contents(target) == whole
    assert _run(workdir, "export", "--round=0") == 0  # there is nothing to do
    assert _contents(target) == whole


def test_export_loses_nothing_of_a_persons_work(waiting):
    workdir, target = waiting
    whole = _contents(target)
    edited, *_ = (name for name in whole if name.startswith("pts/"))
    (target / edited).write_text(whole[edited].decode().replace("n_points", "  n_points"))
    (target / "labeling_config.xml").write_text("<View>my own colors</View>")
    (target / "my project.json").write_text("[]")
    # CVAT's export has the name of the pre-labels, over which a person unpacked it.
    given = pathlib.Path(_given(workdir, 0))
    given.replace(target / "person_keypoints_default.json")
    assert _run(workdir, "import", str(target / "person_keypoints_default.json")) == 0
    before, beside = _contents(target), _contents(target.parent / "annotations")
    for _ in range(2):
        assert _run(workdir, "export", "--round=0") == 0
        after = _contents(target)
        for name, kept in {
            edited: edited,
            "my project.json": "my project.json",
            "labeling_config.xml": "earlier/labeling_config.1.xml",
            "person_keypoints_default.json": "earlier/person_keypoints_default.1.json",
        }.items():
            assert after.pop(kept) == before[name]
        assert after == {name: content for name, content in whole.items() if name != edited}
        assert _contents(target.parent / "annotations") == beside
    assert store.status(target.parent).missing == ()


def test_export_mends_a_damaged_index(waiting, capsys):
    workdir, target = waiting
    whole = _contents(target)
    (target / "index.json").write_text("{")
    assert _run(workdir, "status") == 2
    assert _run(workdir, "export", "--round=0") == 0
    assert _contents(target) == whole


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "--round=0", "nothing.json"], "nothing.json: does not exist"),
        (["import", "--round=10", "x.json"], "export the round first"),
        (["import", "--round=77", "x.json"], "export the round first"),
        (["status", "--round=10"], "export the round first"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(workdir, capsys, arguments, message):
    assert _run(workdir, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("active_learning: ") and message in error and error.count("\n") == 1


def test_a_folder_without_rounds_is_named(tmp_path, capsys):
    assert _run(tmp_path, "status") == 2
    assert _run(tmp_path, "import", "x.json") == 2
    assert "no round of it waits" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["frobnicate"], ["status"], ["import", "--workdir=x"], ["export", "--workdir=x"]]
    + [["status", "--workdir=x", f"--round={value}"] for value in ("-1", "../..", "a", "1e3")],
)
def test_wrong_arguments_end_with_usage(arguments, capsys):
    with pytest.raises(SystemExit) as info:
        commands.main(arguments)
    assert info.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_status_and_import_start_without_jax(workdir, repository):
    code = (
        "import sys; from scaf_jax.active_learning import __main__ as c;"
        f"c.main(['status', '--workdir={workdir}']); assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository, capture_output=True)


def test_next_says_what_is_left_and_what_to_do_when_nothing_is(workdir, capsys):
    assert _run(workdir, "next") == 0
    said = capsys.readouterr().out
    assert "Round 1: 2 faces, 0 annotated, 0 skipped, 2 to do." in said
    assert said.index("face 0") < said.index("face 1") < said.index("skip --workdir")
    assert len(said.splitlines()) < 25
    assert _run(workdir, "skip", "1") == 0
    assert _run(workdir, "import", _given(workdir, 1)) == 0  # an annotation counts more
    capsys.readouterr()
    assert _run(workdir, "next") == 0
    said = capsys.readouterr().out
    assert "2 annotated, 0 skipped, 0 to do" in said and "scaf_jax.main" in said
    (workdir / "metrics.json").write_text(json.dumps({"rounds": [{"round": 1}]}))
    assert _run(workdir, "next") == 0
    assert "report.md" in capsys.readouterr().out


def test_only_faces_of_the_last_round_can_be_skipped(workdir, capsys):
    assert _run(workdir, "skip", "--round=0", "1") == 2
    assert "only the last round" in capsys.readouterr().err
    assert _run(workdir, "skip", "--round=1", "9") == 2
    assert "no face '9'" in capsys.readouterr().err


def test_a_round_is_closed_with_what_is_annotated(workdir, capsys):
    assert _run(workdir, "close") == 2
    assert "nothing of this round is annotated" in capsys.readouterr().err
    _run(workdir, "import", _given(workdir, 1, lambda d: d["annotations"].pop()))
    assert _run(workdir, "close") == 0
    assert "ends with 1 annotated faces; 1 go back" in capsys.readouterr().out
    (workdir / "metrics.json").write_text(
        json.dumps({"rounds": [{"round": 0}], "more_labels": ["no more"]})
    )
    assert _run(workdir, "next") == 0
    said = capsys.readouterr().out
    assert "1 annotated, 0 skipped, 1 put back, 0 to do" in said and "no more" in said
    _run(workdir, "status", "--round=1")
    assert "0 missing" in capsys.readouterr().out


def test_next_without_rounds_says_how_to_begin(tmp_path, capsys):
    assert _run(tmp_path, "next") == 2
    assert "--config.active_learning.oracle=human" in capsys.readouterr().err
