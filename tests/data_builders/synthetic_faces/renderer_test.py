"""Tests of the procedural faces: landmarks lie where the parts of the face are drawn."""

import dataclasses
import pathlib
import subprocess
import sys
from typing import Any

import cv2
import numpy as np
import pytest

from data_builders.synthetic_faces import renderer
from data_builders.synthetic_faces.renderer import parameters as p
from data_builders.synthetic_faces.renderer import rasterizer
from data_builders.synthetic_faces.renderer.layout import frontal_layout, lip_polygons
from data_builders.synthetic_faces.renderer.surface import head_surface
from scaf_jax.landmarks.schemes import IBUG68, WFLW98

_SIZE = 160
_POSES = [p.Pose(), p.Pose(yaw=35, pitch=-8), p.Pose(yaw=-30, roll=20), p.Pose(pitch=15)]
# The points of the 98 that are also among the 68, in the order of the 68.
_SHARED_68 = [*range(17), *range(17, 27), *range(27, 36), 36, 39, 42, 45, *range(48, 68)]
_SHARED_98 = [
    *range(0, 33, 2),
    *range(33, 38),
    *range(42, 47),
    *range(51, 60),
    *(60, 64, 68, 72),
    *range(76, 96),
]


def _face(**parts: Any) -> p.FaceParameters:
    """A plain face in even light, in a sharp picture: what is not given is average."""
    plain: dict[str, Any] = {
        "camera": p.Camera(blur=0.0, noise=0.0, face_size=0.6),
        "light": p.Light(ambient=0.9, key=0.1, gloss=0.0),
        "appearance": p.Appearance(hair_style="bald"),
    }
    return p.FaceParameters(**{**plain, **parts})


def _render(face: p.FaceParameters, seed: int = 3) -> renderer.SyntheticFace:
    return renderer.render_parameters(face, np.random.default_rng(seed), size=_SIZE)


def _excess(image: np.ndarray, channel: int) -> np.ndarray:
    """How much one color exceeds the other two, at each pixel."""
    values = image.astype(int)
    others = np.delete(values, channel, axis=2).max(axis=2)
    return values[..., channel] - others


def _centroid(weights: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


def _window(image: np.ndarray, points: np.ndarray, margin: float) -> np.ndarray:
    """A mask of the image around some points."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])


def test_the_same_seed_and_index_give_the_same_face() -> None:
    first = renderer.render_face(5, 17)
    renderer.render_face(5, 18)  # rendering something else in between changes nothing
    again = renderer.render_face(5, 17)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.landmarks98, again.landmarks98)
    np.testing.assert_array_equal(first.box_detector, again.box_detector)
    for seed, index in ((5, 18), (6, 17)):
        other = renderer.render_face(seed, index)
        assert np.abs(other.landmarks68 - first.landmarks68).max() > 1
        assert (other.image != first.image).mean() > 0.5


def test_shapes_and_types() -> None:
    face = renderer.render_face(0, 0, size=96)
    assert (face.image.shape, face.image.dtype) == ((96, 96, 3), np.uint8)
    assert (face.landmarks68.shape, face.landmarks68.dtype) == ((68, 2), np.float32)
    assert (face.landmarks98.shape, face.landmarks98.dtype) == ((98, 2), np.float32)
    assert (face.box_ground_truth.shape, face.box_detector.shape) == ((4,), (4,))


def test_landmarks_scale_with_the_image() -> None:
    small, large = (renderer.render_face(2, 3, size=size) for size in (80, 160))
    np.testing.assert_allclose(2 * (small.landmarks68 + 0.5), large.landmarks68 + 0.5, atol=1e-3)


@pytest.mark.parametrize(("seed", "index", "size"), [(-1, 0, 160), (0, -1, 160), (0, 0, 8)])
def test_arguments_out_of_range_are_named(seed: int, index: int, size: int) -> None:
    with pytest.raises(ValueError, match="negative|pixels"):
        renderer.render_face(seed, index, size=size)


def test_many_faces_are_inside_their_boxes_and_pictures() -> None:
    faces = [renderer.render_face(11, i, size=64) for i in range(40)]
    for face in faces:
        low, high = face.landmarks68.min(axis=0) + 0.5, face.landmarks68.max(axis=0) + 0.5
        np.testing.assert_allclose(face.box_ground_truth, [*low, *high], atol=1e-4)
        x0, y0, x1, y1 = face.box_detector
        assert x1 - x0 == pytest.approx(y1 - y0, rel=1e-4)
        center = [(x0 + x1) / 2, (y0 + y1) / 2]
        assert (low < center).all() and (center < high).all()
        # The box with the usual margins (0.2 and 0.12 of its height) stays inside.
        height = high[1] - low[1]
        assert low[1] - 0.2 * height > -0.1 * 64 and high[1] + 0.12 * height < 1.1 * 64
        assert (face.landmarks98 > -0.5).all() and (face.landmarks98 < 63.5).all()
    yaws = [face.parameters.pose.yaw for face in faces]
    assert min(yaws) < -25 and max(yaws) > 25 and max(map(abs, yaws)) <= 60
    assert 0 < sum(face.occluded for face in faces) < len(faces) / 2
    assert len({face.parameters.appearance.hair_style for face in faces}) > 4


@pytest.mark.parametrize("index", range(4))
def test_a_mirrored_face_has_mirrored_landmarks(index: int) -> None:
    face = renderer.sample_parameters(np.random.default_rng(index))
    assert renderer.mirror_parameters(renderer.mirror_parameters(face)) == face
    original, mirrored = _render(face), _render(renderer.mirror_parameters(face))
    for name, scheme in (("landmarks68", IBUG68), ("landmarks98", WFLW98)):
        expected = getattr(original, name)[list(scheme.flip_permutation)]
        expected = [_SIZE - 1, 0] + expected * [-1, 1]
        np.testing.assert_allclose(getattr(mirrored, name), expected, atol=1e-3)


def test_a_frontal_face_reads_like_a_face() -> None:
    x, y = _render(_face()).landmarks68.T
    assert x[0] < x[36] < x[39] < x[27] < x[42] < x[45] < x[16]
    assert y[19] < y[37] < y[41] < y[30] < y[33] < y[51] < y[57] < y[8]
    assert (np.diff(x[:17]) > 0).all() and (np.diff(y[:9]) > 0).all()
    assert x[48] < x[51] < x[54] and x[31] < x[33] < x[35]


def test_the_schemes_agree_where_they_mark_the_same_point() -> None:
    for index in range(3):
        face = renderer.render_face(4, index)
        np.testing.assert_array_equal(face.landmarks68[_SHARED_68], face.landmarks98[_SHARED_98])


def test_turning_moves_the_nose_to_its_side() -> None:
    for yaw in (-50, -20, 20, 50):
        points = _render(_face(pose=p.Pose(yaw=yaw))).landmarks68
        offset = points[30, 0] - points[[0, 16], 0].mean()
        assert np.sign(offset) == np.sign(yaw) and abs(offset) > 5
    tilted = _render(_face(pose=p.Pose(roll=20))).landmarks68
    across = tilted[45] - tilted[36]
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize("pose", _POSES)
def test_pupils_lie_on_the_drawn_irises(pose: p.Pose) -> None:
    look = p.Appearance(hair_style="bald", iris=(0.0, 250.0, 0.0))
    wide = p.Expression(left_eye_open=1.4, right_eye_open=1.4)
    # Eyes so large that the lids hide nothing of the iris.
    large = p.Identity(eye_height=1.6)
    face = _render(_face(pose=pose, appearance=look, expression=wide, identity=large))
    green = np.maximum(_excess(face.image, 1), 0)
    for eye, pupil in ((range(60, 68), 96), (range(68, 76), 97)):
        near = green * _window(green, face.landmarks98[list(eye)], 2)
        assert near.max() > 60
        np.testing.assert_allclose(_centroid(near), face.landmarks98[pupil], atol=0.8)


@pytest.mark.parametrize("pose", _POSES)
def test_eye_corners_bound_the_drawn_eyes(pose: p.Pose) -> None:
    open_eyes = p.Expression(left_eye_open=1.3, right_eye_open=1.3)
    shut_eyes = dataclasses.replace(open_eyes, left_eye_open=0.0, right_eye_open=0.0)
    look = p.Appearance(hair_style="bald", skin=(150.0, 60.0, 40.0))
    face, shut = (
        _render(_face(pose=pose, appearance=look, expression=e)) for e in (open_eyes, shut_eyes)
    )
    blue = face.image[..., 2].astype(int) - shut.image[..., 2]  # the white of the eye has blue
    for eye in (list(range(36, 42)), list(range(42, 48))):
        points = face.landmarks68[eye]
        y, x = np.nonzero((blue > 40) & _window(blue, points, 6))
        white = np.stack([x, y], axis=1)
        for corner in (points[0], points[3]):
            assert np.linalg.norm(white - corner, axis=1).min() < 3.2
        outline = points.astype(np.float32).reshape(-1, 1, 2)
        inside = [cv2.pointPolygonTest(outline, (float(a), float(b)), True) for a, b in white]
        assert min(inside) > -2.0


@pytest.mark.parametrize("opening", [0.0, 0.6])
@pytest.mark.parametrize("pose", _POSES)
def test_lips_are_drawn_between_their_landmarks(pose: p.Pose, opening: float) -> None:
    look = p.Appearance(hair_style="bald", lips=(10.0, 10.0, 240.0), makeup=1.0)
    talk = p.Expression(mouth_open=opening)
    face = _render(_face(pose=pose, appearance=look, expression=talk))
    outer = face.landmarks68[48:60]
    blue = (_excess(face.image, 2) > 90) & _window(face.image, outer, 8)
    drawn = np.zeros_like(blue, dtype=np.uint8)
    cv2.fillPoly(drawn, [np.round(outer).astype(np.int32)], 1)
    if opening:
        cv2.fillPoly(drawn, [np.round(face.landmarks68[60:68]).astype(np.int32)], 0)
    both = (blue & (drawn > 0)).sum()
    assert both / (blue | (drawn > 0)).sum() > 0.6
    np.testing.assert_allclose(_centroid(blue), _centroid(drawn), atol=1.5)


def test_the_jaw_line_bounds_the_drawn_face() -> None:
    look = p.Appearance(hair_style="bald", skin=(30.0, 230.0, 30.0), clothes=(9.0, 9.0, 9.0))
    face = _render(_face(appearance=look, identity=p.Identity(ear_size=0.01)))
    green = _excess(face.image, 1) > 60
    middle = face.landmarks68[27:31].mean(axis=0)
    for point in face.landmarks68[[2, 3, 4, 12, 13, 14]]:
        outward = (point - middle) / np.linalg.norm(point - middle)
        x, y = np.round(point - 3 * outward).astype(int)
        assert green[y, x]
        x, y = np.round(point + 3 * outward).astype(int)
        assert not green[y, x]


def test_closing_the_eyes_brings_the_lids_together() -> None:
    def gaps(openness: float) -> np.ndarray:
        eyes = p.Expression(left_eye_open=openness, right_eye_open=openness)
        points = _render(_face(expression=eyes)).landmarks68
        return np.array([points[b, 1] - points[a, 1] for a, b in ((37, 41), (44, 46))])

    assert (gaps(0.0) < 0.1).all()
    assert (gaps(0.5) > gaps(0.0) + 0.8).all()
    assert (gaps(1.2) > gaps(0.5) + 0.8).all()


def test_one_eye_may_close_alone() -> None:
    points = _render(_face(expression=p.Expression(left_eye_open=0.0))).landmarks68
    assert points[41, 1] - points[37, 1] < 0.1 < 1.0 < points[46, 1] - points[44, 1]


def test_opening_the_mouth_parts_the_lips_and_drops_the_chin() -> None:
    shut, ajar = (
        _render(_face(expression=p.Expression(mouth_open=o))).landmarks68 for o in (0.0, 0.8)
    )
    eyes = np.linalg.norm(shut[45] - shut[36]), np.linalg.norm(ajar[45] - ajar[36])
    assert (shut[66, 1] - shut[62, 1]) / eyes[0] < 0.06
    assert (ajar[66, 1] - ajar[62, 1]) / eyes[1] > 0.15
    assert (ajar[8, 1] - ajar[27, 1]) / eyes[1] > (shut[8, 1] - shut[27, 1]) / eyes[0] + 0.1


def test_smiling_raises_and_widens_the_mouth() -> None:
    plain, smile = (
        _render(_face(expression=p.Expression(smile=s))).landmarks68 for s in (0.0, 1.0)
    )
    assert smile[54, 0] - smile[48, 0] > plain[54, 0] - plain[48, 0] + 2
    assert smile[54, 1] - smile[57, 1] < plain[54, 1] - plain[57, 1] - 1


def test_painted_shapes_and_landmarks_share_their_curves() -> None:
    layout = frontal_layout(p.Identity(), p.Expression(mouth_open=0.5))
    upper, lower, opening = lip_polygons(layout)
    painted = np.concatenate([upper, lower, opening])
    for point in np.concatenate([layout.lips_outer, layout.lips_inner]):
        assert np.linalg.norm(painted - point, axis=1).min() < 1e-9


def test_frontal_points_keep_their_place_on_the_surface() -> None:
    identity = p.Identity()
    surface = head_surface(identity, frontal_layout(identity, p.Expression()))
    points = np.array([[0.0, 0.5], [0.7, 0.0], [-0.5, 1.5], [1.0, -0.4]])
    np.testing.assert_allclose(surface.frontal_positions(points)[:, :2], points, atol=2e-3)


def test_the_nearest_triangle_hides_the_others() -> None:
    square = np.array([[0, 0], [9, 0], [0, 9], [9, 9]], dtype=float)
    near = np.column_stack([square, np.full(4, 2.0)])
    far = np.column_stack([square, np.linspace(0, 1, 4)])
    triangles = rasterizer.grid_triangles(2, 2, closed=False)
    both = np.concatenate([triangles, triangles + 4])
    color = np.array([[1.0]] * 4 + [[5.0]] * 4)
    for vertices, expected in (
        (np.concatenate([near, far]), 1.0),
        (np.concatenate([far, near]), 5),
    ):
        values, depth, drawn = rasterizer.rasterize(vertices, color, both, 12)
        assert drawn[:10, :10].all() and not drawn[10:].any() and not drawn[:, 10:].any()
        np.testing.assert_allclose(values[:10, :10, 0], expected)
        np.testing.assert_allclose(depth[:10, :10], 2.0)


def test_attributes_are_interpolated_linearly() -> None:
    vertices = np.array([[0.5, 0.5, 0], [30.5, 1.5, 1], [3.5, 28.5, 2]])
    values, _, drawn = rasterizer.rasterize(vertices, vertices[:, :2], np.array([[0, 1, 2]]), 32)
    y, x = np.nonzero(drawn)
    assert len(y) == pytest.approx(30 * 28 / 2, rel=0.05)
    np.testing.assert_allclose(values[y, x], np.stack([x, y], axis=1), atol=1e-4)


def test_data_workers_can_render_without_jax(repository: pathlib.Path) -> None:
    code = "import sys, data_builders.synthetic_faces.renderer; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=repository, check=False).returncode == 0
