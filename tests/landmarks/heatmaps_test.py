"""The heatmap codec: conventions, targets, blur, peaks, and the way back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from scaf_jax.data import geometry
from scaf_jax.landmarks import heatmaps

# A blur as wide as the Gaussians of 32 px heatmaps would flatten their peaks.
CODECS = {
    f"{convention}-{size}-{maps}": heatmaps.HeatmapCodec(
        size, maps, blur_size=blur_size, pixel_convention=convention
    )
    for convention in heatmaps.CONVENTIONS
    for size, maps, blur_size in [(256, 128, 9), (64, 64, 9), (128, 32, 3)]
}
codecs = pytest.mark.parametrize("codec", CODECS.values(), ids=list(CODECS))


def _points(codec: heatmaps.HeatmapCodec, seed: int, margin: float = 0.2) -> np.ndarray:
    """Random landmarks (3, 7, 2) away from the border of the crop."""
    low, high = margin * codec.input_size, (1 - margin) * codec.input_size
    return np.random.default_rng(seed).uniform(low, high, (3, 7, 2)).astype(np.float32)


@codecs
def test_coordinates_go_there_and_back(codec):
    points = _points(codec, 0, margin=-0.5)
    back = codec.to_crop(codec.to_heatmap(points))
    np.testing.assert_allclose(back, points, atol=1e-3)


def test_conventions_by_hand():
    centers = heatmaps.HeatmapCodec(256, 128)
    corners = heatmaps.HeatmapCodec(256, 128, pixel_convention="corners")
    # Two crop pixels, 0 and 1, make up heatmap pixel 0, whose center is between theirs.
    assert float(centers.to_heatmap(0.5)) == 0.0
    assert float(centers.to_crop(127.0)) == 254.5
    assert float(corners.to_heatmap(10.0)) == 5.0
    assert float(corners.to_crop(5.0)) == 10.0


@codecs
def test_encoded_peaks_are_at_the_landmarks(codec):
    points = _points(codec, 1)
    maps = np.asarray(codec.encode(points), np.float64)
    assert maps.shape == (3, codec.heatmap_size, codec.heatmap_size, 7)
    grid = np.arange(codec.heatmap_size)
    weights = maps.sum(axis=(1, 2))
    x = (maps * grid[:, None]).sum(axis=(1, 2)) / weights
    y = (maps * grid[:, None, None]).sum(axis=(1, 2)) / weights
    expected = np.asarray(codec.to_heatmap(points))
    np.testing.assert_allclose(np.stack([x, y], axis=-1), expected, atol=0.05)
    assert maps.max() <= 1.0


@codecs
def test_maps_of_mirrored_crops_come_back_to_those_of_the_crops(codec):
    convention, flip = codec.pixel_convention, (1, 0, 2)
    crop = geometry.CropSettings(input_size=codec.input_size)
    box = np.array([30.0, 20, 83, 90])
    mirroring = np.array([[-1.0, 0, 0], [0, 1, 0]])
    points = np.random.default_rng(0).uniform(45, 70, (2, 3, 2))
    plain, mirrored = (
        geometry.to_crop(points, geometry.crop_matrix(box, crop, change), convention)
        for change in (None, mirroring)
    )
    # What training's mirrored crops have is what a network that learned from them answers.
    mirrored = geometry.mirror(mirrored, flip)
    wanted = np.asarray(codec.encode(plain.astype(np.float32)))
    maps = codec.unmirror(codec.encode(mirrored.astype(np.float32)), flip)
    np.testing.assert_allclose(maps, wanted, atol=1e-3)


def test_encoded_values_by_hand():
    codec = heatmaps.HeatmapCodec(128, 128, sigma=7.0)
    points = np.array([[[60.25, 40.5]]], np.float32)
    heatmap = np.asarray(codec.encode(points))[0, :, :, 0]
    y, x = np.mgrid[:128, :128]
    expected = np.exp(-((x - 60.25) ** 2 + (y - 40.5) ** 2) / (2 * 7.0**2))
    outside = (np.abs(x - 60.25) > 17.5) | (np.abs(y - 40.5) > 17.5)
    np.testing.assert_allclose(heatmap, np.where(outside, 0.0, expected), atol=1e-6)


def test_sigma_follows_the_size_of_the_heatmap():
    wide = heatmaps.HeatmapCodec(128, 128).encode(np.array([[[64.0, 64.0]]], np.float32))
    small = heatmaps.HeatmapCodec(32, 32).encode(np.array([[[16.0, 16.0]]], np.float32))
    np.testing.assert_allclose(small[0, 16, 16:20, 0], wide[0, 64, 64:80:4, 0], rtol=1e-5)


@pytest.mark.parametrize(("point", "center"), [(20.49, 20), (20.5, 21), (21.5, 22), (-0.5, 0)])
def test_rounding_is_half_up(point, center):
    codec = heatmaps.HeatmapCodec(64, 64, rounding=True)
    heatmap = np.asarray(codec.encode(np.array([[[point, 30.0]]], np.float32)))[0, :, :, 0]
    assert np.unravel_index(heatmap.argmax(), heatmap.shape) == (30, center)
    assert heatmap.max() == 1.0


def test_the_frame_cuts_gaussians_and_moves_none():
    codec = heatmaps.HeatmapCodec(64, 64)
    points = np.array([[[-2.0, 30.0], [63.5, 63.5], [-100.0, 30.0]]], np.float32)
    maps = np.asarray(codec.encode(points))
    sigma = 7.0 / 2
    expected = np.exp(-np.square(np.arange(5) + 2.0) / (2 * sigma**2))
    np.testing.assert_allclose(maps[0, 30, :5, 0], expected, rtol=1e-5)
    assert maps[0, 63, 63, 1] == pytest.approx(np.exp(-0.25 / sigma**2), rel=1e-5)
    assert not maps[..., 2].any()


@codecs
@pytest.mark.parametrize("decoder", heatmaps.DECODERS)
def test_round_trip(codec, decoder):
    run = jax.jit(lambda points: codec.decode(codec.encode(points), decoder))
    half_pixel = 0.5 * codec.input_size / codec.heatmap_size
    limit = {"argmax": 1.001 * half_pixel, "subpixel": 0.2 * half_pixel}[decoder]
    for seed in range(10):
        points = _points(codec, seed)
        assert np.abs(run(points) - points).max() <= limit


def test_round_trip_of_landmarks_at_the_border_and_outside():
    codec = heatmaps.HeatmapCodec(128, 64)
    points = np.array([[[1.0, 64.0], [127.0, 127.0], [-3.0, 64.0], [64.0, 131.0]]], np.float32)
    for decoder in heatmaps.DECODERS:
        decoded = np.asarray(codec.decode(codec.encode(points), decoder))
        assert np.isfinite(decoded).all()
        # A box blur with zero padding draws maxima inwards, by less than its own size.
        assert np.abs(decoded - points).max() < 2 * codec.blur_size


def test_bfloat16_heatmaps_decode_to_float32():
    codec = heatmaps.HeatmapCodec(64, 64)
    points = _points(codec, 3)
    decoded = codec.decode(codec.encode(points).astype(jnp.bfloat16))
    assert decoded.dtype == jnp.float32
    assert np.abs(decoded - points).max() < 2.0


@pytest.mark.parametrize("size", [1, 3, 5, 9, 11])
@pytest.mark.parametrize("shape", [(16, 16), (9, 20)])
def test_box_blur_against_scipy(size, shape):
    maps = np.random.default_rng(size).standard_normal((2, *shape, 3)).astype(np.float32)
    expected = ndimage.uniform_filter(
        maps.astype(np.float64), size=(0, size, size, 0), mode="constant"
    )
    np.testing.assert_allclose(heatmaps.box_blur(maps, size), expected, atol=1e-5)


def test_find_peaks_against_numpy():
    find = jax.jit(heatmaps.find_peaks)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        # Few different values, so that ties are everywhere.
        maps = rng.integers(0, 3 + seed, (2, 7, 9, 4)).astype(np.float32) - 5
        first = maps.reshape(2, 63, 4).argmax(axis=1)
        expected = np.stack([first % 9, first // 9], axis=-1)
        np.testing.assert_array_equal(find(maps), expected)


def test_find_peaks_of_flat_maps_is_the_first_pixel():
    peaks = heatmaps.find_peaks(jnp.zeros((1, 4, 4, 2)))
    np.testing.assert_array_equal(peaks, np.zeros((1, 2, 2)))


def _gaussians(centers: np.ndarray, sigma: float, size: int = 48) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    squares = (x[..., None] - centers[:, 0]) ** 2 + (y[..., None] - centers[:, 1]) ** 2
    return np.exp(-squares / (2 * sigma**2))[None].astype(np.float32)


@pytest.mark.parametrize("sigma", [2.0, 3.5, 7.0])
@pytest.mark.parametrize("reach", [1, 3])
def test_refined_peaks_are_exact_on_gaussians(sigma, reach):
    centers = np.random.default_rng(0).uniform(10, 38, (50, 2))
    maps = 0.3 * _gaussians(centers, sigma)
    peaks = heatmaps.find_peaks(maps)
    refined = heatmaps.refine_peaks(maps, peaks, reach=reach)
    np.testing.assert_allclose(refined[0], centers, atol=2e-3)


def test_refined_peaks_are_never_worse_than_half_a_pixel_on_gaussians():
    centers = np.random.default_rng(1).uniform(-0.5, 47.5, (200, 2))
    maps = _gaussians(centers, 4.0)
    refined = heatmaps.refine_peaks(maps, heatmaps.find_peaks(maps), reach=2)
    assert np.abs(np.asarray(refined[0]) - centers).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("value", [0.0, -1.0, 1.0])
def test_refined_peaks_of_flat_maps_stay_finite_and_near(value):
    maps = jnp.full((1, 16, 16, 1), value)
    peaks = jnp.asarray([[[8, 8]]])
    refined = np.asarray(heatmaps.refine_peaks(maps, peaks, reach=3))
    np.testing.assert_array_equal(refined, [[[8.0, 8.0]]])


def test_refined_peaks_of_noise_stay_within_reach():
    maps = np.random.default_rng(2).standard_normal((2, 32, 32, 9)).astype(np.float32)
    peaks = heatmaps.find_peaks(maps)
    refined = heatmaps.refine_peaks(maps, peaks, reach=3)
    assert float(jnp.abs(refined - peaks).max()) <= 3.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pixel_convention": "edges"}, "pixel_convention must be one of"),
        ({"blur_size": 4}, "blur_size must be odd and positive, not 4"),
        ({"blur_size": -1}, "blur_size must be odd and positive"),
        ({"sigma": 0.0}, "must be positive"),
        ({"support": -1.0}, "must be positive"),
    ],
)
def test_impossible_settings_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        heatmaps.HeatmapCodec(64, 64, **fields)


def test_unknown_decoders_are_refused():
    with pytest.raises(ValueError, match="decoder must be one of .*, not 'median'"):
        heatmaps.HeatmapCodec(64, 64).decode(jnp.zeros((1, 64, 64, 1)), "median")
