"""Convolutions by oneDNN on a CPU, in place of XLA's own, where the library is installed."""
