"""A landmark network's operations in ONNX, where images are (B, C, H, W)."""

from typing import Any

import numpy as np
from flax import nnx

from scaf_jax.deployment import onnx_graph
from scaf_jax.models import aligner, autoencoder, layers, resnet
from scaf_jax.training import preprocessing

Graph = onnx_graph.Graph


def normalized(graph: Graph, images: str) -> str:
    """Adds `preprocessing.normalize` of (B, S, S, 3) uint8; returns (B, 3, S, S)."""
    x = graph("Div", graph("Cast", images, to=1), graph.floats(255.0))
    x = graph("Sub", x, graph.floats(preprocessing.IMAGE_MEAN))
    return graph("Transpose", x, perm=[0, 3, 1, 2])


def heatmaps(graph: Graph, images: str, model: aligner.Aligner, input_size: int) -> str:
    """Adds an aligner.

    Args:
      graph: Where to.
      images: Name of the normalized images, (B, 3, S, S).
      model: The network, with its weights.
      input_size: S, in pixels.

    Returns:
      The name of the heatmaps, (B, L, H, H).
    """
    embeddings, features = _encoder(graph, images, model.encoder, input_size)
    generator, path = model.generator, model.transfer
    x = _dense(graph, embeddings, generator.dense)
    x = graph("Reshape", x, graph.integers([0, -1, 1, 1]))
    x = _relu_norm(graph, _transposed(graph, x, generator.seed), generator.seed_norm)
    resolution = 4
    for name, itl in path.itls.items():
        x = _upsampling_block(graph, x, generator.stages[name])
        resolution *= 2
        if name in path.bottlenecks:
            skip = _bottleneck(graph, features[resolution], path.bottlenecks[name])
            if name in path.gains:
                gain = np.asarray(path.gains[name][...])[:, None, None]
                skip = graph("Mul", skip, graph.floats(gain))
            x = graph("Add", x, skip)
        x = _convolution(graph, x, itl)
    return _transposed(graph, x, path.head)


def _encoder(
    graph: Graph, x: str, encoder: autoencoder.Encoder, size: int
) -> tuple[str, dict[int, str]]:
    x = _relu_norm(graph, _convolution(graph, x, encoder.stem), encoder.stem_norm)
    size //= encoder.stem.stride
    if encoder.has_pooling:
        x = graph("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        size //= 2
    features = {}
    for stage in encoder.stages.values():
        size //= stage.block0.conv1.stride
        x = _basic_block(graph, _basic_block(graph, x, stage.block0), stage.block1)
        features[size] = x
    pooled = graph("Flatten", graph("GlobalAveragePool", x))
    return _dense(graph, pooled, encoder.head), features


def _basic_block(graph: Graph, x: str, block: resnet.BasicBlock) -> str:
    y = _relu_norm(graph, _convolution(graph, x, block.conv1), block.norm1)
    y = _norm(graph, _convolution(graph, y, block.conv2), block.norm2)
    if block.has_projection:
        x = _norm(graph, _convolution(graph, x, block.projection), block.projection_norm)
    return graph("Relu", graph("Add", y, x))


def _upsampling_block(graph: Graph, x: str, block: resnet.UpsamplingBlock) -> str:
    y = _relu_norm(graph, _transposed(graph, x, block.conv1), block.norm1)
    y = _norm(graph, _convolution(graph, y, block.conv2), block.norm2)
    x = _norm(graph, _transposed(graph, x, block.projection), block.projection_norm)
    return graph("Relu", graph("Add", y, x))


def _bottleneck(graph: Graph, x: str, block: resnet.Bottleneck) -> str:
    a = _convolution(graph, _relu_norm(graph, x, block.norm1), block.conv1)
    b = _convolution(graph, _relu_norm(graph, a, block.norm2), block.conv2)
    c = _convolution(graph, _relu_norm(graph, b, block.norm3), block.conv3)
    return graph("Add", graph("Concat", a, b, c, axis=1), x)


def _convolution(graph: Graph, x: str, layer: layers.Conv) -> str:
    kernel = graph.floats(np.asarray(layer.kernel[...]).transpose(3, 2, 0, 1))
    return graph("Conv", x, kernel, strides=[layer.stride] * 2, pads=[layer.padding] * 4)


def _transposed(graph: Graph, x: str, layer: layers.ConvTranspose) -> str:
    kernel = graph.floats(np.asarray(layer.kernel[...]).transpose(2, 3, 0, 1))
    return graph("ConvTranspose", x, kernel, strides=[layer.stride] * 2, pads=[layer.padding] * 4)


def _relu_norm(graph: Graph, x: str, layer: nnx.BatchNorm) -> str:
    return graph("Relu", _norm(graph, x, layer))


def _norm(graph: Graph, x: str, layer: Any) -> str:
    parts = (layer.scale, layer.bias, layer.mean, layer.var)
    values = [graph.floats(np.asarray(part[...])) for part in parts]
    return graph("BatchNormalization", x, *values, epsilon=layer.epsilon)


def _dense(graph: Graph, x: str, layer: Any) -> str:
    kernel, bias = (np.asarray(part[...]) for part in (layer.kernel, layer.bias))
    return graph("Gemm", x, graph.floats(kernel), graph.floats(bias))
