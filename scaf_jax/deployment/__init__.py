"""Landmark networks as programs for other runtimes: StableHLO and ONNX."""
