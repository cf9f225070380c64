"""ONNX models compute what networks do, by onnxruntime."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install 'scaf_jax[onnx]'")
pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'scaf_jax[onnx]'")

import onnx  # pyright: ignore[reportMissingImports]

from scaf_jax.deployment import checks, onnx_program
from scaf_jax.inference import exported_network
from scaf_jax.landmarks import confidence
from scaf_jax.weights import fitted, header


@pytest.mark.parametrize(
    ("convention", "decoder", "options"),
    [
        ("centers", "subpixel", {"flip": True}),
        ("corners", "argmax", {"flip": True}),
        ("centers", "subpixel", {}),
        ("centers", "argmax", {"decode": False}),
    ],
)
def test_it_gives_what_the_network_gives(convention, decoder, options, make, describe, crops):
    network = make(convention, decoder)
    description = describe(network, **options)
    program = exported_network.onnx(onnx_program.program(network, description), "here")
    assert program.description == description
    ours = checks.own_outputs(network, description)(crops)
    found = checks.agreement(ours, program.ask(crops), description)
    assert found.is_close and found.moved[0] == 0, found
    one = program.ask(crops[1:2])
    for name, value in ours.items():
        np.testing.assert_allclose(one[name][0], value[1], rtol=1e-4, atol=1e-3)


def test_confidences_are_those_that_were_fitted(make, describe, crops):
    rng = np.random.default_rng(0)
    curves = np.sort(rng.uniform(0, 1, (68, 4)), axis=1)
    calibration = confidence.Calibration(
        kind="logistic",
        heights=(0.5, 1.0, 2.5, 3.0),
        confidences=tuple(map(tuple, curves.tolist())),
        right_percent=10.0,
        normalizer="outer_eye_corners",
        faces=50,
        error=0.01,
        origin="a test",
    )
    network = make(fitted=fitted.Fitted(confidence=calibration))
    description = describe(network)
    program = exported_network.onnx(onnx_program.program(network, description), "here")
    ours, theirs = checks.own_outputs(network, description)(crops), program.ask(crops)
    expected = calibration(ours["heights"])
    assert expected.std() > 0.1
    for found in (ours, theirs):
        np.testing.assert_allclose(found["confidences"], expected, atol=1e-5)


def test_only_float32(network, describe):
    with pytest.raises(ValueError, match="float32, not bfloat16"):
        onnx_program.program(network, describe(network, "bfloat16"))


def _with_opset(model, version):
    model.opset_import[0].version = version


def _with_metadata(model, text):
    del model.metadata_props[:]
    model.metadata_props.add(key=header.METADATA_KEY, value=text)


def _with_other_input(model):
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 32


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: _with_opset(m, 99), "cannot be run by onnxruntime.*opset"),
        (lambda m: _with_metadata(m, "{}"), "was not exported by this project"),
        (lambda m: _with_metadata(m, ""), "was not exported by this project"),
        (lambda m: m.metadata_props[0].CopyFrom(type(m.metadata_props[0])()), "was not exported"),
        (_with_other_input, "cannot be run|it takes"),
        (lambda m: m.graph.node.pop(), "cannot be run"),
        (lambda m: m.graph.initializer.pop(), "cannot be run"),
    ],
)
def test_models_that_cannot_be_used_are_refused(spoil, message, network, describe):
    model = onnx.load_from_string(onnx_program.program(network, describe(network)))
    spoil(model)
    with pytest.raises(header.WeightsError, match=f"here.*({message})"):
        exported_network.onnx(model.SerializeToString(), "here")


def test_damaged_files_are_refused(network, describe):
    content = onnx_program.program(network, describe(network))
    for damaged in (content[: len(content) // 2], b"", b"hello" * 100):
        with pytest.raises(header.WeightsError, match="here.*(cannot be run|not exported)"):
            exported_network.onnx(damaged, "here")
