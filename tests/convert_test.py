"""Tests of `scaf_jax.convert`: snapshots as PyTorch writes them, and hostile files."""

import json
import os
import pickle
import re

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs PyTorch: pip install 'scaf_jax[torch]'")

import torch  # pyright: ignore[reportMissingImports]

from scaf_jax import convert
from scaf_jax.inference import bundle
from scaf_jax.models import torch_networks
from scaf_jax.weights import files, header, published, torch_files, verification

WIDTH = 1 / 16


def _drawn(model):
    """The state_dict of a model like a trained one: fresh batch norms would hide mix-ups."""
    torch.manual_seed(0)
    for tensor in model.state_dict().values():
        if tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim > 1:
            tensor.normal_(0, tensor[0].numel() ** -0.5)
    return model.state_dict()


def _save(folder, state_dict, *, legacy=False, **changes):
    content = {"arch": "Fabrec", "z_dim": 99, "input_size": 64, "state_dict": state_dict} | changes
    folder.mkdir(exist_ok=True)
    # The published files are from before PyTorch 1.6 and its zip archives.
    torch.save(content, folder / "saae.mdl", _use_new_zipfile_serialization=not legacy)
    meta = {"epoch": 191, "total_iter": 2595984, "total_time": 639421, "best_score": 999}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


@pytest.fixture(scope="module")
def landmark_tensors():
    return _drawn(torch_networks.Aligner(64, 64, 68, WIDTH, skips=False))


@pytest.fixture
def snapshot(tmp_path, landmark_tensors):
    return _save(tmp_path / "lms_300w", landmark_tensors, legacy=True)


def test_a_landmark_network_converts_verifies_and_goes_back(snapshot, tmp_path, capsys):
    ours, again = tmp_path / "ours.safetensors", tmp_path / "again"
    assert convert.main([str(snapshot), str(ours), "--verify", "--licence=unknown"]) == 0
    output = capsys.readouterr().out
    assert "heatmaps: largest difference" in output and "every one of" in output
    network = bundle.Bundle.load(ours)
    assert network.provenance["steps"] == 2595984 and network.crop.pixel_convention == "corners"
    assert convert.main([str(ours), str(again), "--verify"]) == 0
    assert "network 'Fabrec'" in capsys.readouterr().out
    model = torch_networks.Aligner(64, 64, 68, WIDTH, skips=False)
    model.load_state_dict(torch.load(again / "saae.mdl", weights_only=True)["state_dict"])
    assert json.loads((again / "meta.json").read_text())["num_landmarks"] == 68
    last = tmp_path / "last.safetensors"
    assert convert.main([str(again), str(last)]) == 0
    assert last.read_bytes() == ours.read_bytes()
    assert convert.main([str(again), str(last)]) == 1
    assert convert.main([str(ours), str(again)]) == 1


def test_a_stage_1_converts_with_its_discriminators(tmp_path, capsys):
    tensors = _drawn(torch_networks.Autoencoder(64, WIDTH, 0.2))
    folder = _save(tmp_path / "stage1", tensors, arch="AAE")
    ours = tmp_path / "ours.safetensors"
    assert convert.main([str(folder / "saae.mdl"), str(ours), "--verify"]) == 0
    output = capsys.readouterr().out
    assert "image_verdicts" in output and f"--config.pretraining.run={ours}" in output
    assert "--config.data.pixel_convention=corners" in output
    assert files.read_header(ours).networks == header.AUTOENCODER + header.DISCRIMINATORS


def test_a_wrong_place_is_found_by_verification(snapshot, tmp_path, monkeypatch, caplog):
    right = published.to_weights

    def wrong(*arguments, **options):
        weights = right(*arguments, **options)
        name = "params/transfer/itls/layer1/kernel"
        turned = weights.arrays | {name: weights.arrays[name][::-1].copy()}
        return weights._replace(arrays=turned)

    monkeypatch.setattr(published, "to_weights", wrong)
    ours = tmp_path / "ours.safetensors"
    assert convert.main([str(snapshot), str(ours), "--verify"]) == 1
    assert "do not compute the same on noise" in caplog.text and not ours.exists()


def test_learned_gains_are_verified_too(landmark_tensors):
    model = torch_networks.Aligner(64, 64, 68, WIDTH, with_gains=True)
    arrays = {n: t.numpy() for n, t in _drawn(model).items() if t.ndim}
    snapshot = published.Snapshot(arrays, 64, WIDTH)
    found = verification.compare(published.to_weights(snapshot), snapshot, verification.noise(64))
    assert found["heatmaps"].is_small and found["heatmaps"].scale > 0.1


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def _truncated(folder):
    content = (folder / "saae.mdl").read_bytes()
    (folder / "saae.mdl").write_bytes(content[: len(content) // 2])


def _bomb(folder):
    _save(folder, {}, more=Bomb(folder / "exploded"))


def _plain_pickle_bomb(folder):
    (folder / "saae.mdl").write_bytes(pickle.dumps(Bomb(folder / "exploded")))


def _expanded(folder):
    """A tensor that claims 4 TB of a file of some bytes."""
    _save(folder, {"Q.conv1.weight": torch.zeros(1).expand(4, 3, 7, 1 << 36)})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_truncated, "is damaged, cut short or no file of PyTorch"),
        (_bomb, "is refused: it holds (posix|os).mkdir, an object of Python"),
        (_plain_pickle_bomb, "is refused: it holds (posix|os).mkdir|is damaged"),
        (lambda f: (f / "saae.mdl").write_text("hello"), "is damaged"),
        (lambda f: (f / "saae.mdl").write_bytes(b""), "is damaged"),
        (lambda f: torch.save([1], f / "saae.mdl"), "not a dict with a 'state_dict'"),
        (lambda f: _save(f, {}), "no tensor Q.conv1.weight"),
        (lambda f: _save(f, {"Q.conv1.weight": 3}), "'Q.conv1.weight' is no tensor"),
        (_expanded, r"(?s)missing.*another shape.*\(4, 3, 7, 68719476736\)"),
        (lambda f: (f / "meta.json").write_text("{"), "meta.json:1: not JSON"),
        (lambda f: (f / "meta.json").write_text('{"input_size": 128}'), "says something else"),
        (
            lambda f: (f / "meta.json").write_text('{"num_landmarks": "x"}'),
            "'num_landmarks' is 'x'",
        ),
        (lambda f: (f / "meta.json").write_text('{"num_landmarks": 98}'), "98 landmarks"),
    ],
)
def test_hostile_files_are_refused(spoil, message, snapshot, tmp_path, caplog):
    spoil(snapshot)
    ours = tmp_path / "ours.safetensors"
    assert convert.main([str(snapshot), str(ours)]) == 1
    assert re.search(message, caplog.text), caplog.text
    assert str(snapshot) in caplog.text
    assert not ours.exists() and not (snapshot / "exploded").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"z_dim": 100}, "100 numbers, and ours 99"),
        ({"input_size": "64"}, "'input_size' is '64', which is no number"),
        ({"scaf_jax": "{}"}, "was not written by this project"),
    ],
)
def test_wrong_fields_are_refused(changes, message, tmp_path, landmark_tensors):
    folder = _save(tmp_path / "snapshot", landmark_tensors, **changes)
    with pytest.raises(header.WeightsError, match=message):
        torch_files.read(folder)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "int32"])
def test_other_types_of_numbers_are_refused(dtype, tmp_path):
    tensors = {"Q.conv1.weight": torch.zeros((4, 3, 7, 7), dtype=getattr(torch, dtype))}
    with pytest.raises(header.WeightsError, match=f"torch.{dtype}"):
        torch_files.read(_save(tmp_path / "snapshot", tensors))


def test_what_is_not_there_is_said(tmp_path, caplog):
    (tmp_path / "empty").mkdir()
    assert convert.main([str(tmp_path / "no.mdl"), str(tmp_path / "w")]) == 1
    assert "there is no snapshot" in caplog.text
    assert convert.main([str(tmp_path / "empty"), str(tmp_path / "w")]) == 1
    assert "empty holds no checkpoint" in caplog.text


def test_photos_can_be_compared_on(snapshot, tmp_path, capsys):
    photo = np.random.default_rng(0).integers(0, 255, (80, 90, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    arguments = [str(snapshot), str(tmp_path / "w.safetensors"), "--verify", "--photos"]
    assert convert.main([*arguments, str(tmp_path / "photo.png")]) == 0
    assert "verified on 1 photos" in capsys.readouterr().out
