"""Pixels: reading files, caching, buffers and canvases."""
