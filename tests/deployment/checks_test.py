"""The command `scaf_jax.export`, what it checks and prints, and the examples for users."""

import functools
import http.server
import json
import re
import runpy
import shutil
import subprocess
import threading

import cv2
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnx", reason="needs onnx: pip install 'scaf_jax[onnx]'")
pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'scaf_jax[onnx]'")

import onnxruntime  # pyright: ignore[reportMissingImports]

import scaf_jax
from scaf_jax import export
from scaf_jax.deployment import checks, onnx_program

BOX = (20.0, 30.0, 150.0, 140.0)


@pytest.fixture(scope="module", autouse=True)
def one_batch_size():
    """Each further one is compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "BATCH_SIZES", (2,))
        yield


@pytest.fixture(scope="module")
def model(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "network.safetensors"
    network.save(path)
    return path


@pytest.fixture(scope="module", params=["centers", "corners"])
def pair(request, make, tmp_path_factory):
    """A network's weights file and its ONNX model, in both conventions."""
    folder = tmp_path_factory.mktemp("pair")
    make(request.param).save(folder / "network.safetensors")
    arguments = [str(folder / "network.safetensors"), str(folder / "network.onnx")]
    assert export.main([*arguments, "--format=onnx"]) == 0
    return folder / "network.safetensors", folder / "network.onnx"


@pytest.fixture(scope="module")
def photo():
    """A smooth (170, 190, 3) photo, so that ways to interpolate differ little."""
    coarse = np.random.default_rng(2).integers(0, 256, (6, 7, 3), np.uint8)
    return cv2.resize(coarse, (190, 170), interpolation=cv2.INTER_CUBIC)


def test_exported_models_are_loaded_like_networks(pair, photo):
    ours, theirs = (scaf_jax.load(path) for path in pair)
    assert theirs.scheme == ours.scheme and theirs.flip == ours.flip is False
    expected = ours.predict(photo, BOX)
    found = theirs.predict(photo, BOX, batch_size=2)
    np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=1e-2)
    np.testing.assert_allclose(found.nnm, expected.nnm, rtol=1e-4)
    with pytest.raises(ValueError, match="exported without averaging"):
        scaf_jax.load(pair[1], flip=True)
    with pytest.raises(ValueError, match="exported with the decoder subpixel"):
        scaf_jax.load(pair[1], decoder="argmax")
    with pytest.raises(ValueError, match="gives no heatmaps"):
        theirs.predict(photo, BOX, heatmaps=True)
    assert len(theirs.predict([]).landmarks) == 0


def test_the_python_example_finds_the_same(pair, photo, tmp_path, repository, monkeypatch, capsys):
    expected = scaf_jax.load(pair[0]).predict(photo, BOX).landmarks[0]
    np.save(tmp_path / "photo.npy", photo)
    example = repository / "examples" / "onnx_landmarks.py"
    arguments = [str(pair[1]), str(tmp_path / "photo.npy"), *map(str, BOX)]
    monkeypatch.setattr("sys.argv", ["example", *arguments])
    runpy.run_path(str(example), run_name="__main__")
    rows = np.array([line.split() for line in capsys.readouterr().out.splitlines()], float)
    distances = np.linalg.norm(rows[:, :2] - expected, axis=1)
    assert np.median(distances) < 1 and rows.shape == (68, 3)
    find = runpy.run_path(str(example))["find"]
    session = onnxruntime.InferenceSession(pair[1], providers=["CPUExecutionProvider"])
    outside, _ = find(session, photo, (-50.0, -60.0, 90.0, 400.0))
    assert outside.shape == (68, 2) and np.isfinite(outside).all()


@pytest.mark.slow
def test_the_javascript_example_finds_the_same(pair, photo, tmp_path, repository):
    web = repository / "examples" / "web"
    if not shutil.which("node") or not (web / "node_modules" / "onnxruntime-web").is_dir():
        pytest.skip("needs Node.js and onnxruntime-web: run `npm install` in examples/web")
    pixels = np.concatenate([photo, np.full((*photo.shape[:2], 1), 255, np.uint8)], axis=2)
    (tmp_path / "photo.rgba").write_bytes(pixels.tobytes())
    script = f"""
import fs from "node:fs";
import * as ort from "onnxruntime-web";
import {{ landmarks }} from "./landmarks.mjs";
ort.env.wasm.numThreads = 1;
const {{ network }} = JSON.parse(fs.readFileSync({json.dumps(str(pair[1].with_suffix(".json")))}));
const session = await ort.InferenceSession.create(fs.readFileSync({json.dumps(str(pair[1]))}));
const data = fs.readFileSync({json.dumps(str(tmp_path / "photo.rgba"))});
const photo = {{ data, width: {photo.shape[1]}, height: {photo.shape[0]} }};
console.log(JSON.stringify(await landmarks(ort, session, network, photo, {list(BOX)})));
"""
    done = subprocess.run(
        ["node", "--input-type=module"], input=script, cwd=web, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = np.array([[p["x"], p["y"]] for p in json.loads(done.stdout)])
    expected = scaf_jax.load(pair[0]).predict(photo, BOX).landmarks[0]
    assert np.median(np.linalg.norm(found - expected, axis=1)) < 1


@pytest.mark.slow
def test_the_page_finds_the_same_in_a_browser(pair, photo, tmp_path, repository):
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    web = tmp_path / "web"
    shutil.copytree(repository / "examples" / "web", web, symlinks=True)
    if not browser or not (web / "node_modules" / "onnxruntime-web").is_dir():
        pytest.skip("needs Chromium and onnxruntime-web: run `npm install` in examples/web")
    for path in (pair[1], pair[1].with_suffix(".json")):
        shutil.copy(path, web / f"network{path.suffix}")
    Image.fromarray(photo).save(web / "photo.png")
    box = ",".join(map(str, BOX))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(web))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = f"http://127.0.0.1:{server.server_port}/index.html"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000"]
        options += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
        done = subprocess.run(
            [browser, *options, f"{page}?model=network.onnx&photo=photo.png&box={box}"],
            capture_output=True,
            text=True,
        )
        server.shutdown()
    told = re.search(r'<pre id="output">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told and told[1].startswith("["), done.stdout + done.stderr
    found = np.array([[p["x"], p["y"]] for p in json.loads(told[1])])
    expected = scaf_jax.load(pair[0]).predict(photo, BOX).landmarks[0]
    assert np.median(np.linalg.norm(found - expected, axis=1)) < 1


def test_heatmaps_are_decoded_by_whoever_loads_them(network, model, photo, tmp_path, capsys):
    path = tmp_path / "maps.onnx"
    assert export.main([str(model), str(path), "--format=onnx", "--no-decode"]) == 0
    output = capsys.readouterr().out
    assert "gives heatmaps" in output and "largest differences heatmaps" in output
    for options in ({}, {"flip": True}, {"decoder": "argmax"}):
        expected = scaf_jax.load(model, **options).predict(photo, BOX, heatmaps=True)
        found = scaf_jax.load(path, **options).predict(photo, BOX, heatmaps=True)
        np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=1e-2)
        np.testing.assert_allclose(found.heatmaps, expected.heatmaps, atol=1e-4)
        np.testing.assert_allclose(found.nnm, expected.nnm, rtol=1e-4)


def test_the_command_prints_sizes_and_latencies(model, tmp_path, capsys, caplog):
    path = tmp_path / "network.onnx"
    assert export.main([str(model), str(path), "--format=onnx", "--flip"]) == 0
    output = capsys.readouterr().out
    for part in ("landmarks, heights, nnm", "2 at once", "network ", "program ", "written to"):
        assert part in output
    assert json.loads(path.with_suffix(".json").read_text())["flip"] is True
    assert export.main([str(model), str(path), "--format=onnx"]) == 1
    assert "is there already" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["MODEL", "OUT/w.onnx"], "a file of ONNX, and no other"),
        (["MODEL", "OUT/w.stablehlo", "--format=onnx"], "a file of ONNX, and no other"),
        (["MODEL", "OUT/w.onnx", "--format=onnx", "--dtype=bfloat16"], "float32, not bfloat16"),
        (["MODEL", "OUT/w", "--platforms=abacus"], "platforms must be of"),
        (["MODEL", "OUT/no/w"], "there is no folder"),
        (["OUT/nothing", "OUT/w"], "there is neither a folder nor a file"),
        (["builtin", "OUT/w"], "which marks no landmarks|neither a folder nor a file"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, message, model, tmp_path, caplog):
    replaced = [a.replace("MODEL", str(model)).replace("OUT", str(tmp_path)) for a in arguments]
    assert export.main(replaced) == 1
    assert re.search(message, caplog.text), caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_computes_something_else_is_not_written(
    model, make, tmp_path, monkeypatch, caplog
):
    right = onnx_program.program
    other = make("corners")
    other.params["encoder"]["head"]["bias"][:] += 1.0
    monkeypatch.setattr(onnx_program, "program", lambda _, description: right(other, description))
    assert export.main([str(model), str(tmp_path / "w.onnx"), "--format=onnx"]) == 1
    assert "does not compute what the network does" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_agreement_counts_landmarks_elsewhere(network, describe):
    ours = {"landmarks": np.zeros((1, 68, 2)), "heights": np.ones((1, 68)), "nnm": np.zeros(1)}
    theirs = {name: value.copy() for name, value in ours.items()}
    theirs["landmarks"][0, 3] = 5.0
    found = checks.agreement(ours, theirs, describe(network))
    assert found.moved == (1, 68) and found.is_close
    theirs["heights"][0, 0] += 1e-3
    assert not checks.agreement(ours, theirs, describe(network)).is_close
