"""Arguments that several benchmarks take."""

import argparse


def positive(text: str) -> int:
    """Reads a whole number of 1 or more; for `argparse`'s `type`."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {value}")
    return value
