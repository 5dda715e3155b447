"""Train a tiny network for two epochs with one logger, in a process that refuses connections to other machines.

    python logger_run.py SETTING FOLDER

Everything that the logger keeps goes below FOLDER. Lists of addresses that were asked for end up in `asked.txt`.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACES = [str(HERE.parent), str(HERE.parents[1])]  # helpers of the tests, and the package
sys.path[:0] = PLACES
SETTINGS = ("tensorboard", "wandb", "mlflow", "clearml", "comet", "dvc", "raytune")


def environment(folder: Path) -> dict[str, str]:
    """Return variables that keep every logger offline and in the folder."""
    place = str(folder)
    paths = os.pathsep.join([*PLACES, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {
        "PYTHONPATH": paths,  # for workers of Ray
        **dict.fromkeys(("HOME", "YOLO_CONFIG_DIR", "WANDB_DIR", "CLEARML_CACHE_DIR", "MPLCONFIGDIR"), place),
        **{"COMET_OFFLINE_DIRECTORY": place, "RAY_TMPDIR": place, "TMPDIR": place},
        **{"WANDB_MODE": "offline", "COMET_MODE": "offline", "CLEARML_OFFLINE_MODE": "1", "DVC_NO_ANALYTICS": "1"},
        **{"RAY_USAGE_STATS_ENABLED": "0", "MLFLOW_DISABLE_TELEMETRY": "true", "YOLO_OFFLINE": "1"},
        **{"WANDB_SILENT": "true", "GIT_CONFIG_GLOBAL": str(folder / "none"), "GIT_CONFIG_NOSYSTEM": "1"},
    }


def refuse_connections(log: Path) -> None:
    """Let sockets reach this machine only; note what else was asked for."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{address[0]}\n")
            raise OSError("connections to other machines are refused in tests")
        connect(self, address)

    socket.socket.connect = guarded


def train(folder: Path, **changes: object) -> None:
    """Train on a drawn data set below the folder."""
    from train_helpers import make_data, settings

    from ultralytics import YOLO

    data = make_data(folder / "data")
    YOLO(data.with_name("net.yaml")).train(**{**settings(data, folder / "runs", plots=True, amp=False), **changes})


def main(logger: str, folder: Path) -> None:
    os.environ.update(environment(folder))
    os.chdir(folder)
    refuse_connections(folder / "asked.txt")

    from ultralytics.utils.settings import SETTINGS as KEPT

    KEPT.update({"runs_dir": str(folder / "runs"), **{name: name == logger for name in SETTINGS}})
    if logger == "raytune":
        from ray import tune

        tuner = tune.Tuner(
            tune.with_resources(lambda config: train(folder, **config), {"cpu": 1}),
            param_space={"lr0": 0.01},
            run_config=tune.RunConfig(storage_path=str(folder / "ray"), name="search", verbose=0),
        )
        tuner.fit()
    else:
        train(folder)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
