"""What the host gives to whatever prepares faces."""

import os

# Cores of a host that its trainings need for themselves, and workers that one device can use.
_CORES_OF_A_TRAINING = 2
_MOST_WORKERS_PER_DEVICE = 16


def usable_cores() -> int:
    """Returns on how many cores this process may run, which may be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_workers(*, accelerators: int, cores: int, trainings: int = 1) -> int:
    """Returns how many worker processes feed a training; threads share the interpreter's lock.

    Args:
      accelerators: Devices of this process that are no CPUs.
      cores: Of the host, as many as may be used.
      trainings: Processes that share them, such as one for each device of the host.

    Returns:
      0 where the training computes on the CPU: it needs the cores, and is slower than any loader.

    Example:
      >>> default_workers(accelerators=1, cores=16), default_workers(accelerators=0, cores=2)
      (14, 0)
    """
    if not accelerators:
        return 0
    share = cores // max(1, trainings) - _CORES_OF_A_TRAINING
    return max(1, min(share, _MOST_WORKERS_PER_DEVICE * accelerators))
