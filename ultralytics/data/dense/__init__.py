"""Data sets whose targets are maps: a class or a depth for every pixel."""
