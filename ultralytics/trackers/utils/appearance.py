"""Appearance as a part of a tracker: where vectors of detections come from, and what they do to the cost of a link."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from ultralytics.trackers.basetrack import BaseTrack
from ultralytics.trackers.observations import Observations
from ultralytics.trackers.utils.matching import embedding_distance
from ultralytics.trackers.utils.reid import build_encoder
from ultralytics.utils.log import LOGGER

__all__ = ["Appearance", "with_features"]


class Appearance:
    """Compares how things look, where the settings want it.

    Args:
        settings: with `with_reid`, `model` and, for `better`, `proximity_thresh` and `appearance_thresh`.

    Attributes:
        encoder: what makes vectors of detections; None where a caller gives them, or appearance is not compared.
    """

    def __init__(self, settings: SimpleNamespace) -> None:
        self.settings = settings
        self.encoder = build_encoder(settings.with_reid, settings.model)
        self._told = False

    def described(self, found: Observations, img: np.ndarray | None) -> Observations:
        """Return detections with vectors, where there is something that makes them."""
        if self.encoder is None or img is None or not len(found):
            return found
        vectors = self.encoder(img, found)
        known = next((vector for vector in vectors if vector is not None), None)
        if known is None:
            return found
        return replace(found, features=np.array([np.zeros_like(known) if v is None else v for v in vectors]))

    def compared(self, detections: Observations) -> bool:
        """Whether detections are compared by appearance. Says once where they should be and have no vectors."""
        if not self.settings.with_reid or not len(detections):
            return False
        if detections.features is None and not self._told:
            self._told = True
            LOGGER.warning(
                "with_reid=True compares appearance, but there is none: with model='auto' pass update(..., feats=), "
                "with another model pass the picture."
            )
        return detections.features is not None

    def better(
        self, distance: np.ndarray, overlap: np.ndarray, tracks: Sequence[BaseTrack], detections: Observations
    ) -> np.ndarray:
        """Return costs (N, M): those given, or less where something near looks the same.

        Args:
            distance: (N, M) costs.
            overlap: (N, M) distance by overlap alone.
            tracks: N tracks.
            detections: M detections.
        """
        if not self.compared(detections):
            return distance
        looks = embedding_distance(tracks, detections) / 2
        near = overlap <= 1 - self.settings.proximity_thresh
        alike = looks <= 1 - self.settings.appearance_thresh
        return np.where(near & alike, np.minimum(distance, looks), np.minimum(distance, 1))


def with_features(tracks: Sequence[Any], seen: Observations) -> Iterator[tuple[Any, np.ndarray]]:
    """Yield every track with the vector of what was found of it; those without one are left out."""
    if seen.features is not None:
        for track, feature in zip(tracks, seen.features, strict=True):
            if feature.any():
                yield track, feature
