"""Fair times on a machine that does other things too: rounds of alternating runs, and medians."""

import statistics
import time
from collections.abc import Callable, Mapping

Functions = Mapping[str, Callable[[], object]]
Times = dict[str, list[float]]


def alternate(
    functions: Functions,
    *,
    rounds: int,
    warmup: int = 1,
    clock: Callable[[], float] | None = None,
) -> Times:
    """Times functions by turns, so that whatever slows the machine down slows all of them.

    Args:
      functions: By name; each must return only when its work is done.
      rounds: How often each is timed; in a round every function runs once.
      warmup: Rounds before that whose times are not kept.
      clock: Tells the time: by default on the wall; `time.process_time` that of all processors.

    Returns:
      Seconds of each function, one for each round.

    Raises:
      ValueError: `rounds` is below 1 or `warmup` below 0.
    """
    if rounds < 1 or warmup < 0:
        raise ValueError(f"need 1 round or more and warmup >= 0, not {rounds} and {warmup}")
    times: Times = {name: [] for name in functions}
    for number in range(-warmup, rounds):
        for name, function in functions.items():
            seconds = seconds_of(function, clock)
            if number >= 0:
                times[name].append(seconds)
    return times


def seconds_of(function: Callable[[], object], clock: Callable[[], float] | None = None) -> float:
    """Runs a function once and returns how many seconds it took."""
    clock = clock or time.perf_counter
    start = clock()
    function()
    return clock() - start


def medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    """Returns the median of each list of times, in seconds."""
    return {name: statistics.median(values) for name, values in times.items()}


def rounds_within(budget: float, seconds_per_round: float, *, least: int, most: int) -> int:
    """Returns how many rounds fit into a budget of seconds, but at least `least`, at most `most`.

    Example:
      >>> rounds_within(20.0, 3.0, least=3, most=50)
      6
    """
    fitting = int(budget / seconds_per_round) if seconds_per_round > 0 else most
    return max(least, min(most, fitting))
