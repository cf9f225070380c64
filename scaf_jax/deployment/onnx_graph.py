"""Builds an ONNX graph, one operation after the other; loading this module needs onnx."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx  # pyright: ignore[reportMissingImports]
from numpy.typing import NDArray
from onnx import helper, numpy_helper  # pyright: ignore[reportMissingImports]

Array = NDArray[Any]

# Runtimes of the years since 2022 know it, those of browsers and phones too.
OPSET = 17
_IR_VERSION = 8  # the one that came with it


class Graph:
    """Operations and constants; a value goes by its name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: Any) -> str:
        """Adds an array, or what NumPy makes one of; returns its name."""
        name = f"constant_{len(self._constants)}"
        array = np.asarray(value, order="C")  # which leaves single numbers without axes
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def floats(self, value: Any) -> str:
        """Adds float32 numbers; returns their name."""
        return self.constant(np.asarray(value, np.float32))

    def integers(self, value: Any) -> str:
        """Adds int64 numbers; returns their name."""
        return self.constant(np.asarray(value, np.int64))

    def __call__(self, operation: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Adds an operation with one output; returns the output's name.

        Args:
          operation: As ONNX calls it.
          *inputs: Names of values.
          name: Of the output; by default one that says its place.
          **attributes: The operation's.
        """
        name = name or f"{operation.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, inputs, [name], name, **attributes))
        return name

    def model(
        self,
        inputs: Mapping[str, tuple[str, Sequence[int | str]]],
        outputs: Mapping[str, tuple[str, Sequence[int | str]]],
        metadata: dict[str, str],
    ) -> bytes:
        """Returns the model, serialized.

        Args:
          inputs: By name, their type as NumPy calls it, and shape; a text is a size that may vary.
          outputs: Likewise.
          metadata: Texts that travel with it.

        Raises:
          onnx.checker.ValidationError: It is no valid model.
        """
        graph = helper.make_graph(
            self._nodes,
            "landmarks",
            [_value(name, *what) for name, what in inputs.items()],
            [_value(name, *what) for name, what in outputs.items()],
            self._constants,
        )
        model = helper.make_model(
            graph,
            producer_name="scaf_jax",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


def _value(name: str, dtype: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, shape)
