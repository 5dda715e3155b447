"""Trackers: boxes of successive frames linked to identities."""
