"""Tests of landmarks of a user's own photos: those of the evaluation, whatever is in a batch."""

import dataclasses
import pathlib

import numpy as np
import pytest
from PIL import Image

from scaf_jax.data import images
from scaf_jax.inference import bundle, face_aligner, photo_faces, predictor, steps
from scaf_jax.landmarks import heatmaps
from scaf_jax.training import sharding


def _decoded(faces) -> list[np.ndarray]:
    return [
        images.decode_image(face["image"], face["key"])[0]
        for face in map(faces.__getitem__, range(5))
    ]


def _compilations(aligner: face_aligner.FaceAligner) -> int:
    return aligner._locator._step._cache_size()


def _boxes(faces) -> list[np.ndarray]:
    return [faces[i]["box_ground_truth"] for i in range(5)]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("convention", heatmaps.CONVENTIONS)
def test_landmarks_are_those_of_the_evaluation(convention, flip, network, faces, pass_settings):
    own = network(convention)
    expected = predictor.Predictor(own, pass_settings, flip=flip).predict(faces).landmarks
    for decoder in heatmaps.DECODERS:
        aligner = face_aligner.FaceAligner(own, flip=flip, decoder=decoder)
        found = aligner.predict(_decoded(faces), _boxes(faces), batch_size=2)
        assert found.landmarks.dtype == np.float64 and found.landmarks.shape == (5, 2, 2)
        np.testing.assert_allclose(found.landmarks, expected[decoder], atol=1e-3)
        np.testing.assert_array_equal(found.photo, np.arange(5))
        np.testing.assert_array_equal(found.boxes, _boxes(faces))


def test_results_do_not_depend_on_the_batch_and_nothing_is_compiled_again(network, faces):
    aligner = face_aligner.FaceAligner(network())
    photos, boxes = _decoded(faces), _boxes(faces)
    together = aligner.predict(photos, boxes)
    assert _compilations(aligner) == 1
    for i, (photo, box) in enumerate(zip(photos, boxes, strict=True)):
        # A photo of another size with the same face at the same place.
        wider = np.pad(photo, ((0, 7 * i), (0, 3 + i), (0, 0)))
        alone = aligner.predict(wider, box)
        np.testing.assert_allclose(alone.landmarks[0], together.landmarks[i], atol=1e-3)
        np.testing.assert_allclose(alone.nnm[0], together.nnm[i], rtol=1e-5)
    assert _compilations(aligner) == 1
    for batch_size in (1, 3):
        again = aligner.predict(photos, boxes, batch_size=batch_size)
        np.testing.assert_allclose(again.landmarks, together.landmarks, atol=1e-3)
    assert _compilations(aligner) == 3


def test_several_faces_a_photo(network, faces):
    aligner = face_aligner.FaceAligner(network())
    left, right = _decoded(faces)[:2]
    side_by_side, box = np.concatenate([left, right], axis=1), _boxes(faces)[0]
    shift = np.array([128, 0])
    boxes = np.stack([box, box + np.tile(shift, 2)])
    found = aligner.predict([left, side_by_side, right, right], [box, boxes, [], None])
    np.testing.assert_array_equal(found.photo, [0, 1, 1, 3])
    np.testing.assert_array_equal(found.boxes, [box, *boxes, (0, 0, 128, 128)])
    expected = np.stack([faces.points[0], faces.points[0], faces.points[1] + shift])
    np.testing.assert_allclose(found.landmarks[:3], expected, atol=0.3)
    one = aligner.predict(side_by_side, boxes)
    np.testing.assert_allclose(one.landmarks, found.landmarks[1:3], atol=1e-3)
    np.testing.assert_array_equal(one.photo, [0, 0])


def test_other_boxes_of_a_face_give_the_same_landmarks(network, faces):
    aligner = face_aligner.FaceAligner(network())
    photos, boxes = _decoded(faces), _boxes(faces)
    whole = aligner.predict(photos)
    for others in ([(0, 0, 128, 128)] * 5, np.tile([0.0, 0, 128, 128], (5, 1))):
        same = aligner.predict(photos, others)
        np.testing.assert_array_equal(same.landmarks, whole.landmarks)
    near = aligner.predict(photos, [box + np.float32(2.5) for box in boxes])
    np.testing.assert_allclose(near.landmarks, faces.points, atol=0.4)


def test_heatmaps_and_reconstructions_where_asked_for(network, faces):
    aligner = face_aligner.FaceAligner(network())
    plain = aligner.predict(_decoded(faces))
    assert plain.heatmaps is None and plain.reconstructions is None
    more = aligner.predict(_decoded(faces), heatmaps=True, reconstructions=True, batch_size=3)
    assert more.heatmaps.shape == (5, 32, 32, 2) and more.heatmaps.dtype == np.float32
    assert more.reconstructions.shape == (5, 64, 64, 3) and more.reconstructions.dtype == np.uint8
    for nothing in (
        aligner.predict([], heatmaps=True),
        aligner.predict(_decoded(faces)[0], [], heatmaps=True),
    ):
        assert len(nothing) == 0 and nothing.landmarks.shape == (0, 2, 2)
        assert nothing.heatmaps.shape == (0, 32, 32, 2) and nothing.reconstructions is None
        assert nothing.nnm.shape == (0,) and nothing.boxes.shape == (0, 4)


def test_faces_are_scored_as_pools_are(network, faces, pass_settings):
    own = network()
    aligner = face_aligner.FaceAligner(own, flip=True)
    crops = np.stack(_decoded(faces))[:, 12:108, 20:116]
    found = aligner.predict(list(crops), heatmaps=True)
    cut = [photo_faces.of_pixels(crop, None, own.crop, "it").crops[0] for crop in crops]
    mesh = sharding.make_mesh()
    batch = {"image": np.stack(cut), "matrix": np.zeros((5, 2, 3)), "valid": np.ones(5, bool)}
    scored = steps.score(
        own.params,
        own.batch_stats,
        batch,
        graphdef=own.graphdef,
        codec=own.codec,
        decoder="argmax",
        mesh=mesh,
        with_entropy=False,
    )
    np.testing.assert_allclose(found.nnm, scored["nnm"], rtol=1e-4)


def test_it_averages_mirrored_faces_as_its_evaluation_did(network, saved):
    own = network()
    assert face_aligner.FaceAligner(own).flip
    for said in (False, True):
        known = dataclasses.replace(own, provenance={"steps": 0, "flip": said})
        assert face_aligner.FaceAligner(known).flip is said
        assert face_aligner.FaceAligner(known, flip=not said).flip is not said
    loaded = face_aligner.load(saved[0])
    assert loaded.flip is bundle.Bundle.load(saved[0]).provenance["flip"] is False
    assert loaded.scheme.name == "ibug68"
    with pytest.raises(ValueError, match="decoder must be one of"):
        face_aligner.FaceAligner(own, decoder="best")


@pytest.fixture
def files(faces, tmp_path) -> list[pathlib.Path]:
    """The five photos as files, each in its own format or way up."""
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned to the right
    paths = []
    for number, photo in enumerate(_decoded(faces)):
        path = tmp_path / f"{number}.{'bmp' if number % 2 else 'png'}"
        turned = np.rot90(photo) if number == 2 else photo
        kwargs = {"exif": exif} if number == 2 else {}
        Image.fromarray(np.ascontiguousarray(turned)).save(path, **kwargs)
        paths.append(path)
    return paths


@pytest.mark.parametrize("num_threads", [0, 2])
def test_files_come_one_after_the_other_and_bad_ones_are_named(num_threads, network, faces, files):
    aligner = face_aligner.FaceAligner(network())
    expected = aligner.predict(_decoded(faces), _boxes(faces))
    bad = files[0].with_name("bad.png")
    bad.write_bytes(files[0].read_bytes()[:200])
    missing = bad.with_name("missing.png")
    paths = [*files[:2], bad, *files[2:], missing]
    boxes = [*_boxes(faces)[:2], None, *_boxes(faces)[2:], None]
    found = list(aligner.predict_files(paths, boxes, batch_size=2, num_threads=num_threads))
    assert [file.path for file in found] == paths
    good = [file for file in found if file.faces is not None]
    assert [file.path for file in good] == files
    landmarks = np.concatenate([file.faces.landmarks for file in good])
    np.testing.assert_allclose(landmarks, expected.landmarks, atol=1e-3)
    assert {file.size for file in good} == {(128, 128)} and not any(f.error for f in good)
    assert [int(file.faces.photo[0]) for file in good] == [0, 1, 3, 4, 5]
    assert "bad.png: " in found[2].error and "missing.png: cannot be read" in found[-1].error
    assert _compilations(aligner) == 2
    with pytest.raises(images.ImageError, match="bad.png"):
        list(aligner.predict_files(paths, boxes, num_threads=num_threads, on_error="raise"))


def test_boxes_of_files(network, faces, files):
    aligner = face_aligner.FaceAligner(network())
    whole = list(aligner.predict_files(files))
    of_size = list(aligner.predict_files(files, lambda path, size: (0, 0, *size)))
    for first, second in zip(whole, of_size, strict=True):
        np.testing.assert_array_equal(first.faces.landmarks, second.faces.landmarks)
    outside = list(aligner.predict_files(files[:2], [(500, 0, 600, 50), [_boxes(faces)[1]] * 3]))
    assert "0.png: box 0 is (500, 0, 600, 50); it lies outside" in outside[0].error
    assert len(outside[1].faces) == 3


def test_wrong_arguments_are_refused_at_once(network, faces, files):
    aligner = face_aligner.FaceAligner(network())
    for call, message in (
        (lambda: aligner.predict(_decoded(faces), batch_size=0), "batch_size must be"),
        (lambda: aligner.predict_files(files, batch_size=2.5), "batch_size must be"),
        (lambda: aligner.predict_files(files, [None]), "boxes: 1, for 5 files"),
        (lambda: aligner.predict_files(files, on_error="skip"), "on_error must be"),
        (lambda: aligner.predict(_decoded(faces), [(0, 0, 1, 1)]), "boxes: 1, for 5 photos"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="paths must be a list"):
        aligner.predict_files(str(files[0]))
    with pytest.raises(TypeError, match="photo 1: .* not float64"):
        aligner.predict([_decoded(faces)[0], np.zeros((5, 5, 3))])
