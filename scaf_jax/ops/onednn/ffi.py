"""XLA's foreign function interface in ctypes: makes a Python function a target of custom calls.

The structures are those of `xla/ffi/api/c_api.h` (version 0.3), which jaxlib ships. JAX's own
callbacks copy what they are given and return; here the function gets addresses, and may have XLA's
own threads help it.
"""

import collections
import contextlib
import ctypes
import dataclasses
import itertools
import queue
from collections.abc import Callable, Sequence

import jax

from scaf_jax.ops.onednn import ending

_VERSION = (0, 3)
_METADATA_EXTENSION = 1
_INTERNAL_ERROR = 13
_Pointer = ctypes.c_void_p
_HEAD = [("struct_size", ctypes.c_size_t), ("extension_start", _Pointer)]


class InterfaceError(RuntimeError):
    """XLA's interface is another one than the structures here describe."""


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


_Task = ctypes.CFUNCTYPE(None, _Pointer)


class _ScheduleArguments(ctypes.Structure):
    _fields_ = [*_HEAD, ("context", _Pointer), ("task", _Task), ("data", _Pointer)]


class _CountArguments(ctypes.Structure):
    _fields_ = [*_HEAD, ("context", _Pointer), ("count", ctypes.POINTER(ctypes.c_int64))]


class _Api(ctypes.Structure):
    _fields_ = [
        *_HEAD,
        ("api_version", _ApiVersion),
        ("internal", _Pointer),
        ("create_error", ctypes.CFUNCTYPE(_Pointer, ctypes.POINTER(_ErrorArguments))),
        ("_unused", _Pointer * 10),
        ("schedule", ctypes.CFUNCTYPE(_Pointer, ctypes.POINTER(_ScheduleArguments))),
        ("count_threads", ctypes.CFUNCTYPE(_Pointer, ctypes.POINTER(_CountArguments))),
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
_thread_count: list[int] = []
_kept: list[object] = []  # what XLA holds addresses of


@dataclasses.dataclass(frozen=True)
class Call:
    """One custom call that is being computed.

    Attributes:
      numbers: Its attribute.
      inputs: Addresses of its inputs.
      output: Address of its one output.
    """

    numbers: tuple[int, ...]
    inputs: tuple[int, ...]
    output: int
    _frame: _CallFrame

    def count_threads(self) -> int:
        """Returns how many threads XLA computes with.

        Raises:
          RuntimeError: It has none.
        """
        # All of a process's computations share them.
        if not _thread_count:
            _thread_count.append(self._ask_thread_count())
        return _thread_count[0]

    def _ask_thread_count(self) -> int:
        count = ctypes.c_int64()
        arguments = _CountArguments(
            ctypes.sizeof(_CountArguments), None, self._frame.context, ctypes.pointer(count)
        )
        if self._frame.api.contents.count_threads(ctypes.byref(arguments)):
            raise RuntimeError("XLA has no threads for custom calls")
        return count.value

    def run_together(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Runs tasks in this thread and in those of XLA's that have nothing else to do.

        Raises:
          Exception: The first one of a task; the others are run nevertheless.
        """
        work = _Work(tasks)
        schedule = self._frame.api.contents.schedule
        for _ in range(min(len(tasks), self.count_threads()) - 1):
            key = next(_keys)
            _scheduled[key] = work
            arguments = _ScheduleArguments(
                ctypes.sizeof(_ScheduleArguments), None, self._frame.context, _help, key
            )
            schedule(ctypes.byref(arguments))
        work.help()
        work.wait()


class _Work:
    """Tasks that several threads take from one list.

    Who has nothing left to take waits only for what another thread has begun. So it does not matter
    whether XLA's threads come at all, or after the work is done.
    """

    def __init__(self, tasks: Sequence[Callable[[], None]]):
        self._left = collections.deque(tasks)
        self._results: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._count = len(tasks)

    def help(self) -> None:
        while True:
            try:
                task = self._left.popleft()
            except IndexError:
                return
            try:
                task()
            except Exception as error:
                self._results.put(error)
            else:
                self._results.put(None)

    def wait(self) -> None:
        results = [self._results.get() for _ in range(self._count)]
        for error in filter(None, results):
            raise error


_keys = itertools.count(1)
_scheduled: dict[int, _Work] = {}


_ending = ending.Ending()


@_Task
def _help(key: int) -> None:
    with contextlib.suppress(RuntimeError), _ending.call():
        _scheduled.pop(key).help()


def register(name: str, function: Callable[[Call], None]) -> None:
    """Makes a function the target `name` of custom calls on the CPU.

    The calls have one attribute, an array of int64. An exception of the function becomes the
    error of the computation.

    Args:
      name: What `jax.ffi.ffi_call` calls it.
      function: Called in one of XLA's threads; calls may overlap.

    Raises:
      InterfaceError: XLA's structures have other sizes than those here. Nothing is registered that
        a program could call then.
    """
    differences: list[str] = []

    def handle(frame_address: "ctypes._Pointer[_CallFrame]") -> int | None:
        frame = frame_address.contents
        if frame.extension_start and _answer(frame.extension_start):
            differences.extend(_differences(frame))
            return None
        try:
            numbers = frame.attributes.values[0].contents
            inputs = frame.arguments
            call = Call(
                tuple(numbers.data[: numbers.size]),
                tuple(inputs.buffers[i].contents.data for i in range(inputs.size)),
                frame.results.buffers[0].contents.data,
                frame,
            )
            with _ending.call():
                function(call)
        except Exception as error:
            return _error(frame, f"{name}: {error}")
        return None

    handler = _Handler(handle)
    _kept.append(handler)
    new_capsule = ctypes.pythonapi.PyCapsule_New
    new_capsule.restype = ctypes.py_object
    new_capsule.argtypes = [_Pointer, ctypes.c_char_p, _Pointer]
    capsule = new_capsule(ctypes.cast(handler, _Pointer), None, None)
    # XLA asks at once which version of the interface this is, with a frame as calls have it.
    jax.ffi.register_ffi_target(name, capsule, platform="cpu")
    if differences:
        raise InterfaceError("; ".join(differences))


def _differences(frame: _CallFrame) -> list[str]:
    """Says which of XLA's structures are not as large as those here."""
    sizes = [("call frame", frame.struct_size, ctypes.sizeof(_CallFrame))]
    if frame.api:
        # Later versions append functions, which are not needed here.
        given, known = frame.api.contents.struct_size, ctypes.sizeof(_Api)
        sizes.append(("list of functions", min(given, known), known))
    return [
        f"XLA's {name} has {given} bytes where {known} are known"
        for name, given, known in sizes
        if given != known
    ]


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
