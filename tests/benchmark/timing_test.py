"""Alternating runs: order, number and medians; no test looks at how long anything takes."""

import pytest

from scaf_jax.benchmark import timing


def test_functions_alternate_and_warmup_is_not_kept():
    calls = []
    functions = {name: lambda name=name: calls.append(name) for name in ("a", "b")}
    times = timing.alternate(functions, rounds=3, warmup=2)
    assert calls == ["a", "b"] * 5
    assert {name: len(values) for name, values in times.items()} == {"a": 3, "b": 3}
    assert all(value >= 0 for values in times.values() for value in values)


def test_times_belong_to_their_function(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])

    def taking(seconds):
        def function():
            clock[0] += seconds

        return function

    times = timing.alternate({"short": taking(1.0), "long": taking(4.0)}, rounds=2)
    assert times == {"short": [1.0, 1.0], "long": [4.0, 4.0]}


@pytest.mark.parametrize(("rounds", "warmup"), [(0, 1), (1, -1)])
def test_senseless_rounds_are_refused(rounds, warmup):
    with pytest.raises(ValueError, match="need 1 round or more"):
        timing.alternate({}, rounds=rounds, warmup=warmup)


def test_medians():
    assert timing.medians({"a": [9.0, 1.0, 2.0], "b": [1.0, 3.0]}) == {"a": 2.0, "b": 2.0}


@pytest.mark.parametrize(("seconds", "rounds"), [(3.0, 6), (100.0, 3), (0.001, 50), (0.0, 50)])
def test_rounds_fit_the_budget_within_limits(seconds, rounds):
    assert timing.rounds_within(20.0, seconds, least=3, most=50) == rounds
