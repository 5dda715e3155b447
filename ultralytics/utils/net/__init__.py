"""Fetching files and unpacking archives."""
