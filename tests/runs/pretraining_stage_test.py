"""Tests of opening stage 1's faces; its training is in `stages_test`."""

import pytest
from PIL import Image

from scaf_jax import default_config
from scaf_jax.data import images
from scaf_jax.runs import pretraining_stage, resolve


@pytest.fixture
def config(tmp_path):
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(("a.jpg", "b.jpg")):
        Image.new("RGB", (32, 32), (100 * number, 0, 0)).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "=1+1.jpg").write_bytes(b"no photo")
    config = default_config.get_config()
    default_config.shrink(config)
    config.data.data_dir = str(tmp_path / "data")
    config.pretraining.update(unlabeled_dir=str(tmp_path / "photos"), training_images=False)
    return config


def _open(config, folder):
    return pretraining_stage.open_faces(resolve.resolve(config), folder)


def test_bad_photos_stop_or_are_listed(config, tmp_path):
    folder = tmp_path / "run" / "pretraining"
    with pytest.raises(images.ImageError, match=r"1 photos or boxes .*=1\+1\.jpg: not a readable"):
        _open(config, folder)
    config.pretraining.on_error = "skip"
    assert _open(config, folder).keys == ["a.jpg", "b.jpg"]
    header, row = (folder / "skipped.csv").read_text().splitlines()
    assert header == "name,reason" and row.startswith("'=1+1.jpg,") and "not a readable" in row
    (tmp_path / "photos" / "=1+1.jpg").unlink()
    _open(config, folder)
    assert not (folder / "skipped.csv").exists()


def test_a_mixture_tells_what_its_folders_left_out(config, tmp_path):
    section = config.pretraining
    section.update(mixture=f"folder:{section.unlabeled_dir}", on_error="skip")
    source = _open(config, tmp_path / "run")
    assert len(source) == 2 and [name for name, _ in source.skipped] == ["=1+1.jpg"]
