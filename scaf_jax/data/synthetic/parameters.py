"""What one synthetic face is: who it is, what it does, where it looks, and how it is lit.

Lengths are in units of half the distance between the outer eye corners of the average face. The
face looks along +z; x points to the photo's right, y down.
"""

import dataclasses
import math

import numpy as np

from scaf_jax.data.synthetic.canvas import random_color

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
    """Colours (RGB, 0..255) and choices of hair, beard, glasses and occluder."""

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
        appearance=dataclasses.replace(
            face.appearance, hair_parting=-face.appearance.hair_parting
        ),
        camera=dataclasses.replace(camera, shift_x=-camera.shift_x),
    )


def sample_parameters(rng: np.random.Generator) -> FaceParameters:
    """Draws a face: yaw within +-60 degrees, pitch within +-25, roll within +-35."""
    identity = _sample_identity(rng)
    return FaceParameters(
        identity=identity,
        expression=_sample_expression(rng),
        pose=_sample_pose(rng),
        light=_sample_light(rng),
        appearance=_sample_appearance(rng, identity.age),
        camera=_sample_camera(rng),
    )


def _normal(rng: np.random.Generator, mean: float, deviation: float, limit: float = 2.2) -> float:
    """A normal draw, cut at `limit` deviations so that no face becomes a caricature."""
    return mean + deviation * float(np.clip(rng.standard_normal(), -limit, limit))


def _sample_identity(rng: np.random.Generator) -> Identity:
    return Identity(
        face_width=_normal(rng, 1.0, 0.045),
        jaw_width=_normal(rng, 1.0, 0.06),
        chin_length=_normal(rng, 1.0, 0.07),
        chin_point=_normal(rng, 0.0, 0.5),
        forehead=_normal(rng, 1.0, 0.07),
        head_depth=_normal(rng, 1.0, 0.05),
        cheeks=_normal(rng, 1.0, 0.5),
        eye_spacing=_normal(rng, 0.0, 0.035),
        eye_width=_normal(rng, 1.0, 0.06),
        eye_height=_normal(rng, 1.0, 0.16),
        eye_tilt=_normal(rng, 0.0, 0.05),
        eye_depth=_normal(rng, 1.0, 0.3),
        brow_height=_normal(rng, 0.0, 0.06),
        brow_arch=_normal(rng, 0.0, 0.05),
        brow_thickness=_normal(rng, 1.0, 0.25),
        brow_ridge=_normal(rng, 1.0, 0.5),
        nose_length=_normal(rng, 1.0, 0.08),
        nose_width=_normal(rng, 1.0, 0.13),
        nose_height=_normal(rng, 1.0, 0.13),
        nose_bridge=_normal(rng, 1.0, 0.3),
        mouth_width=_normal(rng, 1.0, 0.09),
        mouth_height=_normal(rng, 0.0, 0.05),
        upper_lip=_normal(rng, 1.0, 0.25),
        lower_lip=_normal(rng, 1.0, 0.22),
        ear_size=_normal(rng, 1.0, 0.1),
        age=float(rng.uniform(0.0, 1.0)),
    )


def _sample_expression(rng: np.random.Generator) -> Expression:
    mood = rng.choice(["neutral", "smile", "talk", "shout", "blink", "other"])
    both_eyes = _normal(rng, 0.95, 0.15)
    mouth_open = float(rng.uniform(0.0, 0.12)) * float(rng.random() < 0.5)
    smile = _normal(rng, 0.1, 0.2)
    pucker = 0.0
    if mood == "smile":
        smile = float(rng.uniform(0.4, 1.2))
        mouth_open = float(rng.uniform(0.0, 0.5)) * float(rng.random() < 0.7)
        both_eyes = _normal(rng, 0.75, 0.15)
    elif mood == "talk":
        mouth_open = float(rng.uniform(0.1, 0.5))
        pucker = float(rng.uniform(0.0, 0.7))
    elif mood == "shout":
        mouth_open = float(rng.uniform(0.5, 1.1))
    elif mood == "blink":
        both_eyes = float(rng.uniform(0.0, 0.35))
    elif mood == "other":
        smile = float(rng.uniform(-0.6, 0.3))
        pucker = float(rng.uniform(0.0, 1.0))
        both_eyes = _normal(rng, 1.05, 0.15)
    wink = rng.random() < 0.02
    return Expression(
        left_eye_open=0.05 if wink else max(0.0, both_eyes + _normal(rng, 0.0, 0.03)),
        right_eye_open=max(0.0, both_eyes + _normal(rng, 0.0, 0.03)),
        mouth_open=mouth_open,
        smile=smile,
        pucker=pucker,
        mouth_skew=_normal(rng, 0.0, 0.03),
        brow_raise=_normal(rng, 0.1, 0.35),
        frown=max(0.0, _normal(rng, 0.0, 0.5)),
        gaze_x=_normal(rng, 0.0, 0.4),
        gaze_y=_normal(rng, 0.0, 0.25),
    )


def _sample_pose(rng: np.random.Generator) -> Pose:
    # Half of the faces look roughly into the camera, the others turn anywhere up to 60 degrees.
    yaw = _normal(rng, 0.0, 13.0) if rng.random() < 0.5 else float(rng.uniform(-60.0, 60.0))
    return Pose(
        yaw=yaw,
        pitch=_normal(rng, 2.0, 9.5, limit=2.4),
        roll=_normal(rng, 0.0, 11.0, limit=3.0),
        distance=float(rng.uniform(9.0, 26.0)),
    )


def _sample_light(rng: np.random.Generator) -> Light:
    azimuth = math.radians(_normal(rng, 0.0, 45.0, limit=1.9))
    elevation = math.radians(float(rng.uniform(-5.0, 65.0)))
    ambient = float(rng.uniform(0.3, 0.75))
    warmth = _normal(rng, 0.0, 0.07)
    return Light(
        direction=(
            math.sin(azimuth) * math.cos(elevation),
            -math.sin(elevation),
            math.cos(azimuth) * math.cos(elevation),
        ),
        ambient=ambient,
        key=float(rng.uniform(0.85, 1.2)) - 0.8 * ambient,
        color=(1.0 + warmth, 1.0, 1.0 - warmth),
        gloss=float(rng.uniform(0.02, 0.25)),
    )


# Anchors of skin, from light to dark; a face's skin lies between two neighbours.
_SKIN = np.array(
    [[238, 203, 183], [224, 178, 150], [205, 155, 122], [170, 118, 86], [126, 82, 58], [84, 54, 40]]
)
_HAIR = np.array(
    [[28, 24, 22], [50, 36, 28], [86, 58, 38], [128, 92, 56], [186, 150, 98], [120, 60, 34]]
)
_IRIS = np.array([[72, 48, 30], [54, 38, 28], [98, 78, 46], [92, 112, 88], [96, 128, 152]])


def _sample_appearance(rng: np.random.Generator, age: float) -> Appearance:
    tone = float(rng.uniform(0.0, 4.999))
    i, f = int(tone), tone - int(tone)
    skin = (1 - f) * _SKIN[i] + f * _SKIN[i + 1] + rng.normal(0, 5, 3)
    dark = tone / 5
    hair = _HAIR[rng.choice(2) if tone > 2.5 else rng.choice(6)] * rng.uniform(0.8, 1.2)
    gray = float(np.clip((age - 0.65) * 3, 0, 1)) * float(rng.random() < 0.8)
    hair = (1 - gray) * hair + gray * rng.uniform(120, 225) + rng.normal(0, 4, 3)
    iris = _IRIS[rng.choice(2) if tone > 2.5 else rng.choice(5)] * rng.uniform(0.8, 1.2)
    masculine = rng.random() < 0.5
    weights = [8, 14, 9, 26, 12, 16, 8, 4, 3] if masculine else [1, 0, 2, 10, 10, 12, 10, 35, 20]
    beard = "none"
    if masculine and rng.random() < 0.5:
        beard = str(rng.choice(BEARD_STYLES[1:], p=[0.35, 0.2, 0.15, 0.3]))
    makeup = 0.0 if masculine else float(rng.uniform(0.0, 1.0))
    natural_lips = skin * np.array([0.86, 0.64, 0.66])
    lipstick = np.array([rng.uniform(140, 205), rng.uniform(25, 80), rng.uniform(50, 95)])
    lips = (1 - 0.7 * makeup) * natural_lips + 0.7 * makeup * lipstick
    return Appearance(
        skin=_color(skin),
        lips=_color(lips),
        iris=_color(iris),
        hair=_color(hair),
        brow=_color(0.75 * hair + 0.25 * skin * (0.5 - 0.2 * dark)),
        clothes=_color(random_color(rng, 5, 235, rng.uniform(0.1, 0.8)) * rng.uniform(0.3, 1.0)),
        shirt=_color(rng.uniform(150, 250) + rng.normal(0, 12, 3)),
        hair_style=str(rng.choice(HAIR_STYLES, p=np.array(weights) / sum(weights))),
        hair_volume=_normal(rng, 1.0, 0.3),
        hair_parting=_normal(rng, 0.0, 0.5),
        beard_style=beard,
        beard_strength=float(rng.uniform(0.45, 1.0)),
        makeup=makeup,
        freckles=float(rng.random() < 0.12) * float(rng.uniform(0.3, 1.0)),
        glasses=str(rng.choice(GLASSES_STYLES, p=[0.8, 0.07, 0.1, 0.03])),
        occluder=str(rng.choice(OCCLUDERS, p=[0.84, 0.06, 0.03, 0.04, 0.03])),
    )


def _color(values: np.ndarray) -> Color:
    red, green, blue = np.clip(values, 4, 250)
    return float(red), float(green), float(blue)


def _sample_camera(rng: np.random.Generator) -> Camera:
    return Camera(
        face_size=float(rng.uniform(0.46, 0.6)),
        shift_x=_normal(rng, 0.0, 0.03),
        shift_y=_normal(rng, 0.02, 0.03),
        blur=float(rng.uniform(0.0, 0.9)) + float(rng.random() < 0.1) * float(rng.uniform(0, 1.2)),
        noise=float(rng.uniform(0.0, 5.0)),
        resolution=float(rng.uniform(0.4, 0.9)) if rng.random() < 0.25 else 1.0,
        gamma=float(np.exp(_normal(rng, 0.0, 0.15))),
        gray=bool(rng.random() < 0.04),
    )
