"""Weights as one file that says what it is; the stage 1 that comes along."""
