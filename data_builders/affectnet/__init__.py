"""AffectNet as a TensorFlow Datasets builder that needs no TensorFlow to prepare."""
