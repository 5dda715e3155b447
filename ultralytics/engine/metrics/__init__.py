"""Metrics: matching, average precision, confusion matrix, and one class per task."""
