"""Tests of crops that the device cuts out, beside OpenCV's."""

import cv2
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.ops import warping

SIZE = 40
# Before version 5, OpenCV rounds places to 1/32 pixel.
IS_EXACT = int(cv2.__version__.split(".")[0]) >= 5


def _packed(images):
    pixels = np.concatenate([image.reshape(-1, 3) for image in images])
    with_zero = np.concatenate([pixels, np.zeros((len(pixels), 1), np.uint8)], axis=1)
    areas = [image.shape[0] * image.shape[1] for image in images]
    starts = np.cumsum([0, *areas[:-1]]).astype(np.int32)
    sizes = np.array([image.shape[:2] for image in images], np.int32)
    return with_zero.view("<u4")[:, 0], starts, sizes


def _matrices(rng, count):
    """From images to crops: turned, scaled, sheared, mirrored, and partly outside."""
    turns, scales = rng.uniform(-3, 3, count), rng.uniform(0.6, 1.6, (count, 2))
    found = []
    for turn, (x, y), shift in zip(turns, scales, rng.uniform(-25, 45, (count, 2)), strict=True):
        cos, sin = np.cos(turn), np.sin(turn)
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.array([[x, 0.1], [0, y]])
        found.append(np.column_stack([linear, shift]))
    found[0][:, 0] *= -1
    return np.array(found)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("cubic", [False, True])
def test_crops_are_those_of_opencv_up_to_rounding(cubic, mirrored):
    rng = np.random.default_rng(3)
    # Small images of several shapes: most crops reach over their edges. OpenCV 5 mirrors more than
    # once with 2 x 2 pixels only.
    more = 90 if cubic and mirrored else 0
    images = [
        rng.integers(0, 256, (height + more, width + more, 3), np.uint8)
        for height, width in ((37, 61), (50, 50), (3, 80), (64, 20), (1, 1), (90, 70))
    ]
    matrices = _matrices(rng, len(images))
    back = np.stack([cv2.invertAffineTransform(matrix) for matrix in matrices])
    found = warping.warp(
        *map(jnp.asarray, _packed(images)),
        jnp.asarray(back, jnp.float32),
        size=SIZE,
        cubic=cubic,
        mirrored=mirrored,
    )
    assert found.shape == (6, SIZE, SIZE, 3) and found.dtype == jnp.uint8
    expected = np.stack(
        [
            cv2.warpAffine(
                image,
                matrix,
                (SIZE, SIZE),
                flags=cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT if mirrored else cv2.BORDER_CONSTANT,
            )
            for image, matrix in zip(images, matrices, strict=True)
        ]
    )
    difference = np.abs(np.asarray(found).astype(int) - expected)
    if IS_EXACT:
        assert difference.max() <= 1 and (difference > 0).mean() < 2e-3
    else:
        assert difference.mean() < 2
    assert expected.std() > 40  # there was something to see
