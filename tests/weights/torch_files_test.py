"""Which paths are taken for snapshots, and what is said without PyTorch; see tests/convert_test."""

import sys

import pytest

from scaf_jax.weights import header, published, torch_files


def test_snapshots_are_known_by_their_names(tmp_path):
    assert torch_files.is_snapshot(tmp_path / "saae.mdl")
    assert not torch_files.is_snapshot(tmp_path / "file.safetensors")
    assert not torch_files.is_snapshot(tmp_path)
    (tmp_path / "saae.mdl").touch()
    assert torch_files.is_snapshot(tmp_path)


def test_without_pytorch_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "saae.mdl").touch()
    with pytest.raises(header.WeightsError, match=r"pip install 'scaf_jax\[torch\]'"):
        torch_files.read(tmp_path)
    with pytest.raises(header.WeightsError, match="not installed"):
        torch_files.write(tmp_path / "new", published.Snapshot({}, 64))
    assert not (tmp_path / "new").exists()
