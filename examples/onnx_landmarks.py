"""Landmarks of a face with an exported network: onnxruntime and NumPy are all it needs.

python onnx_landmarks.py FILE.onnx PHOTO.npy X0 Y0 X1 Y1

PHOTO.npy is an (H, W, 3) uint8 RGB photo: np.save("PHOTO.npy", PIL.Image.open("photo.jpg")). The
box is the face's, in pixels, drawn as those were that the network was trained with.
"""

import json
import sys

import numpy as np
import onnxruntime


def find(session, photo, box):
    """Returns landmarks (L, 2) in the photo's pixels and the heights (L,) of their peaks."""
    about = json.loads(session.get_modelmeta().custom_metadata_map["scaf_jax"])["network"]
    size, margins = about["input_size"], about["crop"]
    # The box with its margins, and the square of its longer side about the center.
    (x0, y0, x1, y1), height = box, box[3] - box[1]
    x0, x1 = x0 - margins["margin_left"] * height, x1 + margins["margin_right"] * height
    y0, y1 = y0 - margins["margin_top"] * height, y1 + margins["margin_bottom"] * height
    side = max(x1 - x0, y1 - y0)
    step, corner = side / size, np.array([x0 + x1 - side, y0 + y1 - side]) / 2
    # Each pixel is the mean of n x n points of the photo, read bilinearly; outside is black.
    n = max(1, round(step))
    places = (np.arange(size * n) + 0.5) / n * step
    xs, ys = places + corner[0] + 0.5, places + corner[1] + 0.5  # the border of 1 pixel, less 0.5
    padded = np.pad(photo.astype(np.float32), ((1, 1), (1, 1), (0, 0)))
    xs, ys = xs.clip(0, padded.shape[1] - 1.001), ys.clip(0, padded.shape[0] - 1.001)
    left, top, right, bottom = xs.astype(int), ys.astype(int), xs % 1, (ys % 1)[:, None, None]
    rows = padded[top] * (1 - bottom) + padded[top + 1] * bottom
    crop = rows[:, left] * (1 - right)[:, None] + rows[:, left + 1] * right[:, None]
    crop = crop.reshape(size, n, size, n, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    points, heights = session.run(["landmarks", "heights"], {"images": crop[None]})
    # Crop to photo, where the center of the first pixel is 0; see the docs for "corners".
    half = 0.5 if margins["pixel_convention"] == "corners" else 0.0
    return (points[0] - half + 0.5) * step + corner - 0.5 - half, heights[0]


if __name__ == "__main__":
    landmarks, sure = find(
        onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"]),
        np.load(sys.argv[2]),
        [float(number) for number in sys.argv[3:7]],
    )
    for (x, y), height in zip(landmarks, sure, strict=True):
        print(f"{x:.2f} {y:.2f} {height:.3f}")
