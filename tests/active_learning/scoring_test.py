"""The scoring pass: right numbers, the same on any number of devices, and no work done twice."""

import json
import os
import pathlib
import signal
from typing import Any

import jax
import numpy as np
import pytest

from scaf_jax import default_config
from scaf_jax.active_learning import scoring
from scaf_jax.choosing import acquisition
from scaf_jax.data import face_view, sources
from scaf_jax.inference import one_pass, predictor
from scaf_jax.runs import alignment_stage, resolve
from scaf_jax.training import loop

NUM_FACES = 21  # with batches of 8 the last one is ragged


def _config(data_dir: str):
    config = default_config.get_config()
    default_config.shrink(config)
    config.data.name = "synthetic_faces/tiny"
    config.data.data_dir = data_dir
    config.evaluation.splits = ("test",)
    return config


def _network(config, seed: int = 0):
    config.seed = seed
    run = resolve.resolve(config)
    return alignment_stage.bundle_of(run, run.landmark_stage().stage.init())


def _scorer(config, seed: int = 0, with_entropy: bool = True) -> scoring.PoolScorer:
    network, machine = _network(config, seed), resolve.resolve(config).pass_settings
    return scoring.PoolScorer(network, machine, with_entropy=with_entropy)


def _predictor(config) -> predictor.Predictor:
    return predictor.Predictor(_network(config), resolve.resolve(config).pass_settings)


class CountingSource:
    """The first faces of a source; notes which are read, and may do something at one of them."""

    def __init__(self, source: sources.Source, at: int = -1, action: Any = None) -> None:
        self._source, self._at, self._action = source, at, action
        self.read: list[int] = []

    def __len__(self) -> int:
        return NUM_FACES

    def __getitem__(self, index: int) -> sources.Record:
        self.read.append(index)
        if index == self._at:
            self._action()
        return self._source[index]

    @property
    def keys(self) -> list[str]:
        return self._source.keys[:NUM_FACES]


@pytest.fixture(scope="module")
def faces(tiny_faces):
    return resolve.resolve(_config(tiny_faces)).faces.split("test")


@pytest.fixture(scope="module")
def scorer(tiny_faces):
    return _scorer(_config(tiny_faces))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(one_pass, "BATCHES_PER_CHUNK", 1)


def _assert_same(first: scoring.PoolScores, second: scoring.PoolScores) -> None:
    assert first.keys == second.keys
    for name in ("landmarks", "nnm", "entropy", "embeddings"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_scores_are_those_of_the_networks_heatmaps(tiny_faces, faces, scorer, tmp_path):
    config = _config(tiny_faces)
    scores = scorer.score(CountingSource(faces), tmp_path)
    assert scores.keys == faces.keys[:NUM_FACES]
    assert scores.embeddings.shape == (NUM_FACES, 99)
    looking = _predictor(config)
    subset = sources.SubsetSource(faces, range(NUM_FACES))
    predicted = looking.predict(subset).landmarks["argmax"]
    np.testing.assert_allclose(scores.landmarks, predicted, atol=1e-3)
    crop = resolve.resolve(config).crop
    images = []
    for record in map(subset.__getitem__, range(NUM_FACES)):
        images.append(face_view.face_view(record, crop).cut())
    maps, _ = looking.inspect(np.stack(images))
    _, nnm = acquisition.landmarks_and_nnm(maps, config.alignment.blur_size)
    np.testing.assert_allclose(scores.nnm, nnm, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(scores.entropy, acquisition.entropy(maps), rtol=1e-4)


def test_the_sub_pixel_decoders_landmarks_come_out_of_the_same_pass(tiny_faces, faces, tmp_path):
    config = _config(tiny_faces)
    config.evaluation.decoder = "subpixel"
    own = _scorer(config, with_entropy=False)
    scores = own.score(CountingSource(faces), tmp_path)
    subset = sources.SubsetSource(faces, range(NUM_FACES))
    predicted = _predictor(config).predict(subset).landmarks
    np.testing.assert_allclose(scores.landmarks, predicted["subpixel"], atol=1e-3)
    assert np.abs(scores.landmarks - predicted["argmax"]).max() > 0.1

    def program(scorer):
        batch = {"image": np.zeros((8, 64, 64, 3), np.uint8), "matrix": np.zeros((8, 2, 3))}
        batch["valid"] = np.ones(8, bool)
        return str(jax.make_jaxpr(scorer._pass.step)(*scorer._pass.weights, batch))

    config.evaluation.decoder = "argmax"
    whole, mine = program(_scorer(config, with_entropy=False)), program(own)
    for part in ("argmax[", "pad["):  # of the search, and of the blur
        assert 0 < mine.count(part) == whole.count(part)


def test_scored_again_nothing_is_computed(faces, scorer, tmp_path):
    first = scorer.score(CountingSource(faces), tmp_path)
    source = CountingSource(faces)
    _assert_same(scorer.score(source, tmp_path), first)
    assert source.read == []


def test_interrupted_it_continues_to_the_same_scores(faces, scorer, tmp_path):
    whole = scorer.score(CountingSource(faces), tmp_path / "whole")
    source = CountingSource(faces, at=0, action=lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(loop.Interrupted, match="stopped by SIGTERM after scoring 8 faces"):
        scorer.score(source, tmp_path / "parts")
    rest = CountingSource(faces)
    _assert_same(scorer.score(rest, tmp_path / "parts"), whole)
    assert sorted(rest.read) == list(range(8, NUM_FACES))


def test_killed_it_continues_to_the_same_scores(faces, scorer, tmp_path):
    whole = scorer.score(CountingSource(faces), tmp_path / "whole")

    def fail() -> None:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        scorer.score(CountingSource(faces, at=NUM_FACES - 1, action=fail), tmp_path / "parts")
    _assert_same(scorer.score(CountingSource(faces), tmp_path / "parts"), whole)


def test_damaged_and_foreign_files_are_computed_again(faces, scorer, tmp_path):
    whole = scorer.score(CountingSource(faces), tmp_path)
    chunks = sorted(tmp_path.glob("*.npz"))
    assert [path.name[:14] for path in chunks] == [f"faces_{i:08d}" for i in (0, 8, 16)]
    chunks[1].write_bytes(chunks[1].read_bytes()[:100])
    np.savez(chunks[2], nnm=np.array([None], object))  # pickled
    source = CountingSource(faces)
    _assert_same(scorer.score(source, tmp_path), whole)
    assert sorted(source.read) == list(range(8, NUM_FACES))


def test_other_weights_or_faces_are_scored_anew(tiny_faces, faces, scorer, tmp_path):
    first = scorer.score(CountingSource(faces), tmp_path)
    other = _scorer(_config(tiny_faces), seed=1)
    scores = other.score(CountingSource(faces), tmp_path)
    assert np.abs(scores.embeddings - first.embeddings).max() > 1e-3
    fewer = scorer.score(sources.SubsetSource(faces, range(3, 8)), tmp_path)
    assert fewer.keys == faces.keys[3:8]
    np.testing.assert_allclose(fewer.nnm, first.nnm[3:8], rtol=1e-5)
    text = (tmp_path / "header.json").read_text()
    (tmp_path / "header.json").write_text(text[:20])
    np.testing.assert_array_equal(
        scorer.score(sources.SubsetSource(faces, range(3, 8)), tmp_path).nnm, fewer.nnm
    )


def test_a_pool_without_faces_is_refused(faces, scorer, tmp_path):
    with pytest.raises(ValueError, match="no faces to score"):
        scorer.score(sources.SubsetSource(faces, []), tmp_path)


_ON_DEVICES = """
import importlib.util, json, pathlib, sys
import jax
from scaf_jax.choosing import strategies

spec = importlib.util.spec_from_file_location("shared_code", sys.argv[1])
code = importlib.util.module_from_spec(spec)
spec.loader.exec_module(code)
config = code._config(sys.argv[2])
config.mesh.fsdp = 2 if jax.device_count() > 1 else 1
source = code.CountingSource(code.resolve.resolve(config).faces.split("test"))
scorer = code._scorer(config)
scores = scorer.score(source, pathlib.Path(sys.argv[3]))
chosen = {
    name: strategies.select(
        strategies.strategy(name), scores.keys, 5,
        scores=scores.uncertainty(strategies.strategy(name).uncertainty),
        embeddings=scores.embeddings,
    ).tolist()
    for name in strategies.PAPER
}
print(json.dumps({
    "devices": jax.device_count(), "nnm": scores.nnm.tolist(), "entropy": scores.entropy.tolist(),
    "landmarks": scores.landmarks.tolist(), "embeddings": scores.embeddings.tolist(),
    "chosen": chosen, "weights": scorer._identity()["weights"],
}))
"""


@pytest.mark.slow
def test_scores_and_choice_are_the_same_on_any_number_of_devices(
    tiny_faces, run_on_devices, tmp_path
):
    one, four = (
        json.loads(
            run_on_devices(
                count, _ON_DEVICES, pathlib.Path(__file__), tiny_faces, tmp_path / str(count)
            ).splitlines()[-1]
        )
        for count in (1, 4)
    )
    assert (one.pop("devices"), four.pop("devices")) == (1, 4)
    assert one["chosen"] == four["chosen"]
    assert one["weights"] == four["weights"]
    for name in ("nnm", "entropy", "landmarks", "embeddings"):
        np.testing.assert_allclose(one[name], four[name], rtol=1e-5, atol=1e-5, err_msg=name)


def test_heatmaps_stay_on_their_devices(scorer):
    """No result is as large as the maps, which were 32 x 32 for 68 landmarks."""
    images = np.zeros((8, 64, 64, 3), np.uint8)
    batch = {"image": images, "matrix": np.zeros((8, 2, 3)), "valid": np.ones(8, bool)}
    outputs = jax.eval_shape(scorer._pass.step, *scorer._pass.weights, batch)
    assert max(np.prod(x.shape) for x in jax.tree.leaves(outputs)) == 8 * 68 * 2
