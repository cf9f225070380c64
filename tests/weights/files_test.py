"""Tests of weights files: round trip, rounding, and what is refused."""

import dataclasses
import pathlib

import numpy as np
import pytest
import safetensors.numpy

from scaf_jax.weights import files, header

KERNEL = "params/encoder/stem/kernel"
MEAN = "batch_stats/encoder/stem_norm/mean"


@pytest.fixture
def written(tiny, tmp_path) -> pathlib.Path:
    path = tmp_path / "tiny.safetensors"
    files.write(path, *tiny)
    return path


def _raw(path: pathlib.Path) -> dict[str, np.ndarray]:
    return safetensors.numpy.load(path.read_bytes())


def test_what_is_written_is_read(written, tiny):
    about, arrays = files.read(written)
    assert about == tiny.about == files.read_header(written)
    assert arrays.keys() == tiny.arrays.keys()
    for name, array in tiny.arrays.items():
        assert arrays[name].dtype == np.float32
        half = name.startswith("params/")
        expected = array.astype(np.float16).astype(np.float32) if half else array
        np.testing.assert_array_equal(arrays[name], expected, err_msg=name)
    types = {name.partition("/")[0]: array.dtype for name, array in _raw(written).items()}
    assert types == {"params": np.float16, "batch_stats": np.float32}


def test_the_same_content_gives_the_same_bytes(written, tiny, tmp_path):
    again = tmp_path / "again.safetensors"
    files.write(again, tiny.about, dict(reversed(tiny.arrays.items())))
    assert again.read_bytes() == written.read_bytes()
    assert files.digest(again) == files.digest(written)
    files.write(again, dataclasses.replace(tiny.about, licence=""), tiny.arrays, overwrite=True)
    assert files.digest(again) != files.digest(written)


@pytest.mark.parametrize(
    ("values", "is_half"),
    [
        ([0.1, -0.3], True),
        ([0.0, 0.0], True),
        ([], True),
        ([65504.0, 1e-9], True),  # nothing, beside the largest
        ([0.1, 7e4], False),  # would be infinite
        ([1e-7, 3e-7], False),  # would be whole multiples of 6e-8
        ([1e-9, -1e-9], False),  # would be 0
    ],
)
def test_parameters_are_float16_where_they_fit(values, is_half):
    array = np.array(values, np.float32)
    stored = files.stored(KERNEL, array)
    assert (stored.dtype == np.float16) == is_half
    np.testing.assert_allclose(stored.astype(np.float32), array, rtol=1e-3, atol=1e-8)
    assert files.stored(MEAN, array).dtype == np.float32


def test_large_values_survive_the_file(tiny, tmp_path):
    arrays = tiny.arrays | {KERNEL: tiny.arrays[KERNEL] * 1e6}
    files.write(tmp_path / "large", tiny.about, arrays)
    np.testing.assert_array_equal(files.read(tmp_path / "large").arrays[KERNEL], arrays[KERNEL])


def test_a_file_is_replaced_only_where_asked(written, tiny):
    with pytest.raises(header.WeightsError, match="is there already.*--overwrite"):
        files.write(written, *tiny)
    files.write(written, *tiny, overwrite=True)


def test_what_cannot_be_written_leaves_nothing(tiny, tmp_path):
    arrays = tiny.arrays | {MEAN: np.full(4, np.nan)}
    with pytest.raises(header.WeightsError, match="stem_norm/mean: 4 of 4 values are not finite"):
        files.write(tmp_path / "new", tiny.about, arrays)
    arrays = tiny.arrays | {MEAN: np.zeros(5)}
    with pytest.raises(header.WeightsError, match=r"shape \(5,\) in the file, \(4,\) in the model"):
        files.write(tmp_path / "new", tiny.about, arrays)
    assert list(tmp_path.iterdir()) == []


BAD_ARRAYS = [
    (lambda a: a.pop(KERNEL), r"stem/kernel: missing; .* shape \(7, 7, 3, 4\)"),
    (lambda a: a.update(more=np.ones(3)), r"more: unexpected, of shape \(3,\)"),
    (
        lambda a: a.update({KERNEL: np.ones((7, 7, 4, 3), np.float16)}),
        r"stem/kernel: shape \(7, 7, 4, 3\) in the file, \(7, 7, 3, 4\) in the model",
    ),
    (
        lambda a: a.update({KERNEL: np.ones((7, 7, 3, 4))}),
        "stem/kernel: F64, not float16 or float32",
    ),
    (
        lambda a: a.update({MEAN: np.ones(4, np.float16)}),
        "stem_norm/mean: float16, not float32",
    ),
    (lambda a: a[KERNEL].__setitem__((0, 0, 0, 0), np.inf), "kernel: 1 of 588 values are not fin"),
    (lambda a: a[MEAN].__setitem__(0, np.nan), "mean: 1 of 4 values are not finite"),
    (lambda a: a.clear(), "(?s)missing.*and 147 more"),
]


@pytest.mark.parametrize(("change", "message"), BAD_ARRAYS)
def test_wrong_arrays_are_named(change, message, written, tiny):
    arrays = {name: array.copy() for name, array in _raw(written).items()}
    change(arrays)
    written.write_bytes(safetensors.numpy.save(arrays, tiny.about.to_metadata()))
    with pytest.raises(header.WeightsError, match=message) as error:
        files.read(written)
    assert str(written) in str(error.value) and "Export the file again" in str(error.value)


def test_arrays_of_another_size_or_of_networks_that_are_not_there_are_refused(written, tiny):
    arrays = _raw(written)
    about = dataclasses.replace(tiny.about, width_multiplier=1 / 8)
    written.write_bytes(safetensors.numpy.save(arrays, about.to_metadata()))
    with pytest.raises(header.WeightsError, match="in the file, .* in the model"):
        files.read(written)
    crop = dataclasses.replace(tiny.about.crop, input_size=96)
    about = dataclasses.replace(tiny.about, crop=crop)
    written.write_bytes(safetensors.numpy.save(arrays, about.to_metadata()))
    with pytest.raises(header.WeightsError, match="input_size must be one of .* not 96"):
        files.read(written)
    about = dataclasses.replace(tiny.about, networks=header.AUTOENCODER + header.DISCRIMINATORS)
    written.write_bytes(safetensors.numpy.save(arrays, about.to_metadata()))
    with pytest.raises(header.WeightsError, match="discriminator.*: missing"):
        files.read(written)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:5],
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: b"PK\x03\x04" + content,
        lambda content: content[:8] + b"x" * (len(content) - 8),
    ],
    ids=range(6),
)
def test_damaged_files_are_named(damage, written):
    written.write_bytes(damage(written.read_bytes()))
    for read in (files.read, files.read_header):
        with pytest.raises(header.WeightsError, match="tiny.safetensors is damaged, cut short or"):
            read(written)


def test_a_file_of_another_program_is_refused(written):
    written.write_bytes(safetensors.numpy.save({"weight": np.ones(3)}, {"format": "pt"}))
    with pytest.raises(header.WeightsError, match="was not written by this project"):
        files.read(written)


def test_missing_files_are_named(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(FileNotFoundError, match=f"no weights file {path}"):
            files.read(path)
