"""300-W as a TensorFlow Datasets builder that needs no TensorFlow to prepare."""
