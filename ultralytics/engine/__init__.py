"""Modes and what they share: trainer, validator, predictor, exporter, results."""
