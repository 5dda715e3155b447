"""The parts of a training run; `engine/trainer.py` puts them together."""
