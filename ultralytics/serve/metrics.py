"""What the server counts, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from ultralytics.utils.checks import require

__all__ = ["ServeMetrics"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PICTURES = (1, 2, 4, 8, 16, 32, 64)


class ServeMetrics:
    """Counters and histograms of one server, in a registry of their own.

    Args:
        waiting: returns how many pictures wait.
        held: returns how many bytes requests hold.
    """

    def __init__(self, waiting: Callable[[], float], held: Callable[[], float]) -> None:
        library = require("prometheus_client", "serve", "yolo serve")
        self.registry = library.CollectorRegistry()
        kind = {"registry": self.registry, "namespace": "yolo"}
        self.requests = library.Counter("requests", "Requests for predictions by status", ["code"], **kind)
        self.pictures = library.Counter("pictures", "Pictures that were answered", **kind)
        self.batch = library.Histogram("batch_pictures", "Pictures in a batch", buckets=PICTURES, **kind)
        self.model = library.Histogram("batch_seconds", "Seconds of a batch in the model", buckets=SECONDS, **kind)
        self.answer = library.Histogram("request_seconds", "Seconds of a request", buckets=SECONDS, **kind)
        library.Gauge("queue_pictures", "Pictures that wait", **kind).set_function(waiting)
        library.Gauge("held_bytes", "Bytes of bodies and pictures under way", **kind).set_function(held)
        self.content_type = library.CONTENT_TYPE_LATEST
        self._render = library.generate_latest

    def batch_ran(self, count: int, seconds: float) -> None:
        """Count a batch."""
        self.batch.observe(count)
        self.model.observe(seconds)
        self.pictures.inc(count)

    def answered(self, code: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(str(code)).inc()
        self.answer.observe(seconds)

    def text(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return self._render(self.registry)
