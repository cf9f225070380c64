"""Convolutions in plain lax, which XLA compiles well for TPU and GPU: see `convolutions`."""

from jax import lax

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def gather(x, kernel, stride, padding):
    """Convolution of (B, H, W, C) with (kh, kw, C, C_out)."""
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), ((padding, padding),) * 2, dimension_numbers=DIMENSIONS
    )


def scatter(x, kernel, size, stride, padding):
    """Transposed convolution of (B, H, W, C) with (kh, kw, C, C_out), to (B, *size, C_out)."""
    pads = []
    for side, have, want in zip(kernel.shape[:2], x.shape[1:3], size, strict=True):
        low = side - 1 - padding
        # Rows that a strided convolution left out on the far side get no gradient.
        pads.append((low, want + side - 1 - ((have - 1) * stride + 1) - low))
    return lax.conv_general_dilated(
        x,
        kernel[::-1, ::-1],
        (1, 1),
        pads,
        lhs_dilation=(stride, stride),
        dimension_numbers=DIMENSIONS,
    )
