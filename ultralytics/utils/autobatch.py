"""Public path of automatic batch sizes."""

from ultralytics.engine.train.autobatch import autobatch, check_train_batch_size
from ultralytics.utils.lazy import offer

__all__ = ["autobatch", "check_train_batch_size"]

__getattr__, __dir__ = offer(__name__)
