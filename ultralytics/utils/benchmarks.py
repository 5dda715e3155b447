"""Benchmark of all formats: names of the public interface."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ProfileModels": "ultralytics.engine.benchmark.profile:ProfileModels",
        "benchmark": "ultralytics.engine.benchmark.run:benchmark",
    },
)
