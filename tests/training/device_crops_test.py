"""Tests of crops that devices cut out: the right faces, on one device and on several."""

import numpy as np

from scaf_jax.training import device_crops, sharding

SIZE = 8
SHAPES = ((12, 9), (20, 30), (8, 8))


def _faces():
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (sum(h * w for h, w in SHAPES), 4), np.uint8)
    areas = [height * width for height, width in SHAPES]
    return pixels, np.cumsum([0, *areas[:-1]]).astype(np.int32), np.array(SHAPES, np.int32)


def test_a_whole_shift_copies_pixels_of_the_right_face():
    pixels, starts, sizes = _faces()
    crops = device_crops.DeviceCrops(
        pixels,
        starts,
        sizes,
        mesh=sharding.make_mesh(),
        size=SIZE,
        cubic=False,
        mirrored=False,
    )
    numbers = np.array([2, 1, 1, 0], np.int32)
    shifts = np.array([[0, 0], [3, 5], [-2, 0], [1, 4]], np.float32)
    matrices = np.concatenate(
        [np.tile(np.eye(2, dtype=np.float32), (4, 1, 1)), shifts[..., None]], 2
    )
    batch = {"face": numbers, "region_matrix": matrices, "landmarks": np.ones((4, 5, 2))}
    completed = crops(batch)
    assert set(completed) == {"image", "landmarks"} and set(batch) >= {"face", "region_matrix"}
    images = np.asarray(completed["image"])
    for image, number, (x, y) in zip(images, numbers, shifts.astype(int), strict=True):
        height, width = SHAPES[number]
        region = pixels[starts[number] :][: height * width, :3].reshape(height, width, 3)
        framed = np.pad(region, ((SIZE, SIZE), (SIZE, SIZE), (0, 0)))
        expected = framed[SIZE + y : 2 * SIZE + y, SIZE + x : 2 * SIZE + x]
        np.testing.assert_array_equal(image, expected)


def test_each_device_cuts_its_part_out_of_faces_of_its_own(run_on_devices):
    code = """
    import sys
    import jax, numpy as np
    from scaf_jax.training import device_crops, sharding
    from tests.training.device_crops_test import _faces

    mesh = sharding.make_mesh(data=2, fsdp=2)
    crops = device_crops.DeviceCrops(*_faces(), mesh=mesh, size=8, cubic=True, mirrored=True)
    numbers = np.arange(8, dtype=np.int32) % 3
    matrices = np.tile(np.array([[1.1, 0.2, -1], [-0.2, 0.9, 2]], np.float32), (8, 1, 1))
    batch = sharding.to_global({"face": numbers, "region_matrix": matrices}, mesh)
    images = crops(batch)["image"]
    assert images.sharding == sharding.batch_sharding(mesh), images.sharding
    compiled = crops._cut.lower(crops._faces, batch["face"], batch["region_matrix"]).compile()
    text = compiled.as_text()
    assert not any(word in text for word in ("all-gather", "all-reduce", "collective")), text
    alone = sharding.make_mesh(devices=jax.devices()[:1])
    same = device_crops.DeviceCrops(*_faces(), mesh=alone, size=8, cubic=True, mirrored=True)
    one = same(sharding.to_global({"face": numbers, "region_matrix": matrices}, alone))
    np.testing.assert_array_equal(np.asarray(images), np.asarray(one["image"]))
    """
    run_on_devices(4, code)
