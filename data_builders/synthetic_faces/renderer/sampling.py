"""Draws the parameters of random faces."""

import math

import numpy as np

from data_builders.synthetic_faces.renderer.canvas import random_color
from data_builders.synthetic_faces.renderer.parameters import (
    BEARD_STYLES,
    GLASSES_STYLES,
    HAIR_STYLES,
    OCCLUDERS,
    Appearance,
    Camera,
    Color,
    Expression,
    FaceParameters,
    Identity,
    Light,
    Pose,
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
    ambient = float(rng.uniform(0.36, 0.75))
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


# Anchors of skin, from light to dark; a face's skin lies between two neighbors.
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
    hair = (1 - gray) * hair + gray * rng.uniform(120, 225) + rng.normal(0, 2, 3)
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
