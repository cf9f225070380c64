"""The meshes of a scene: head, ears, loose hair, neck and shoulders, and their shared texture."""

import dataclasses

import numpy as np

from data_builders.synthetic_faces.renderer.canvas import tint
from data_builders.synthetic_faces.renderer.clothes import paint_body
from data_builders.synthetic_faces.renderer.curves import smooth_curve, smoothstep
from data_builders.synthetic_faces.renderer.face_texture import paint_head
from data_builders.synthetic_faces.renderer.hair import Hair, make_hair, strands
from data_builders.synthetic_faces.renderer.painter import HEIGHT, WIDTH, texture_coordinates
from data_builders.synthetic_faces.renderer.parameters import FaceParameters
from data_builders.synthetic_faces.renderer.rasterizer import grid_triangles
from data_builders.synthetic_faces.renderer.surface import HeadSurface, vertex_normals

_ROWS, _COLUMNS = 60, 68
# Rows of the shared texture: the head's, then the body's, loose hair's and a patch of ear skin.
BODY_TOP, HAIR_TOP, EAR_TOP, ATLAS_HEIGHT = HEIGHT, HEIGHT + 96, HEIGHT + 192, HEIGHT + 200


@dataclasses.dataclass(frozen=True)
class Mesh:
    """A part of the scene before it is posed.

    Attributes:
      points: (V, 3).
      normals: (V, 3), unit length.
      texture: (V, 2) pixel coordinates in the shared texture.
      occlusion: (V,) factor of brightness where other parts keep the light off.
      triangles: (T, 3).
      with_head: Whether it turns with the head, else with the body.
      two_sided: Whether its back may be seen.
    """

    points: np.ndarray
    normals: np.ndarray
    texture: np.ndarray
    occlusion: np.ndarray
    triangles: np.ndarray
    with_head: bool = True
    two_sided: bool = False


def _mesh(
    grid: np.ndarray, texture: tuple[np.ndarray, np.ndarray], **options: bool | np.ndarray
) -> Mesh:
    """A mesh from a grid of points (R, C, 3) and its texture coordinates (u, v)."""
    shape = grid.shape[:2]
    closed = bool(options.pop("closed", False))
    occlusion = np.broadcast_to(options.pop("occlusion", np.ones(1)), shape)
    return Mesh(
        points=grid.reshape(-1, 3),
        normals=vertex_normals(grid).reshape(-1, 3),
        texture=np.stack(np.broadcast_arrays(*texture), axis=-1).reshape(-1, 2),
        occlusion=np.ascontiguousarray(occlusion).reshape(-1),
        triangles=grid_triangles(*shape, closed=closed),
        **options,  # pyright: ignore[reportArgumentType]
    )


def build_scene(
    surface: HeadSurface, face: FaceParameters, light: np.ndarray, rng: np.random.Generator
) -> tuple[list[Mesh], np.ndarray]:
    """Builds all meshes of a face and paints their texture (ATLAS_HEIGHT, WIDTH, 3) float32.

    Args:
      light: (3,) direction to the light in the head's own coordinates.
    """
    hair = make_hair(face, rng)
    atlas = np.zeros((ATLAS_HEIGHT, WIDTH, 3), dtype=np.float32)
    atlas[:HEIGHT] = paint_head(surface, hair, face, light, rng)
    meshes = [_head_mesh(surface, hair)]
    body_grid, body_rows = _body_grid(face, rng)
    atlas[BODY_TOP:HAIR_TOP] = paint_body(body_rows, face, rng, HAIR_TOP - BODY_TOP, WIDTH)
    meshes.append(_body_mesh(body_grid))
    atlas[EAR_TOP:] = np.array(face.appearance.skin) * [1.0, 0.88, 0.85]
    if hair is None or hair.style.length is None:
        meshes += [_ear_mesh(surface, -1), _ear_mesh(surface, 1)]
    if hair is not None and hair.style.length is not None:
        pattern = strands(rng, EAR_TOP - HAIR_TOP, WIDTH, hair.style.curl)
        atlas[HAIR_TOP:EAR_TOP] = tint(pattern, face.appearance.hair)
        meshes.append(_loose_hair_mesh(hair, hair.style.length, face, rng))
    return meshes, np.clip(atlas, 0, 255, out=atlas)


def _head_mesh(surface: HeadSurface, hair: Hair | None) -> Mesh:
    s = np.linspace(-1, 1, _COLUMNS, endpoint=False)
    # Columns and rows lie closer together on the face than at the back.
    angle = (np.pi * (0.5 * s + 0.5 * s**3))[None]
    row = np.linspace(0, 1, _ROWS)[:, None]
    grid = surface.positions(angle, row)
    if hair is not None:
        y = surface.rings(row)[..., 0]
        thickness = hair.thickness(angle, y)
        grid = grid + thickness[..., None] * vertex_normals(grid)
    return _mesh(grid, texture_coordinates(angle, row), closed=True)


def _ear_mesh(surface: HeadSurface, side: int) -> Mesh:
    """A flattened ellipsoid; a face's ears, unlike its landmarks, need not be exact."""
    row = surface.coordinates(np.array([[0.0, 0.45]]))[0, 1]
    _, width, depth, _, _ = surface.rings(np.array(row))
    size = surface.identity.ear_size
    latitude = np.linspace(-np.pi / 2, np.pi / 2, 9)[:, None]
    longitude = np.linspace(-np.pi, np.pi, 14, endpoint=False)[None]
    out = np.cos(latitude) * np.cos(longitude)
    x = 0.1 * out
    z = 0.27 * size * np.cos(latitude) * np.sin(longitude)
    y = 0.46 * size * np.sin(latitude) + 0 * longitude
    # The lobe is narrower than the top, and the rear edge stands off the head.
    z = z * (1 - 0.3 * np.sin(latitude)) - 0.12 * np.sin(latitude)
    x = x - 0.55 * (z - 0.1) - 0.07 * np.exp(-((out - 1) ** 2) / 0.15)
    grid = np.stack([side * (x + width + 0.03), y + 0.42, z + depth - 0.2], axis=-1)
    occlusion = 1 - 0.45 * np.exp(-((out - 1) ** 2) / 0.1)
    texture = np.full(grid.shape[:2], WIDTH / 2), np.full(grid.shape[:2], EAR_TOP + 4.0)
    if side > 0:  # columns must turn from left to right as seen from outside
        grid, occlusion = grid[:, ::-1], occlusion[:, ::-1]
    return _mesh(grid, texture, closed=True, occlusion=occlusion)


def _loose_hair_mesh(
    hair: Hair, length: float, face: FaceParameters, rng: np.random.Generator
) -> Mesh:
    """A curtain of hair around the back and the sides of the head, open at the face."""
    rows, columns = 22, 34
    length = length * float(rng.uniform(0.85, 1.1))
    edge = np.radians(rng.uniform(48.0, 76.0))
    t = np.linspace(0, 1, rows)[:, None]
    y = -2.2 + (length + 2.2) * t
    angle = np.linspace(edge, 2 * np.pi - edge, columns)[None]
    knots_y = np.array([-2.4, -1.6, -0.6, 0.6, 2.0, 4.5])
    knots_r = np.array([1.0, 1.66, 1.84, 1.86, 1.95, 2.05]) * face.identity.face_width
    radius = np.interp(y, knots_y, knots_r) + 0.3 * (hair.volume - 1) * smoothstep(y, -1.5, 1.5)
    wave = float(rng.uniform(0.0, 0.09))
    phase = float(rng.uniform(0, 6))
    radius = radius + wave * np.sin(3.2 * y + phase + 2 * np.sin(2 * angle)) * smoothstep(y, -1, 1)
    if face.appearance.hair_style == "bob":
        radius = radius - 0.25 * smoothstep(y, length - 0.8, length)
    x = -radius * np.sin(angle)
    z = -0.25 + 0.98 * radius * np.cos(angle)
    ragged = 0.12 * np.sin(11 * angle + phase) * t**4
    grid = np.stack([x, y + ragged + 0 * angle, z], axis=-1)
    u = np.linspace(2, WIDTH - 3, columns)[None]
    v = HAIR_TOP + 2 + t * (EAR_TOP - HAIR_TOP - 5)
    behind = 1 - 0.55 * smoothstep(-np.cos(angle), 0.2, 0.9) * smoothstep(y, -0.5, 1.0)
    return _mesh(grid, (u, v), two_sided=True, occlusion=behind)


# Neck and shoulders: height y, half width, half depth, center's z.
_BODY = np.array(
    [
        [0.60, 0.90, 0.95, -0.50],
        [1.60, 0.94, 0.98, -0.50],
        [2.50, 0.98, 0.98, -0.55],
        [3.05, 1.10, 1.05, -0.60],
        [3.40, 1.60, 1.20, -0.65],
        [3.75, 2.60, 1.40, -0.65],
        [4.20, 3.40, 1.55, -0.65],
        [5.00, 3.80, 1.70, -0.60],
        [6.50, 3.95, 1.80, -0.60],
        [9.00, 3.95, 1.90, -0.60],
    ]
)


def _body_grid(face: FaceParameters, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points (R, C, 3) of the body and their heights (R,)."""
    rings = _BODY.copy()
    slender = face.appearance.hair_style in ("long", "bob")
    width = float(rng.uniform(0.84, 0.94) if slender else rng.uniform(0.92, 1.12))
    rings[:4, 1:3] *= width
    rings[4:, 0] += float(rng.uniform(-0.15, 0.35))
    rings = smooth_curve(rings, 3)
    angle = np.linspace(-np.pi, np.pi, 40, endpoint=False)[None]
    y, width_, depth, center = (column[:, None] for column in rings.T)
    x, z = width_ * np.sin(angle), center + depth * np.cos(angle)
    return np.stack([x, np.broadcast_to(y, x.shape), z], axis=-1), rings[:, 0]


def _body_mesh(grid: np.ndarray) -> Mesh:
    rows, columns = grid.shape[:2]
    u = np.linspace(0, WIDTH - 1, columns, endpoint=False)[None]
    v = BODY_TOP + 1 + np.linspace(0, 1, rows)[:, None] * (HAIR_TOP - BODY_TOP - 3)
    # The head keeps the light off the neck, most of all under the chin.
    shadow = 1 - 0.5 * smoothstep(grid[..., 1], 3.3, 2.2)
    return _mesh(grid, (u, v), closed=True, occlusion=shadow, with_head=False)
