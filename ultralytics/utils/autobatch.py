"""Public path of automatic batch sizes."""

from ultralytics.engine.train.autobatch import autobatch, check_train_batch_size

__all__ = ["autobatch", "check_train_batch_size"]
