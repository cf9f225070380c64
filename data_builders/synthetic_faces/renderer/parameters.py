"""What one synthetic face is: who it is, what it does, where it looks, and how it is lit.

Lengths are in units of half the distance between the outer eye corners of the average face. The
face looks along +z; x points to the photo's right, y down.
"""

import dataclasses

Color = tuple[float, float, float]

HAIR_STYLES = ("bald", "receding", "buzz", "short", "fringe", "full", "curly", "long", "bob")
BEARD_STYLES = ("none", "stubble", "moustache", "goatee", "full")
GLASSES_STYLES = ("none", "round", "square", "sun")
OCCLUDERS = ("none", "hand", "board", "microphone", "blob")


@dataclasses.dataclass(frozen=True)
class Identity:
    """Proportions of a face. All are factors about 1, or shifts about 0."""

    face_width: float = 1.0
    jaw_width: float = 1.0
    chin_length: float = 1.0
    chin_point: float = 0.0
    forehead: float = 1.0
    head_depth: float = 1.0
    cheeks: float = 1.0
    eye_spacing: float = 0.0
    eye_width: float = 1.0
    eye_height: float = 1.0
    eye_tilt: float = 0.0
    eye_depth: float = 1.0
    brow_height: float = 0.0
    brow_arch: float = 0.0
    brow_thickness: float = 1.0
    brow_ridge: float = 1.0
    nose_length: float = 1.0
    nose_width: float = 1.0
    nose_height: float = 1.0
    nose_bridge: float = 1.0
    mouth_width: float = 1.0
    mouth_height: float = 0.0
    upper_lip: float = 1.0
    lower_lip: float = 1.0
    ear_size: float = 1.0
    age: float = 0.3


@dataclasses.dataclass(frozen=True)
class Expression:
    """State of the movable parts; eye openness is 0 (closed) to about 1.3 (wide)."""

    left_eye_open: float = 1.0
    right_eye_open: float = 1.0
    mouth_open: float = 0.0
    smile: float = 0.0
    pucker: float = 0.0
    mouth_skew: float = 0.0
    brow_raise: float = 0.0
    frown: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0


@dataclasses.dataclass(frozen=True)
class Pose:
    """Head rotation in degrees and the camera's distance.

    Positive yaw turns the nose to the photo's right, positive pitch turns it down, positive roll
    turns the head clockwise in the photo.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    distance: float = 16.0


@dataclasses.dataclass(frozen=True)
class Light:
    """One soft key light and ambient light; `direction` points from the head to the light."""

    direction: tuple[float, float, float] = (-0.4, -0.5, 0.77)
    ambient: float = 0.55
    key: float = 0.6
    color: Color = (1.0, 1.0, 1.0)
    gloss: float = 0.12


@dataclasses.dataclass(frozen=True)
class Appearance:
    """Colors (RGB, 0..255) and choices of hair, beard, glasses and occluder."""

    skin: Color = (214.0, 165.0, 140.0)
    lips: Color = (178.0, 96.0, 92.0)
    iris: Color = (92.0, 66.0, 44.0)
    hair: Color = (60.0, 42.0, 30.0)
    brow: Color = (60.0, 42.0, 30.0)
    clothes: Color = (60.0, 70.0, 100.0)
    shirt: Color = (225.0, 225.0, 230.0)
    hair_style: str = "short"
    hair_volume: float = 1.0
    hair_parting: float = 0.0
    beard_style: str = "none"
    beard_strength: float = 0.8
    makeup: float = 0.0
    freckles: float = 0.0
    glasses: str = "none"
    occluder: str = "none"


@dataclasses.dataclass(frozen=True)
class Camera:
    """Where the face is in the image (fractions of its side) and how good the image is."""

    face_size: float = 0.55
    shift_x: float = 0.0
    shift_y: float = 0.0
    blur: float = 0.4
    noise: float = 2.0
    resolution: float = 1.0
    gamma: float = 1.0
    gray: bool = False


@dataclasses.dataclass(frozen=True)
class FaceParameters:
    """Everything that determines a face, except random texture."""

    identity: Identity = Identity()
    expression: Expression = Expression()
    pose: Pose = Pose()
    light: Light = Light()
    appearance: Appearance = Appearance()
    camera: Camera = Camera()


def mirror_parameters(face: FaceParameters) -> FaceParameters:
    """The same face in a mirror: its landmarks are those of `face` with x turned round."""
    e, p, light, camera = face.expression, face.pose, face.light, face.camera
    x, y, z = light.direction
    return dataclasses.replace(
        face,
        expression=dataclasses.replace(
            e,
            left_eye_open=e.right_eye_open,
            right_eye_open=e.left_eye_open,
            mouth_skew=-e.mouth_skew,
            gaze_x=-e.gaze_x,
        ),
        pose=dataclasses.replace(p, yaw=-p.yaw, roll=-p.roll),
        light=dataclasses.replace(light, direction=(-x, y, z)),
        appearance=dataclasses.replace(face.appearance, hair_parting=-face.appearance.hair_parting),
        camera=dataclasses.replace(camera, shift_x=-camera.shift_x),
    )
