"""Tests of looking at every photo of a folder once."""

import json
import os

import pytest
from PIL import Image

from scaf_jax.data import images, photo_scan


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in (("a.jpg", (40, 20)), ("b.png", (30, 60)), ("\udcff.jpg", (16, 16))):
        Image.new("RGB", size).save(folder / name)
    (folder / "cut.jpg").write_bytes((folder / "a.jpg").read_bytes()[:-200])
    return folder


NAMES = ["a.jpg", "b.png", "\udcff.jpg", "cut.jpg", "gone.jpg"]


def _count(monkeypatch):
    looked, read = [], images.read_encoded

    def counted(path):
        looked.append(path.name)
        return read(path)

    monkeypatch.setattr(images, "read_encoded", counted)
    return looked


def test_sizes_and_reasons(photos):
    seen = photo_scan.scan(photos, NAMES)
    assert list(seen) == NAMES
    assert [seen[name] for name in NAMES[:3]] == [(40, 20), (30, 60), (16, 16)]
    assert "cut.jpg: " in seen["cut.jpg"] and "gone.jpg: cannot be read" in seen["gone.jpg"]


def test_photos_are_decoded_again_only_where_they_changed(photos, tmp_path, monkeypatch):
    looked = _count(monkeypatch)
    first = photo_scan.scan(photos, NAMES[:3], tmp_path / "cache")
    assert len(looked) == 3
    assert photo_scan.scan(photos, NAMES[:3], tmp_path / "cache") == first and len(looked) == 3
    Image.new("RGB", (50, 50)).save(photos / "b.png")
    os.utime(photos / "b.png", ns=(1, 1))
    assert photo_scan.scan(photos, NAMES[:3], tmp_path / "cache")["b.png"] == (50, 50)
    assert looked[3:] == ["b.png"]


def test_what_was_bad_is_looked_at_again(photos, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    assert isinstance(photo_scan.scan(photos, ["cut.jpg"], cache)["cut.jpg"], str)
    looked = _count(monkeypatch)
    photo_scan.scan(photos, ["cut.jpg"], cache)
    assert looked == ["cut.jpg"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", json.dumps({"photos": {"a.jpg": [1, 2, 3]}}), '{"photos": [1]}']
)
def test_an_odd_cache_is_looked_past(photos, tmp_path, text):
    photo_scan.scan(photos, NAMES[:1], tmp_path)
    (path,) = tmp_path.glob("*.json")
    path.write_text(text)
    assert photo_scan.scan(photos, NAMES[:1], tmp_path) == {"a.jpg": (40, 20)}


def test_a_cache_that_cannot_be_written_stops_nothing(photos, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert photo_scan.scan(photos, NAMES[:1], tmp_path / "cache") == {"a.jpg": (40, 20)}
