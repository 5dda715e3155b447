"""Heads: networks that turn feature maps into raw predictions, and the decoding of these."""
