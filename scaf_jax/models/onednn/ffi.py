"""XLA's foreign function interface in ctypes: makes a Python function a target of custom calls.

The structures are those of `xla/ffi/api/c_api.h` (version 0.3), which jaxlib ships. JAX's own
callbacks copy what they are given and return; here the function gets addresses.
"""

import ctypes
from collections.abc import Callable, Sequence

import jax

# The function gets the call's numbers, and the addresses of its inputs and of its one output.
Function = Callable[[Sequence[int], Sequence[int], int], None]

_VERSION = (0, 3)
_METADATA_EXTENSION = 1
_INTERNAL_ERROR = 13
_Pointer = ctypes.c_void_p
_HEAD = [("struct_size", ctypes.c_size_t), ("extension_start", _Pointer)]


class _ExtensionBase(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("type", ctypes.c_int), ("next", _Pointer)]


class _ApiVersion(ctypes.Structure):
    _fields_ = [*_HEAD, ("major", ctypes.c_int), ("minor", ctypes.c_int)]


class _Metadata(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("api_version", _ApiVersion),
        ("traits", ctypes.c_uint32),
        ("state_type_id", ctypes.c_int64),
    ]


class _MetadataExtension(ctypes.Structure):
    _fields_ = [("base", _ExtensionBase), ("metadata", ctypes.POINTER(_Metadata))]


class _Buffer(ctypes.Structure):
    _fields_ = [
        *_HEAD,
        ("dtype", ctypes.c_int),
        ("data", _Pointer),
        ("rank", ctypes.c_int64),
        ("sizes", _Pointer),
    ]


class _Buffers(ctypes.Structure):
    _fields_ = [
        *_HEAD,
        ("size", ctypes.c_int64),
        ("types", _Pointer),
        ("buffers", ctypes.POINTER(ctypes.POINTER(_Buffer))),
    ]


class _Numbers(ctypes.Structure):
    _fields_ = [
        ("dtype", ctypes.c_int),
        ("size", ctypes.c_size_t),
        ("data", ctypes.POINTER(ctypes.c_int64)),
    ]


class _Attributes(ctypes.Structure):
    _fields_ = [
        *_HEAD,
        ("size", ctypes.c_int64),
        ("types", _Pointer),
        ("names", _Pointer),
        ("values", ctypes.POINTER(ctypes.POINTER(_Numbers))),
    ]


class _ErrorArguments(ctypes.Structure):
    _fields_ = [*_HEAD, ("message", ctypes.c_char_p), ("code", ctypes.c_int)]


class _Api(ctypes.Structure):
    _fields_ = [
        *_HEAD,
        ("api_version", _ApiVersion),
        ("internal", _Pointer),
        ("create_error", ctypes.CFUNCTYPE(_Pointer, ctypes.POINTER(_ErrorArguments))),
    ]


class _CallFrame(ctypes.Structure):
    _fields_ = [
        *_HEAD,
        ("api", ctypes.POINTER(_Api)),
        ("context", _Pointer),
        ("stage", ctypes.c_int),
        ("arguments", _Buffers),
        ("results", _Buffers),
        ("attributes", _Attributes),
    ]


_Handler = ctypes.CFUNCTYPE(_Pointer, ctypes.POINTER(_CallFrame))
_kept: list[object] = []  # what XLA holds addresses of


def register(name: str, function: Function) -> None:
    """Makes a function the target `name` of custom calls on the CPU.

    The calls have one attribute, an array of int64. An exception of the function becomes the
    error of the computation.

    Args:
      name: What `jax.ffi.ffi_call` calls it.
      function: Called in one of XLA's threads; calls may overlap.
    """

    def handle(frame_address: "ctypes._Pointer[_CallFrame]") -> int | None:
        frame = frame_address.contents
        if frame.extension_start and _answer(frame.extension_start):
            return None
        try:
            numbers = frame.attributes.values[0].contents
            inputs = frame.arguments
            function(
                numbers.data[: numbers.size],
                [inputs.buffers[i].contents.data for i in range(inputs.size)],
                frame.results.buffers[0].contents.data,
            )
        except Exception as error:
            return _error(frame, f"{name}: {error}")
        return None

    handler = _Handler(handle)
    _kept.append(handler)
    new_capsule = ctypes.pythonapi.PyCapsule_New
    new_capsule.restype = ctypes.py_object
    new_capsule.argtypes = [_Pointer, ctypes.c_char_p, _Pointer]
    capsule = new_capsule(ctypes.cast(handler, _Pointer), None, None)
    jax.ffi.register_ffi_target(name, capsule, platform="cpu")


def _answer(extension: int) -> bool:
    """Tells XLA, if it is asking, which version of the interface this is."""
    extension_ = ctypes.cast(extension, ctypes.POINTER(_MetadataExtension)).contents
    if extension_.base.type != _METADATA_EXTENSION:
        return False
    metadata = extension_.metadata.contents
    metadata.api_version.major, metadata.api_version.minor = _VERSION
    metadata.traits = 0
    return True


def _error(frame: _CallFrame, message: str) -> int:
    arguments = _ErrorArguments(
        ctypes.sizeof(_ErrorArguments), None, message.encode(), _INTERNAL_ERROR
    )
    return frame.api.contents.create_error(ctypes.byref(arguments))
