"""Tests of opening and hashing the sets of a mixture."""

import json

import numpy as np
import pytest
from PIL import Image

from scaf_jax import default_config
from scaf_jax.data import augmentations, geometry, mixture_parts, mixtures, pipelines
from scaf_jax.runs import pretraining_stage, resolve


@pytest.fixture
def photos(tmp_path):
    """Two folders: `a` with 4 photos, `b` with one of these under another name and one more."""
    for folder, colors in (("a", (10, 20, 30, 40)), ("b", (30, 50))):
        (tmp_path / folder).mkdir()
        for color in colors:
            name = f"{folder}{color}.png"
            Image.new("RGB", (32, 32), (color, 0, 0)).save(tmp_path / folder / name)
    return tmp_path


def _open(photos, text, **options):
    text = text.format(a=photos / "a", b=photos / "b")
    options = {
        name: value.format(a=photos / "a", b=photos / "b") for name, value in options.items()
    }
    return mixture_parts.open_mixture(text, data_dir=str(photos / "data"), **options)


def test_the_same_photo_in_two_folders_is_used_once(photos):
    mixed = _open(photos, "folder:{a},folder:{b}")
    assert sorted(set(mixed.keys)) == ["a10.png", "a20.png", "a30.png", "a40.png", "b50.png"]
    assert [count.duplicates for count in mixed.counts] == [0, 1]


def test_sets_and_names_are_excluded(photos):
    (photos / "names.txt").write_text("# people of the test set\n\na1\na40.png\n")
    mixed = _open(
        photos, "folder:{a}", exclude="folder:{b}", exclude_file=str(photos / "names.txt")
    )
    assert mixed.keys == ["a20.png"]
    (photos / "names.txt").write_text("# nothing\n")
    with pytest.raises(ValueError, match="names.txt: names nothing to exclude"):
        _open(photos, "folder:{a}", exclude_file=str(photos / "names.txt"))


def test_hashes_are_computed_once_and_anew_when_photos_change(photos, monkeypatch):
    hashed = []
    compute = mixture_parts.face_digests
    monkeypatch.setattr(
        mixture_parts, "face_digests", lambda source: hashed.append(1) or compute(source)
    )
    first = _open(photos, "folder:{a}").keys
    assert _open(photos, "folder:{a}").keys == first and len(hashed) == 1
    (file,) = (photos / "data" / ".digests").glob("*.json")
    file.write_text("damaged")
    assert _open(photos, "folder:{a}").keys == first and len(hashed) == 2
    assert len(json.loads(file.read_text())["digests"]) == 4
    Image.new("RGB", (32, 32), (20, 0, 0)).save(photos / "a" / "a10.png", compress_level=6)
    (photos / "a" / "a10.png").write_bytes((photos / "a" / "a20.png").read_bytes())
    assert len(_open(photos, "folder:{a}")) == 3 and len(hashed) == 3


def test_prepared_sets_are_mixed_with_folders(tiny_faces, photos):
    text = f"synthetic_faces/tiny:train=1,folder:{photos / 'a'}=1"
    mixed = mixture_parts.open_mixture(
        text, data_dir=tiny_faces, exclude="synthetic_faces/tiny:test"
    )
    assert [count.drawn for count in mixed.counts] == [64, 64]
    assert [count.excluded for count in mixed.counts] == [0, 0]
    all_out = "synthetic_faces/tiny:train"
    with pytest.raises(ValueError, match="none of the 64 faces .* 64 are excluded"):
        mixture_parts.open_mixture(text, data_dir=tiny_faces, exclude=all_out)


def test_batches_of_a_mixture_depend_on_the_seed_and_can_be_continued(photos):
    def stream():
        return pipelines.train_batches(
            _open(photos, "folder:{a}=1,folder:{b}=3"),
            crop=geometry.CropSettings(input_size=16),
            augmentation=augmentations.STAGE1,
            scheme=None,
            batch_size=4,
            seed=3,
            num_threads=0,
        )

    whole, part = stream(), stream()
    batches = [next(whole) for _ in range(6)]
    for _ in range(2):
        next(part)
    state = part.get_state()
    part.close()
    part = stream()
    part.set_state(state)
    for expected in batches[2:]:
        np.testing.assert_array_equal(next(part)["image"], expected["image"])
    # An epoch of 16 draws: 4 faces of one set, 12 of the other's only face.
    drawn = np.concatenate([batch["index"] for batch in batches[:4]])
    assert sorted(drawn) == list(range(16))


def test_the_config_names_a_mixture(tiny_faces, photos):
    config = default_config.get_config()
    config.data.data_dir = tiny_faces
    before = resolve.resolve(config).pretraining
    assert "stage.mixture" not in before.stage.binding  # runs begun without this setting go on
    config.pretraining.mixture = f"synthetic_faces/tiny:test,folder:{photos / 'b'}"
    run = resolve.resolve(config)
    source = run.faces.pretraining()
    assert isinstance(source, mixtures.MixedSource) and source.counts[0].found == 32
    pretraining_stage.open_faces(run, photos / "run")
    assert "| synthetic_faces/tiny:test | 1 | 32 |" in (photos / "run/mixture.md").read_text()
    assert run.pretraining.stage.binding["stage.mixture"] == config.pretraining.mixture
