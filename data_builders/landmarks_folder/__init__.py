"""Photos of a folder with landmarks of a user's own, as a builder without TensorFlow."""
