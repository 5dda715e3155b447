"""Array maths on numpy arrays and tensors; knows nothing of models, files or settings."""
