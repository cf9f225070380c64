"""Convolutions and pooling in the form that the platform computes fastest."""
