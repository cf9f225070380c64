"""Processes that share the work of preparing faces."""

import concurrent.futures
import multiprocessing

import cv2


def pool(workers: int) -> concurrent.futures.ProcessPoolExecutor:
    """Returns a pool of processes in each of which OpenCV keeps to one thread.

    Args:
      workers: How many processes.
    """
    return concurrent.futures.ProcessPoolExecutor(
        workers,
        # Not forked: the parent may run threads (JAX, TFDS) that a fork would leave locked.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=cv2.setNumThreads,
        initargs=(1,),
    )
