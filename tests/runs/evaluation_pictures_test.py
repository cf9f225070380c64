"""Tests of where an evaluation's pictures draw landmarks and heatmaps; how is figures' own."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from data_builders.synthetic_faces import renderer
from scaf_jax import default_config
from scaf_jax.data import precropping, samples
from scaf_jax.landmarks import heatmaps
from scaf_jax.reporting import figures, results
from scaf_jax.runs import evaluation_pictures, faces, resolve

SIZE, HEATMAP_SIZE = 64, 32


class _Face:
    """One face at (200, 120) of a photo of 640 x 480, which may be stored as a part of it."""

    keys = ["face"]

    def __init__(self, *, cropped: bool):
        face = renderer.render_face(3, 1, size=256)
        photo = Image.new("RGB", (640, 480))
        photo.paste(Image.fromarray(face.image), (200, 120))
        file = io.BytesIO()
        photo.save(file, "PNG")
        record = {
            "image": file.getvalue(),
            "landmarks": (face.landmarks68 + [200, 120]).astype(np.float32),
            "landmark_mask": np.ones(68, bool),
            "key": "face",
        }
        for name in ("box_ground_truth", "box_detector"):
            record[name] = (getattr(face, name) + np.tile([200, 120], 2)).astype(np.float32)
        self.photo_landmarks = record["landmarks"]
        cropping = precropping.Cropping(SIZE, ("300w",))
        self._record = precropping.precrop(record, cropping) if cropped else record

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self._record


class _Looking:
    """Stands in for a predictor: always the same heatmaps, and faces rebuilt as they are."""

    def __init__(self, run, maps, rebuilds):
        codec = run.landmark_stage().codec
        self.network = SimpleNamespace(crop=run.crop, codec=codec, scheme=run.scheme)
        self._maps, self.rebuilds = maps, rebuilds

    def inspect(self, images):
        return self._maps, images


@pytest.fixture
def drawn(monkeypatch):
    """Draws a perfect prediction; gives (arguments of each figure by name, the sample drawn)."""

    def draw(source, convention="centers", rebuilds=True):
        config = default_config.get_config()
        default_config.shrink(config)
        config.data.pixel_convention = convention
        config.evaluation.splits = ("test",)
        monkeypatch.setattr(faces.Faces, "labeled", lambda *_: source)
        run = resolve.resolve(config)
        seen = {}
        for name in ("face_grid", "heatmap_row", "worst_faces"):
            monkeypatch.setattr(
                figures, name, lambda *arguments, _name=name, **_: seen.update({_name: arguments})
            )
        truth = source.photo_landmarks[None].astype(np.float64)
        split = results.SplitResults(
            "test", source.keys, [""], truth, truth, np.ones((1, 68), bool)
        )
        maps = np.zeros((1, HEATMAP_SIZE, HEATMAP_SIZE, 68))
        evaluation_pictures.draw(run, _Looking(run, maps, rebuilds), [split])
        return seen, samples.EvaluationCrop(run.crop, 68)((0, source[0]))

    return draw


@pytest.mark.parametrize("cropped", [False, True])
def test_a_perfect_prediction_is_drawn_on_the_face(drawn, cropped):
    seen, sample = drawn(_Face(cropped=cropped))
    for name, first in (("face_grid", 2), ("heatmap_row", 1), ("worst_faces", 1)):
        images, predicted, truth = seen[name][0], *seen[name][first : first + 2]
        np.testing.assert_array_equal(images[0], sample["image"])
        np.testing.assert_allclose(predicted[0], sample["landmarks"], atol=0.01)
        np.testing.assert_allclose(truth[0], sample["landmarks"], atol=0.01)


@pytest.mark.parametrize("rebuilds", [False, True])
def test_faces_are_shown_rebuilt_where_a_stage_1_does_it(drawn, rebuilds):
    images, reconstructions, *_ = drawn(_Face(cropped=False), rebuilds=rebuilds)[0]["face_grid"]
    assert reconstructions is images if rebuilds else reconstructions is None


@pytest.mark.parametrize("convention", ["centers", "corners"])
def test_true_heatmaps_are_those_that_the_network_learns(drawn, convention):
    seen, sample = drawn(_Face(cropped=False), convention)
    _, _, points, _, true_heatmaps = seen["heatmap_row"]
    codec = heatmaps.HeatmapCodec(SIZE, HEATMAP_SIZE, blur_size=3, pixel_convention=convention)
    expected = codec.encode(sample["landmarks"][None])
    np.testing.assert_allclose(true_heatmaps, expected, atol=1e-3)
    # On the face itself they are drawn where it shows them, whatever the convention.
    centers = drawn(_Face(cropped=False))[1]["landmarks"]
    np.testing.assert_allclose(points[0], centers, atol=0.01)
