"""Renders a synthetic face with exact landmarks from a seed and an index."""

import dataclasses

import cv2
import numpy as np

from data_builders.synthetic_faces.renderer import accessories, camera, photograph
from data_builders.synthetic_faces.renderer.canvas import spread, tint
from data_builders.synthetic_faces.renderer.layout import (
    frontal_layout,
    inner_landmarks_68,
    inner_landmarks_98,
)
from data_builders.synthetic_faces.renderer.meshes import Mesh, build_scene
from data_builders.synthetic_faces.renderer.parameters import FaceParameters
from data_builders.synthetic_faces.renderer.rasterizer import facing, rasterize
from data_builders.synthetic_faces.renderer.sampling import sample_parameters
from data_builders.synthetic_faces.renderer.surface import HeadSurface, head_surface

_OVERSAMPLING = 1.5


@dataclasses.dataclass(frozen=True)
class SyntheticFace:
    """A rendered face.

    Attributes:
      image: (size, size, 3) uint8 RGB.
      landmarks68: (68, 2) float32, iBUG scheme; 0 is the center of the first pixel.
      landmarks98: (98, 2) float32, WFLW scheme.
      box_ground_truth: (4,) float32 x0, y0, x1, y1: the tight box of the 68 landmarks, in pixel
        edges (0 is the image's border).
      box_detector: (4,) float32: a square, displaced and scaled as a detector's boxes are.
      parameters: What was drawn.
      occluded: Whether something in front of the face hides landmarks.
    """

    image: np.ndarray
    landmarks68: np.ndarray
    landmarks98: np.ndarray
    box_ground_truth: np.ndarray
    box_detector: np.ndarray
    parameters: FaceParameters
    occluded: bool


def render_face(seed: int, index: int, *, size: int = 160) -> SyntheticFace:
    """Renders face `index` of the endless data set that `seed` names.

    The result depends on the arguments alone: neither on what was rendered before nor on the
    number of processes.

    Args:
      seed: Names the data set; not negative.
      index: Place of the face in it; not negative.
      size: Side of the image in pixels, 32 to 1024.

    Raises:
      ValueError: An argument is outside its range.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must not be negative, got {seed} and {index}")
    rng = np.random.default_rng([seed, index])
    return render_parameters(sample_parameters(rng), rng, size=size)


def render_parameters(
    face: FaceParameters, rng: np.random.Generator, *, size: int = 160
) -> SyntheticFace:
    """Renders a face from its parameters; `rng` draws texture, background and detector box."""
    if not 32 <= size <= 1024:
        raise ValueError(f"size must be 32 to 1024 pixels, got {size}")
    layout = frontal_layout(face.identity, face.expression)
    surface = head_surface(face.identity, layout)
    solid68, solid98 = landmarks_3d(surface)
    view = camera.view_face(face, solid68, size)
    landmarks68 = view.project(solid68)[:, :2]
    landmarks98 = view.project(solid98)[:, :2]
    color, alpha, depth = _draw(surface, face, view, rng, size)
    image = photograph.paint_background(size, rng)
    image += spread(alpha) * (color - image)
    image = accessories.draw_glasses(image, depth, surface, view, face)
    image, occluded = accessories.draw_occluder(image, landmarks68, face, rng)
    # Boxes are in pixel edges: the center of the first pixel is at 0.5.
    low, high = landmarks68.min(axis=0) + 0.5, landmarks68.max(axis=0) + 0.5
    return SyntheticFace(
        image=photograph.expose(image, face.camera, rng),
        landmarks68=landmarks68.astype(np.float32),
        landmarks98=landmarks98.astype(np.float32),
        box_ground_truth=np.concatenate([low, high]).astype(np.float32),
        box_detector=_detector_box(low, high, rng),
        parameters=face,
        occluded=occluded or face.appearance.glasses == "sun",
    )


def landmarks_3d(surface: HeadSurface) -> tuple[np.ndarray, np.ndarray]:
    """The 68 and the 98 landmarks on a head before it is turned: (68, 3) and (98, 3)."""
    outline = surface.outline(33)
    inner68 = surface.frontal_positions(inner_landmarks_68(surface.layout))
    inner98 = surface.frontal_positions(inner_landmarks_98(surface.layout))
    return np.concatenate([outline[::2], inner68]), np.concatenate([outline, inner98])


def _draw(
    surface: HeadSurface,
    face: FaceParameters,
    view: camera.View,
    rng: np.random.Generator,
    size: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Color (size, size, 3), coverage 0..1 and depth (size, size) of everything but the rest."""
    light = view.head.T @ np.array(face.light.direction)
    meshes, texture = build_scene(surface, face, light, rng)
    vertices, attributes, triangles = _assemble(meshes, face, view)
    large = round(size * _OVERSAMPLING)
    vertices[:, :2] = (vertices[:, :2] + 0.5) * (large / size) - 0.5
    values, depth, drawn = rasterize(vertices, attributes, triangles, large)
    texture_x, texture_y, brightness, gloss = cv2.split(values)
    color = cv2.remap(texture, texture_x, texture_y, cv2.INTER_LINEAR)
    color *= tint(brightness, face.light.color)
    color += spread(255 * gloss)
    coverage = drawn.astype(np.float32)
    color *= spread(coverage)
    color = cv2.resize(color, (size, size), interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(coverage, (size, size), interpolation=cv2.INTER_AREA)
    color *= spread(1 / np.maximum(alpha, 1e-3))
    depth = np.where(drawn, depth, np.float32(-1e3))
    return color, alpha, cv2.resize(depth, (size, size), interpolation=cv2.INTER_NEAREST)


def _assemble(
    meshes: list[Mesh], face: FaceParameters, view: camera.View
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Poses, lights and joins the meshes: vertices (V, 3), attributes (V, 4), triangles (T, 3).

    The attributes are texture x and y, brightness and gloss.
    """
    vertices, attributes, triangles, offset = [], [], [], 0
    for mesh in meshes:
        points = view.project(mesh.points, with_head=mesh.with_head)
        normals = view.turn(mesh.normals, with_head=mesh.with_head)
        if mesh.two_sided:
            normals = normals * np.where(normals[:, 2:] < 0, -1.0, 1.0)
        brightness, gloss = camera.light_vertices(normals, face.light)
        brightness = brightness * mesh.occlusion
        attributes.append(np.column_stack([mesh.texture, brightness, gloss * mesh.occlusion]))
        seen = mesh.triangles if mesh.two_sided else facing(points, mesh.triangles)
        triangles.append(seen + offset)
        vertices.append(points)
        offset += len(points)
    return np.concatenate(vertices), np.concatenate(attributes), np.concatenate(triangles)


def _detector_box(low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = float((high - low).max()) * rng.uniform(0.95, 1.2)
    center = (low + high) / 2 + rng.normal(0, 0.035, 2) * side
    return np.concatenate([center - side / 2, center + side / 2]).astype(np.float32)
