"""MLflow: parameters, metrics and files of a run.

Where to is said by MLFLOW_TRACKING_URI or the user's script (else a data base in `<runs_dir>/mlflow`),
MLFLOW_EXPERIMENT_NAME (else the project, else `/Shared/Ultralytics`) and MLFLOW_RUN (else the run's name);
MLFLOW_KEEP_RUN_ACTIVE leaves the run open at the end.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from ultralytics.utils.callbacks.base import active_callbacks
from ultralytics.utils.callbacks.integration import Integration, functions_of, numbers, plot_files, train_scalars
from ultralytics.utils.env import env_bool
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.settings import runs_dir

__all__ = ["MLflow", "sanitize_dict"]

PREFIX = colorstr("MLflow: ")


def sanitize_dict(values: dict[str, Any]) -> dict[str, float]:
    """Return numbers under names without parentheses, which MLflow refuses."""
    return {key.replace("(", "").replace(")", ""): value for key, value in numbers(values).items()}


def _own_store() -> str:
    """Return the address of the data base in the folder of runs; MLflow 3 takes no plain folders any more."""
    return f"sqlite:///{(runs_dir() / 'mlflow' / 'mlflow.db').absolute().as_posix()}"


class MLflow(Integration):
    """Log parameters at the start, metrics each epoch, weights and pictures at the end."""

    name = "MLflow"
    started = False  # a run that ends with the training

    def on_pretrain_routine_end(self, trainer: Any) -> None:
        """Open the experiment and the run, and log all arguments."""
        import mlflow

        own = _own_store()
        if not mlflow.tracking.is_tracking_uri_set():  # by the environment or the user's script
            (runs_dir() / "mlflow").mkdir(parents=True, exist_ok=True)
            mlflow.set_tracking_uri(own)
        address = mlflow.get_tracking_uri()
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or str(trainer.args.project or "/Shared/Ultralytics")
        if address == own and mlflow.get_experiment_by_name(experiment) is None:
            files = (
                (runs_dir() / "mlflow" / "artifacts").absolute().as_uri()
            )  # else they would go where the user stands
            mlflow.create_experiment(experiment, artifact_location=files)
        mlflow.set_experiment(experiment)
        title = os.environ.get("MLFLOW_RUN") or str(trainer.args.name or trainer.save_dir.name)
        run = mlflow.active_run()
        self.started = run is None
        run = run or mlflow.start_run(run_name=title)
        mlflow.log_params(dict(vars(trainer.args)))
        LOGGER.info(f"{PREFIX}run {run.info.run_id} at {address}")

    def on_train_epoch_end(self, trainer: Any) -> None:
        """Log losses and learning rates."""
        import mlflow

        mlflow.log_metrics(sanitize_dict(train_scalars(trainer)), step=trainer.epoch)

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Log metrics."""
        import mlflow

        mlflow.log_metrics(sanitize_dict(trainer.metrics), step=trainer.epoch)

    def on_train_end(self, trainer: Any) -> None:
        """Log weights, tables and pictures; end the run unless it is to stay open."""
        import mlflow

        for file in (trainer.best, trainer.last):
            if file.exists():
                mlflow.log_artifact(str(file), artifact_path="weights")
        kept = [f for f in Path(trainer.save_dir).iterdir() if f.suffix in {".csv", ".yaml", ".png", ".jpg"}]
        for file in dict.fromkeys([*kept, *plot_files(trainer)]):
            mlflow.log_artifact(str(file))
        if env_bool("MLFLOW_KEEP_RUN_ACTIVE"):
            LOGGER.info(f"{PREFIX}the run stays open, close it with mlflow.end_run()")
        else:
            mlflow.end_run()
        self.started = False

    def teardown(self, trainer: Any) -> None:
        """Mark a run that has not come to its end as failed."""
        import mlflow

        if self.started:
            mlflow.end_run(status="FAILED")


on_pretrain_routine_end, on_train_epoch_end, on_fit_epoch_end, on_train_end, teardown = functions_of(MLflow)
SANITIZE = sanitize_dict  # name of 8.1
active = partial(active_callbacks, __name__)

__getattr__, __dir__ = offer(__name__, {"callbacks": f"{__name__}:active()"})
