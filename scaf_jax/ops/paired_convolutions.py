"""Two transposed convolutions of the same images, in the form that suits the platform.

One wide convolution is faster than two narrow ones, except by oneDNN: there the copies that join
the kernels and cut the result apart cost more than a wide convolution gains.
"""

import functools

import jax
import jax.numpy as jnp

from scaf_jax.ops import convolutions, platform_forms
from scaf_jax.ops.onednn import convolutions as onednn


def conv_transpose2d_pair(
    x: jax.Array, first: jax.Array, second: jax.Array, *, stride: int, padding: int
) -> tuple[jax.Array, jax.Array]:
    """Returns `convolutions.conv_transpose2d` of `x` with each of two kernels.

    Args:
      x: (B, H, W, C) images.
      first: (kh, kw, C, C_1).
      second: (kh, kw, C, C_2), of the first's window.
      stride: Step of the window, in pixels of the results.
      padding: Rows and columns cut off on each of the four sides of the results.

    Raises:
      ValueError: If shapes or dtypes do not fit each other.
    """
    return _pair(x, first, second, stride, padding, platform_forms.wants_plain_lax())


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
def _pair(x, first, second, stride, padding, plain):
    forms = _forms(x, stride, padding)
    return platform_forms.choose(plain, *forms, x, first, second)


def _pair_forward(x, first, second, stride, padding, plain):
    return _pair(x, first, second, stride, padding, plain), (x, first, second)


def _pair_backward(stride, padding, plain, saved, grads):
    def backward(form):
        return lambda x, first, second, *grads: jax.vjp(form, x, first, second)[1](grads)

    plain_form, cpu_form = _forms(saved[0], stride, padding)
    return platform_forms.choose(plain, backward(plain_form), backward(cpu_form), *saved, *grads)


_pair.defvjp(_pair_forward, _pair_backward)


def _forms(x, stride, padding):
    """The form for accelerators and the one for the CPU."""
    convolve = functools.partial(convolutions.conv_transpose2d, stride=stride, padding=padding)

    def together(x, first, second):
        y = convolve(x, jnp.concatenate([first, second], axis=-1))
        split = first.shape[-1]
        return y[..., :split], y[..., split:]

    def apart(x, first, second):
        return convolve(x, first), convolve(x, second)

    return together, apart if onednn.is_usable(x.dtype) else together
