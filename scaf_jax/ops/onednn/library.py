"""oneDNN as a shared library without Python functions: what is needed of its C interface.

Version 3 of `oneapi/dnnl/dnnl.h`. Everything that is made here is kept for the life of the process:
a training meets few different convolutions.
"""

import ctypes
import functools
import importlib.metadata
import os
from collections.abc import Sequence
from typing import Any

# The form of oneDNN whose threads would be oneTBB's. It gets none: XLA's threads call it.
PACKAGE = "onednn-cpu-tbb"
# Values of oneDNN's enumerations, by their names there.
SRC, DST, WEIGHTS, DIFF_SRC, DIFF_DST, DIFF_WEIGHTS, SCRATCHPAD = 1, 17, 33, 129, 145, 161, 80
_CPU, _IN_ORDER, _FLOAT32, _ANY_LAYOUT, _USER_SCRATCHPAD = 1, 1, 3, 1, 1

Pointer = ctypes.c_void_p

_FILE = "libdnnl.so.3"
# Loaded before, since the loader does not look for them where pip puts them.
_NEEDED = (
    ("intel-cmplr-lib-rt", "libintlc.so.5"),
    ("intel-cmplr-lib-rt", "libimf.so"),
)
_TBB = ("tbb", "libtbb.so.12")
# tbb::this_task_arena::max_concurrency()
_MAX_CONCURRENCY = "_ZN3tbb6detail2r115max_concurrencyEPKNS0_2d115task_arena_baseE"
_MAX_DIMENSIONS = 12
_MAJOR = 3
_TBB_RUNTIME = 4  # DNNL_RUNTIME_TBB


class LibraryError(RuntimeError):
    """oneDNN is not there, or refused what it was asked for."""


class NotInstalledError(LibraryError):
    """oneDNN's package is not installed, which is nobody's mistake: it is an extra."""


class _Version(ctypes.Structure):
    _fields_ = [
        *((part, ctypes.c_int) for part in ("major", "minor", "patch")),
        ("hash", ctypes.c_char_p),
        *((name, ctypes.c_uint) for name in ("cpu_runtime", "gpu_runtime")),
    ]


class _Argument(ctypes.Structure):
    _fields_ = [("role", ctypes.c_int), ("memory", Pointer)]


def arguments(*pairs: tuple[int, Pointer]) -> Any:
    """Returns roles and memories as `execute` takes them."""
    return (_Argument * len(pairs))(*(_Argument(*pair) for pair in pairs))


def execute(primitive: Pointer, arguments_: Any) -> None:
    """Computes; on a CPU it is done when the call returns.

    Raises:
      LibraryError: oneDNN says that it failed.
    """
    check(library().dnnl_primitive_execute(primitive, _stream(), len(arguments_), arguments_))


def new(function: str, *arguments_: Any) -> Pointer:
    """Calls a function of oneDNN that makes an object, and returns it.

    Raises:
      LibraryError: oneDNN refuses.
    """
    made = Pointer()
    check(getattr(library(), function)(ctypes.byref(made), *arguments_), function)
    return made


def check(status: int, what: str = "a computation") -> None:
    """Raises LibraryError if the status is not that of success."""
    if status:
        raise LibraryError(f"oneDNN: {what} failed with status {status}")


def new_memory(description: Pointer) -> Pointer:
    """Returns a memory object without an address."""
    return new("dnnl_memory_create", description, engine(), Pointer(0))


def describe(shape: Sequence[int], strides: Sequence[int]) -> Pointer:
    """Returns the description of float32 numbers in memory, strides in elements."""
    return new(
        "dnnl_memory_desc_create_with_strides", len(shape), sizes(shape), _FLOAT32, sizes(strides)
    )


def describe_any(shape: Sequence[int]) -> Pointer:
    """Returns the description of float32 numbers in the layout that oneDNN likes best."""
    return new("dnnl_memory_desc_create_with_tag", len(shape), sizes(shape), _FLOAT32, _ANY_LAYOUT)


def set_address(memory: Pointer, address: int) -> None:
    """Says where a memory begins."""
    check(_quick_library().dnnl_memory_set_data_handle(memory, Pointer(address)))


def query_description(plan: Pointer, what: int) -> Pointer:
    """Returns how a plan wants one of its memories to be laid out."""
    return Pointer(library().dnnl_primitive_desc_query_md(plan, what, 0))


def sizes(values: Sequence[int]) -> Any:
    """Returns whole numbers as oneDNN takes sizes, strides and paddings."""
    return (ctypes.c_int64 * _MAX_DIMENSIONS)(*values)


@functools.cache
def attributes() -> Pointer:
    """How computations are made: their working memory is the caller's."""
    made = new("dnnl_primitive_attr_create")
    check(library().dnnl_primitive_attr_set_scratchpad_mode(made, _USER_SCRATCHPAD))
    return made


@functools.cache
def engine() -> Pointer:
    """The CPU."""
    return new("dnnl_engine_create", _CPU, ctypes.c_size_t(0))


@functools.cache
def _stream() -> Pointer:
    return new("dnnl_stream_create", engine(), _IN_ORDER)


@functools.cache
def library() -> ctypes.CDLL:
    """Loads oneDNN from its Python package, after what it needs.

    Raises:
      NotInstalledError: Its package is not installed.
      LibraryError: A package that it needs is not there or has no such file, or it is another
        version than the numbers here are of.
    """
    _find(PACKAGE, _FILE)
    for package, name in _NEEDED:
        _load(package, name)
    count_threads()
    loaded = _load(PACKAGE, _FILE)
    _check_version(loaded)
    loaded.dnnl_primitive_desc_query_md.restype = Pointer
    loaded.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
    return loaded


@functools.cache
def _quick_library() -> ctypes.PyDLL:
    """For calls that are over at once: other Python threads wait rather than take turns."""
    return ctypes.PyDLL(library()._name)


def count_threads() -> int:
    """Returns how many threads oneTBB, and so oneDNN, uses: one, the calling thread.

    With threads of its own beside XLA's there were more than cores, and the operating system let a
    core rest for a seventh of a training step.

    Raises:
      LibraryError: oneTBB is not installed, or another one than it should be.
    """
    try:
        count = _load(*_TBB)[_MAX_CONCURRENCY]
    except AttributeError as error:
        raise LibraryError(f"oneTBB has no {_MAX_CONCURRENCY}") from error
    allowed = os.sched_getaffinity(os.getpid())
    # oneTBB counts the cores that it may use when it is asked first.
    os.sched_setaffinity(os.getpid(), {min(allowed)})
    try:
        return count(None)
    finally:
        os.sched_setaffinity(os.getpid(), allowed)


def _check_version(loaded: ctypes.CDLL) -> None:
    loaded.dnnl_version.restype = ctypes.POINTER(_Version)
    version = loaded.dnnl_version().contents
    # Within a major version oneDNN keeps its interface; a minor one may add to it.
    if version.major != _MAJOR or version.cpu_runtime != _TBB_RUNTIME:
        raise LibraryError(
            f"oneDNN {version.major}.{version.minor}.{version.patch} (threads of kind "
            f"{version.cpu_runtime}) is installed, needed is version {_MAJOR} with oneTBB's "
            f"({_TBB_RUNTIME}): pip install '{PACKAGE}=={_MAJOR}.*'"
        )


def _load(package: str, name: str) -> ctypes.CDLL:
    path = _find(package, name)
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise LibraryError(f"{path} cannot be loaded: {error}") from error


def _find(package: str, name: str) -> str:
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError as error:
        kind = NotInstalledError if package == PACKAGE else LibraryError
        raise kind(f"the package {package} is not installed") from error
    paths = [str(file.locate()) for file in files if file.name == name]
    if not paths:
        raise LibraryError(f"the package {package} has no {name}")
    return paths[0]
