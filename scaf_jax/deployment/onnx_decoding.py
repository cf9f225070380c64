"""From heatmaps (B, L, H, H) to landmarks in ONNX: what `landmarks/heatmaps` does."""

from collections.abc import Sequence

from scaf_jax.deployment import calibrated, onnx_graph
from scaf_jax.landmarks import heatmaps

Graph = onnx_graph.Graph

_FROM_THE_END = -(2**63)


def blurred(graph: Graph, maps: str, codec: heatmaps.HeatmapCodec) -> str:
    """Adds `box_blur`."""
    size = codec.blur_size
    return graph(
        "AveragePool", maps, kernel_shape=[size] * 2, pads=[size // 2] * 4, count_include_pad=1
    )


def mirrored(graph: Graph, images: str) -> str:
    """Adds the reversal of columns of (B, C, H, W)."""
    return _columns(graph, images, -1, _FROM_THE_END, -1)


def unmirrored(
    graph: Graph, maps: str, codec: heatmaps.HeatmapCodec, flip_permutation: Sequence[int]
) -> str:
    """Adds `HeatmapCodec.unmirror`."""
    maps = graph("Gather", mirrored(graph, maps), graph.integers(flip_permutation), axis=1)
    if codec.pixel_convention == "centers":
        return maps
    first = _columns(graph, maps, 0, 1, 1)
    return graph("Concat", first, _columns(graph, maps, 0, -1, 1), axis=3)


def heights(graph: Graph, smooth: str, name: str = "") -> str:
    """Adds the maxima (B, L) of blurred maps."""
    return graph("ReduceMax", smooth, name=name, axes=[2, 3], keepdims=0)


def nnm(graph: Graph, peaks: str, codec: heatmaps.HeatmapCodec, name: str) -> str:
    """Adds the score (B,) of the maxima (B, L); see `acquisition.landmarks_and_nnm`."""
    total = graph("ReduceSum", peaks, graph.integers([1]), keepdims=0)
    return graph("Mul", total, graph.floats(-(codec.blur_size**2)), name=name)


def confidences(graph: Graph, peaks: str, curves: calibrated.Pieces, name: str) -> str:
    """Adds `calibrated.confidences` of heights (B, L)."""
    beyond = graph(
        "Sub", graph("Unsqueeze", peaks, graph.integers([2])), graph.floats(curves.starts)
    )
    steps = graph("Max", graph("Min", beyond, graph.floats(curves.widths)), graph.floats(0.0))
    parts = graph("Mul", steps, graph.floats(curves.slopes))
    total = graph("ReduceSum", parts, graph.integers([2]), keepdims=0)
    return graph("Add", total, graph.floats(curves.base), name=name)


def landmarks(
    graph: Graph, smooth: str, codec: heatmaps.HeatmapCodec, decoder: str, count: int, name: str
) -> str:
    """Adds `HeatmapCodec.decode`, from blurred maps of `count` landmarks to (B, L, 2) x, y."""
    size = codec.heatmap_size
    flat = graph("Reshape", smooth, graph.integers([-1, count, size * size]))
    place = graph("ArgMax", flat, axis=2, keepdims=1, select_last_index=0)
    width = graph.integers(size)
    row = graph("Div", place, width)
    column = graph("Sub", place, graph("Mul", row, width))
    x, y = graph("Cast", column, to=1), graph("Cast", row, to=1)
    if decoder == "subpixel":
        shift_x, shift_y = _refined(graph, flat, column, row, codec)
        x, y = graph("Add", x, shift_x), graph("Add", y, shift_y)
    points = graph("Concat", x, y, axis=2)
    # Linear: its value at 0 and its slope say all.
    offset = float(codec.to_crop(0.0))  # pyright: ignore[reportArgumentType]
    scale = float(codec.to_crop(1.0)) - offset  # pyright: ignore[reportArgumentType]
    scaled = graph("Mul", points, graph.floats(scale))
    return graph("Add", scaled, graph.floats(offset), name=name)


def _refined(
    graph: Graph, flat: str, column: str, row: str, codec: heatmaps.HeatmapCodec
) -> tuple[str, str]:
    """Adds `refine_peaks`: how far the top is from the peak's pixel, x and y, (B, L, 1) each."""
    reach, size = codec.reach, codec.heatmap_size
    zero, last, width = graph.integers(0), graph.integers(size - 1), graph.integers(size)

    def moved(position: str, by: int) -> str:
        there = graph("Add", position, graph.integers(by))
        return graph("Max", graph("Min", there, last), zero)

    def log_value(dx: int, dy: int) -> str:
        place = graph("Add", graph("Mul", moved(row, dy), width), moved(column, dx))
        value = graph("GatherElements", flat, place, axis=2)
        return graph("Log", graph("Max", value, graph.floats(1e-6)))

    top = log_value(0, 0)
    twice = graph("Mul", top, graph.floats(2.0))

    def offset(before: str, after: str, position: str) -> str:
        curvature = graph("Sub", graph("Sub", twice, before), after)
        curvature = graph("Max", curvature, graph.floats(1e-6))
        slope = graph("Mul", graph("Sub", after, before), graph.floats(0.5 * reach))
        shift = graph("Div", slope, curvature)
        shift = graph("Max", graph("Min", shift, graph.floats(reach)), graph.floats(-reach))
        low = graph("GreaterOrEqual", position, graph.integers(reach))
        high = graph("Less", position, graph.integers(size - reach))
        return graph("Where", graph("And", low, high), shift, graph.floats(0.0))

    return (
        offset(log_value(-reach, 0), log_value(reach, 0), column),
        offset(log_value(0, -reach), log_value(0, reach), row),
    )


def _columns(graph: Graph, x: str, start: int, end: int, step: int) -> str:
    numbers = [graph.integers([value]) for value in (start, end, 3, step)]
    return graph("Slice", x, *numbers)
