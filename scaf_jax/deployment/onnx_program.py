"""A landmark network as an ONNX model that holds its weights; needs onnx."""

from typing import Any

from scaf_jax.deployment import calibrated, onnx_decoding, onnx_graph, onnx_network
from scaf_jax.inference import bundle
from scaf_jax.training import state
from scaf_jax.weights import exported, header

BATCH = "batch"


def program(network: bundle.Bundle, description: exported.Description) -> bytes:
    """Returns the model, for any number of crops.

    Args:
      network: The network.
      description: What the model is to be.

    Raises:
      ValueError: It is to compute in another dtype than float32.
    """
    if description.dtype != "float32":
        raise ValueError(f"ONNX models compute in float32, not {description.dtype}")
    shape, graph = network.architecture, onnx_graph.Graph()
    size, maps_size, count = shape.input_size, shape.heatmap_size, shape.num_landmarks
    model: Any = state.merge(network.graphdef, network.params, network.batch_stats)
    images = onnx_network.normalized(graph, exported.INPUT)
    if description.decode:
        _decoded(graph, images, model, network, description)
        outputs = {
            "landmarks": ("float32", [BATCH, count, 2]),
            "heights": ("float32", [BATCH, count]),
            "nnm": ("float32", [BATCH]),
        }
        if network.fitted.confidence is not None:
            curves = calibrated.pieces(network.fitted.confidence)
            onnx_decoding.confidences(graph, "heights", curves, "confidences")
            outputs["confidences"] = ("float32", [BATCH, count])
    else:
        maps = onnx_network.heatmaps(graph, images, model, size)
        graph("Transpose", maps, name="heatmaps", perm=[0, 2, 3, 1])
        outputs = {"heatmaps": ("float32", [BATCH, maps_size, maps_size, count])}
    inputs = {exported.INPUT: ("uint8", [BATCH, size, size, 3])}
    return graph.model(inputs, outputs, {header.METADATA_KEY: description.to_json()})


def _decoded(
    graph: onnx_graph.Graph,
    images: str,
    model: Any,
    network: bundle.Bundle,
    description: exported.Description,
) -> None:
    shape, codec = network.architecture, network.codec
    size, count = shape.input_size, shape.num_landmarks
    if description.flip:
        both = graph("Concat", images, onnx_decoding.mirrored(graph, images), axis=0)
        maps = onnx_network.heatmaps(graph, both, model, size)
        sides = [2, -1, count, shape.heatmap_size, shape.heatmap_size]
        maps = graph("Reshape", maps, graph.integers(sides))
        own, other = (graph("Gather", maps, graph.integers(i), axis=0) for i in (0, 1))
        other = onnx_decoding.unmirrored(graph, other, codec, network.scheme.flip_permutation)
        mean = graph("Mul", graph("Add", own, other), graph.floats(0.5))
        smooth = onnx_decoding.blurred(graph, mean, codec)
        found = onnx_decoding.heights(graph, onnx_decoding.blurred(graph, own, codec))
        onnx_decoding.heights(graph, smooth, "heights")
    else:
        own = onnx_network.heatmaps(graph, images, model, size)
        smooth = onnx_decoding.blurred(graph, own, codec)
        found = onnx_decoding.heights(graph, smooth, "heights")
    onnx_decoding.landmarks(graph, smooth, codec, network.decoder, count, "landmarks")
    onnx_decoding.nnm(graph, found, codec, "nnm")
