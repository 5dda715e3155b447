"""`python -m ultralytics`: the same as the `yolo` command."""

from ultralytics.cfg.cli import entrypoint

if __name__ == "__main__":
    entrypoint()
