"""Max-pooling in the form that suits the platform; see `convolutions`.

On CPU the gradient of XLA's own is slow, so there it is done along columns, then along rows.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from scaf_jax.ops import platform_forms


def max_pool(x: jax.Array, *, window: int = 3, stride: int = 2, padding: int = 1) -> jax.Array:
    """Maximum over square windows; outside the image counts as minus infinity.

    The gradient goes to the first maximum of a window in row-major order, as in plain lax.

    Args:
      x: (B, H, W, C) images.
      window: Side of the window.
      stride: Step of the window, in pixels.
      padding: Border of minus infinity on each of the four sides.

    Returns:
      (B, H', W', C) with H' = (H + 2 padding - window) // stride + 1.

    Raises:
      ValueError: If ``padding`` is not smaller than ``window``.
    """
    if not 0 <= padding < window:
        raise ValueError(f"padding must be in [0, window), not {padding} with window {window}")
    return _max_pool(x, window, stride, padding, platform_forms.wants_plain_lax())


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def _max_pool(x, window, stride, padding, plain):
    def cpu_form(x):
        return _pool_axis(_pool_axis(x, 2, window, stride, padding), 1, window, stride, padding)

    plain_form = functools.partial(_pool_plain, window=window, stride=stride, padding=padding)
    return platform_forms.choose(plain, plain_form, cpu_form, x)


def _max_pool_forward(x, window, stride, padding, plain):
    y = _max_pool(x, window, stride, padding, plain)
    return y, (x, y)


def _max_pool_backward(window, stride, padding, plain, saved, grad):
    def plain_form(x, y, grad):
        del y
        return jax.vjp(lambda x: _pool_plain(x, window, stride, padding), x)[1](grad)[0]

    def cpu_form(x, y, grad):
        middle = _pool_axis(x, 2, window, stride, padding)
        grad = _pool_axis_gradient(middle, y, grad, 1, window, stride, padding)
        return _pool_axis_gradient(x, middle, grad, 2, window, stride, padding)

    return (platform_forms.choose(plain, plain_form, cpu_form, *saved, grad),)


_max_pool.defvjp(_max_pool_forward, _max_pool_backward)


def _pool_plain(x, window, stride, padding):
    border = (padding, padding)
    return lax.reduce_window(
        x,
        -jnp.inf,
        lax.max,
        (1, window, window, 1),
        (1, stride, stride, 1),
        ((0, 0), border, border, (0, 0)),
    )


def _pad_axis(x, value, axis, low, high, interior=0):
    pads = [(0, 0, 0)] * x.ndim
    pads[axis] = (low, high, interior)
    return lax.pad(x, jnp.array(value, x.dtype), pads)


def _window_slices(x, axis, window, stride, padding):
    """The first, second, ... elements of all windows along an axis."""
    reach = (x.shape[axis] + 2 * padding - window) // stride * stride + 1
    x = _pad_axis(x, -jnp.inf, axis, padding, padding)
    return [lax.slice_in_dim(x, k, k + reach, stride, axis) for k in range(window)]


def _pool_axis(x, axis, window, stride, padding):
    return functools.reduce(jnp.maximum, _window_slices(x, axis, window, stride, padding))


def _pool_axis_gradient(x, y, grad, axis, window, stride, padding):
    reach = (y.shape[axis] - 1) * stride + 1
    taken = jnp.zeros(y.shape, bool)
    total = jnp.zeros(x.shape, x.dtype)
    for k, part in enumerate(_window_slices(x, axis, window, stride, padding)):
        share = jnp.where((part == y) & ~taken, grad, 0)
        taken = taken | (part == y)
        low = k - padding
        high = x.shape[axis] - low - reach
        total = total + _pad_axis(share, 0, axis, low, high, stride - 1)
    return total
