"""Public path of the search by Ray Tune; its home is `ultralytics.engine.tune.ray`."""

from ultralytics.engine.tune.ray import RAY_SEARCH_ALG_REQUIREMENTS, run_ray_tune
from ultralytics.utils.lazy import offer

__all__ = ["RAY_SEARCH_ALG_REQUIREMENTS", "run_ray_tune"]

__getattr__, __dir__ = offer(__name__)
