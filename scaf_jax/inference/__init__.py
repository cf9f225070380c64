"""Trained networks that look at faces: what they are, what they are asked, one pass over all."""
