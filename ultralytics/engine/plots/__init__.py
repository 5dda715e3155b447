"""Pictures of runs: batches with boxes, curves, matrices, features."""
