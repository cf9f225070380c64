"""Weights of stage 1 as one file that says what it is, and the one that comes along."""
