"""The parity command: it reproduces the published numbers, and it notices when it does not."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from scaf_jax.parity import checks, comparison, fixtures

# Kinds that take seconds; training steps in float64 take a minute each.
QUICK = ["networks", "block", "losses", "metrics", "targets", "crops"]


@pytest.fixture(scope="module")
def published(shared) -> pathlib.Path:
    folder = shared / "parity"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared/parity (numbers of the published code), absent")
    return folder


def _run(folder: pathlib.Path, kinds: list[str], faces: pathlib.Path) -> list[comparison.Row]:
    return checks.run(fixtures.Folder(folder), faces, kinds)


def _failures(rows: list[comparison.Row]) -> list[str]:
    return [f"{row.fixture} {row.quantity}: {row.error}" for row in rows if not row.ok]


@pytest.mark.parametrize("kind", QUICK)
def test_published_numbers_are_reproduced(published, shared_faces, kind):
    rows = _run(published, [kind], shared_faces)
    assert rows
    assert not _failures(rows)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["supervised", "unsupervised"])
def test_published_training_steps_are_reproduced(published, shared_faces, kind):
    rows = _run(published, [kind], shared_faces)
    assert len(rows) >= 8
    assert not _failures(rows)


def test_every_kind_of_fixture_is_found(published):
    assert checks.present_kinds(fixtures.Folder(published)) == list(checks.KINDS)


def _copy(published: pathlib.Path, target: pathlib.Path, *names: str) -> pathlib.Path:
    for name in names:
        shutil.copyfile(published / name, target / name)
    return target


def _resalt(path: pathlib.Path) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"salt": "another-"}))


def test_the_salt_is_read_from_the_files(published, shared_faces, tmp_path):
    block = ("hpm_block_64_state.json", "hpm_block_64.npz")
    folder = _copy(published, tmp_path, *block, "fabrec_128_98_state.json", "losses.npz")
    assert not _failures(_run(folder, ["block", "losses"], shared_faces))
    _resalt(folder / block[0])
    _resalt(folder / "fabrec_128_98_state.json")
    assert len(_failures(_run(folder, ["block", "losses"], shared_faces))) == 3


def test_changed_numbers_are_noticed(published, shared_faces, tmp_path):
    folder = _copy(published, tmp_path, "metrics.npz", "heatmap_targets.npz")
    stored = dict(np.load(folder / "metrics.npz"))
    stored["nme98_outer"] = stored["nme98_outer"] * np.float32(1.001)
    np.savez(folder / "metrics.npz", **stored)
    rows = _run(folder, ["metrics", "targets"], shared_faces)
    assert [row.quantity for row in rows if not row.ok] == ["nme98_outer"]


def test_numbers_that_nobody_recomputes_are_noticed(published, shared_faces, tmp_path):
    folder = _copy(published, tmp_path, "metrics.npz")
    np.savez(folder / "metrics.npz", **np.load(folder / "metrics.npz"), auc8_68=np.float64(0.5))
    failures = _failures(_run(folder, ["metrics"], shared_faces))
    assert failures == ["metrics auc8_68 (not recomputed): nan"]


def test_missing_photos_are_named(published, tmp_path):
    folder = _copy(published, tmp_path, "crops_256.json", "crops_256.npz")
    with pytest.raises(fixtures.FixtureError, match=r"2900001_1\.jpg.*set --faces"):
        _run(folder, ["crops"], tmp_path / "nowhere")


def test_photos_outside_their_folder_are_refused(published, shared_faces, tmp_path):
    folder = _copy(published, tmp_path, "crops_256.json", "crops_256.npz")
    frames = json.loads((folder / "crops_256.json").read_text())
    frames[0]["file"] = "../secret.jpg"
    (folder / "crops_256.json").write_text(json.dumps(frames))
    with pytest.raises(fixtures.FixtureError, match="outside its folder"):
        _run(folder, ["crops"], shared_faces)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fabrec_256_68_state.json"], "lacks 'fabrec_256_68_eval.npz'"),
        (["hpm_block_64.npz"], "lacks 'hpm_block_64_state.json'"),
        (["unsupervised_after.npz"], "lacks 'unsupervised_steps.json'"),
    ],
)
def test_halves_of_fixtures_are_named(published, tmp_path, names, message):
    folder = _copy(published, tmp_path, *names)
    with pytest.raises(fixtures.FixtureError, match=message):
        checks.present_kinds(fixtures.Folder(folder))


def test_unreadable_fixtures_are_named(tmp_path):
    (tmp_path / "metrics.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(fixtures.FixtureError, match=r"metrics\.npz' cannot be read"):
        fixtures.Folder(tmp_path).arrays("metrics.npz")
    (tmp_path / "unsupervised_steps.json").write_text("{")
    with pytest.raises(fixtures.FixtureError, match=r"unsupervised_steps\.json' cannot be read"):
        fixtures.Folder(tmp_path).json("unsupervised_steps.json")


def test_pickles_are_not_loaded(tmp_path):
    np.savez(tmp_path / "metrics.npz", nme68_outer=np.array([{"a": 1}], dtype=object))
    with pytest.raises(fixtures.FixtureError, match="cannot be read"):
        fixtures.Folder(tmp_path).arrays("metrics.npz")


def test_tensors_are_those_of_their_rule():
    weight = fixtures.make_tensor("s-", "Q.conv1.weight", (64, 32, 3, 3))
    assert weight.dtype == np.float32
    assert weight.std() == pytest.approx(1 / np.sqrt(32 * 9), rel=0.02)
    assert np.array_equal(weight, fixtures.make_tensor("s-", "Q.conv1.weight", weight.shape))
    assert not np.array_equal(weight, fixtures.make_tensor("t-", "Q.conv1.weight", weight.shape))
    for name in ("bn1.weight", "bn1.running_var"):
        values = fixtures.make_tensor("s-", name, (500,))
        assert 0.5 <= values.min() < 0.55 and 1.45 < values.max() <= 1.5
    for name in ("bn1.bias", "bn1.running_mean"):
        assert fixtures.make_tensor("s-", name, (500,)).std() == pytest.approx(0.1, rel=0.1)
    # Drawn as channels first, as PyTorch has them.
    image = fixtures.make_input("s-", "images", (2, 3, 8, 8))
    flat = fixtures.make_rng("s-", "images").uniform(-0.5, 0.5, 2 * 3 * 64).astype(np.float32)
    np.testing.assert_array_equal(np.moveaxis(image, -1, 1).ravel(), flat)


def test_relative_errors():
    assert comparison.relative_error([3.0, 4.0], [3.0, 4.0]) == 0.0
    assert comparison.relative_error([3.0, 4.5], [3.0, 4.0]) == pytest.approx(0.1)
    assert comparison.relative_error([0.0], [0.0]) == 0.0
    assert comparison.relative_error([1.0], [0.0]) == float("inf")
    with pytest.raises(fixtures.FixtureError, match="shape"):
        comparison.relative_error([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("error", "ok"), [(0.5, True), (1.0, True), (1.1, False), (float("nan"), False)]
)
def test_rows_are_ok_within_their_tolerance(error, ok):
    assert comparison.Row("f", "q", error, 1.0).ok is ok


def _command(*arguments: object, repository: pathlib.Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "scaf_jax.parity", *map(str, arguments)],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_command_prints_a_table_and_writes_nothing(published, repository, tmp_path):
    folder = _copy(published, tmp_path, "metrics.npz")
    result = _command(f"--fixtures={folder}", repository=repository)
    assert result.returncode == 0, result.stderr
    assert re.search(r"^metrics +nme68_outer +\S+e-\d+ +0\.0001 +yes$", result.stdout, re.M)
    assert "not checked" in result.stdout and "unsupervised" in result.stdout
    assert [path.name for path in folder.iterdir()] == ["metrics.npz"]


def test_the_command_fails_on_a_number_too_far_off(published, repository, tmp_path):
    folder = _copy(published, tmp_path, "metrics.npz")
    stored = dict(np.load(folder / "metrics.npz"))
    np.savez(folder / "metrics.npz", **(stored | {"fr10_98": np.float64(0.5)}))
    output = tmp_path / "rows.json"
    result = _command(f"--fixtures={folder}", f"--output={output}", repository=repository)
    assert result.returncode == 1
    assert re.search(r"fr10_98 .* NO$", result.stdout, re.M)
    rows = {row["quantity"]: row for row in json.loads(output.read_text())}
    assert rows["fr10_98"]["ok"] is False and rows["nme68_outer"]["ok"] is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fixtures={folder}/nowhere"], "there is no folder of fixtures"),
        (["--fixtures={folder}"], "has no fabrec_*_state.json"),
        (["--fixtures={folder}", "--only=losses"], "has no losses.npz"),
        (["--fixtures={folder}", "--only=everything"], "unknown kinds ['everything']"),
    ],
)
def test_the_command_explains_what_is_missing(repository, tmp_path, arguments, message):
    filled = [argument.format(folder=tmp_path) for argument in arguments]
    result = _command(*filled, repository=repository)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
