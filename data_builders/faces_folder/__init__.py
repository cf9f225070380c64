"""Photos of a folder without landmarks, as a builder without TensorFlow."""
