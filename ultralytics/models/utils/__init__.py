"""Losses and matching of set-predicting detectors, under their public names."""
