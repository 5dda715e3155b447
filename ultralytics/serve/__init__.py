"""`yolo serve`: a model behind HTTP, for other programs."""
