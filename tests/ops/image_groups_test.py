import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.ops import convolutions, image_groups, platform_forms


@pytest.fixture
def images():
    return np.random.default_rng(0).standard_normal((8, 6, 5, 4)).astype(np.float32)


def test_images_of_a_group_are_behind_each_other_in_the_channels(images):
    groups = image_groups.group(images, 4)
    assert groups.shape == (2, 6, 5, 16)
    np.testing.assert_array_equal(groups[1, ..., 8:12], images[6])
    np.testing.assert_array_equal(image_groups.ungroup(groups, 4), images)


def test_a_kernel_convolves_each_image_by_itself(images):
    kernel = np.random.default_rng(1).standard_normal((3, 3, 4, 2)).astype(np.float32)
    together = convolutions.conv2d(
        image_groups.group(images, 2), image_groups.kernel(kernel, 2), padding=1
    )
    apart = convolutions.conv2d(jnp.asarray(images), jnp.asarray(kernel), padding=1)
    np.testing.assert_allclose(image_groups.ungroup(together, 2), apart, atol=1e-5)


def test_moments_are_those_of_all_images(images):
    mean, var = image_groups.moments(image_groups.group(images, 4), 4)
    np.testing.assert_allclose(mean, images.mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(var, images.var((0, 1, 2)), rtol=1e-5)


def test_groups_fill_rows_where_there_are_tpus(images):
    assert image_groups.fill_rows(images, 1, 32)[1] == 1  # not here
    with image_groups.grouping(2):
        groups, size = image_groups.fill_rows(images, 1, 32)
        assert size == 4 and groups.shape == (2, 6, 5, 16)
        # From groups of four to groups of two, and of one where the rows are full.
        pairs, size = image_groups.fill_rows(groups, size, 64)
        assert size == 2
        np.testing.assert_array_equal(pairs, image_groups.group(images, 2))
        assert image_groups.fill_rows(pairs, size, 128)[1] == 1
        assert image_groups.fill_rows(pairs, size, 512)[1] == 1


@pytest.mark.parametrize(("devices", "size"), [(1, 4), (4, 2), (8, 1), (3, 1)])
def test_groups_are_of_one_device_s_images(images, devices, size):
    with image_groups.grouping(devices):
        assert image_groups.fill_rows(images, 1, 32)[1] == size


def test_programs_for_other_machines_have_no_groups(images):
    with image_groups.grouping(1), platform_forms.portable():
        assert image_groups.fill_rows(images, 1, 32)[1] == 1


def test_the_context_is_another_program_of_the_same_jitted_function(images):
    @jax.jit
    def grouped(x):
        return image_groups.fill_rows(x, 1, 64)[0]

    assert grouped(images).shape[0] == 8
    with image_groups.grouping(1):
        assert grouped(images).shape[0] == 4
    assert grouped(images).shape[0] == 8
