"""Turns the head, projects it into the image and lights it."""

import dataclasses
import math

import numpy as np

from data_builders.synthetic_faces.renderer.parameters import FaceParameters, Light, Pose

_NECK = np.array([0.0, 1.5, -0.5])  # the joint about which the head turns


@dataclasses.dataclass(frozen=True)
class View:
    """Where the head and the body are seen.

    Attributes:
      head, body: Rotations (3, 3).
      distance: From the camera to the neck, in face units.
      scale, offset: From the plane of projection to pixels.
    """

    head: np.ndarray
    body: np.ndarray
    distance: float
    scale: float = 1.0
    offset: tuple[float, float] = (0.0, 0.0)

    def turn(self, vectors: np.ndarray, *, with_head: bool = True) -> np.ndarray:
        """Directions (N, 3) of the head or the body as the camera sees them."""
        return vectors @ (self.head if with_head else self.body).T

    def project(self, points: np.ndarray, *, with_head: bool = True) -> np.ndarray:
        """Points (N, 3) to pixel x, y (0 is a pixel's center) and depth z, larger is nearer."""
        turned = self.turn(points - _NECK, with_head=with_head)
        nearness = self.distance / np.maximum(self.distance - turned[:, 2], 1.0)
        flat = turned[:, :2] * nearness[:, None] * self.scale + self.offset
        return np.column_stack([flat, turned[:, 2]])


def rotation(pose: Pose) -> np.ndarray:
    """Rotation (3, 3): yaw about the vertical axis, then pitch, then roll in the image."""
    yaw, pitch, roll = (math.radians(a) for a in (pose.yaw, pose.pitch, pose.roll))
    about_y = np.array(
        [[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]]
    )
    about_x = np.array(
        [[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]]
    )
    about_z = np.array(
        [[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]]
    )
    return about_z @ about_x @ about_y


def view_face(face: FaceParameters, landmarks: np.ndarray, size: int) -> View:
    """Places a face in an image: the landmarks' box gets its share of the side.

    Args:
      landmarks: (68, 3) on the head before it is turned.
      size: Side of the image in pixels.
    """
    pose = face.pose
    # Shoulders follow the head only a little.
    body = Pose(yaw=0.4 * pose.yaw, pitch=0.15 * pose.pitch, roll=0.2 * pose.roll)
    view = View(rotation(pose), rotation(body), pose.distance)
    flat = view.project(landmarks)[:, :2]
    low, high = flat.min(axis=0), flat.max(axis=0)
    scale = face.camera.face_size * size / float((high - low).max())
    shift = np.array([face.camera.shift_x, face.camera.shift_y]) * size
    offset = (size - 1) / 2 + shift - scale * (low + high) / 2
    return dataclasses.replace(view, scale=scale, offset=(float(offset[0]), float(offset[1])))


def light_vertices(normals: np.ndarray, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """Brightness (N,) and gloss (N,) of a surface with the given normals (N, 3)."""
    direction = np.array(light.direction) / np.linalg.norm(light.direction)
    wrap = 0.25  # light creeps around a head's edges
    key = np.maximum((normals @ direction + wrap) / (1 + wrap), 0.0)
    sky = light.ambient * (1 - 0.18 * normals[:, 1])
    halfway = direction + [0.0, 0.0, 1.0]
    halfway = halfway / np.linalg.norm(halfway)
    gloss = light.gloss * light.key * np.maximum(normals @ halfway, 0.0) ** 18
    return sky + light.key * key, gloss
