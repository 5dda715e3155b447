"""Search by Ray Tune: several trainings at a time, on one machine or many, of which ASHA stops the hopeless ones.

Ray chooses hyper-parameters, starts processes, keeps results and checkpoints; this file turns arguments and spaces into
Ray's, and trains inside a trial. A trial that was cut off, with its machine or its search, goes on from its checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ultralytics.cfg.errors import ConfigTypeError, ConfigValueError, close_names, shown
from ultralytics.cfg.merge import get_cfg
from ultralytics.cfg.tasks import TASK2METRIC
from ultralytics.cfg.values import is_number, read_hours
from ultralytics.engine.train import ddp
from ultralytics.engine.train.runfolder import claim_new
from ultralytics.engine.tune.records import find_search
from ultralytics.engine.tune.space import Choice, Gene, check_names, read_space
from ultralytics.utils.callbacks.integration import Guarded, numbers
from ultralytics.utils.callbacks.raytune import RayTune
from ultralytics.utils.checks import require
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.yaml_io import YAML

__all__ = ["RAY_SEARCH_ALG_REQUIREMENTS", "run_ray_tune"]

# Ray's name of a way to choose -> packages that it needs beside Ray.
RAY_SEARCH_ALG_REQUIREMENTS: dict[str, str | list[str] | None] = {
    "random": None,
    "ax": "ax-platform",
    "bayesopt": "bayesian-optimization==1.4.3",
    "bohb": ["hpbandster", "ConfigSpace"],
    "hebo": "HEBO>=0.2.0",
    "hyperopt": "hyperopt",
    "nevergrad": "nevergrad",
    "optuna": "optuna",
    "zoopt": "zoopt",
}
MARK = "tuner.pkl"  # file in every folder of a search by Ray
RETRIES = 1  # a trial whose process or machine was lost goes on from its checkpoint
REDUCTION = 3  # ASHA lets one of so many trials go on at each rung


def run_ray_tune(
    model: Any,
    space: Any = None,
    grace_period: int = 10,
    gpu_per_trial: float | None = None,
    iterations: int = 300,
    search_alg: str | None = "optuna",
    budget: Any = None,
    **train_args: Any,
) -> Any:
    """Search training arguments with Ray Tune.

    A Ray that is running or that `RAY_ADDRESS` names is used; else one is started on this machine and ended afterwards.

    Args:
        model: a `Model` with the network to train.
        space: as for `read_space`, or with Ray's own `tune.uniform(...)` and the like as values.
        grace_period: epochs before a trial may be stopped.
        gpu_per_trial: GPUs of a trial; None takes one where Ray has any. Without GPUs a trial gets one core.
        iterations: number of trials.
        search_alg: how to choose: a key of `RAY_SEARCH_ALG_REQUIREMENTS`, None for random, or a searcher of Ray.
        budget: hours, or a text such as "2h", after which all is stopped.
        **train_args: any training argument; `trainer` for a class of one's own; `resume=path` goes on with a search.

    Returns:
        Ray's `ResultGrid`. The folder of the search is its `experiment_path`.

    Raises:
        ImportError: Ray, or what `search_alg` needs, is not installed.
        ConfigError: an unknown argument, in `space` too, or a wrong value.
    """
    ddp.refuse_rerun()
    require("ray", extra="tune", why="use_ray=True")
    tune = require("ray.tune", extra="tune", why="use_ray=True")
    hours = None if budget is None else read_hours(budget)
    trainer, resume = train_args.pop("trainer", None), train_args.pop("resume", None)
    given = model._train_args(train_args, own_reader=trainer is not None)
    genes = ray_space(space, model.task)
    if given.get("optimizer") is None and "optimizer" not in genes:
        given["optimizer"] = "AdamW"  # 'auto' would ignore lr0 and momentum
    args, metric = get_cfg(overrides=given), TASK2METRIC[model.task]
    earlier = find_search(resume, given, model.task, MARK)
    folder = earlier or claim_new(args, name=args.name or "tune", reuse=args.exist_ok)
    weights = {"initial_weights": model.model} if model.ckpt and "model" not in genes else {}
    job = ddp.WorkerSpec(trainer or model._smart_load("trainer"), given, dict(model.callbacks), weights)
    with running_ray() as ray:
        gpus = _gpus(gpu_per_trial, given.get("device"), ray.cluster_resources().get("GPU", 0))
        place = {"folder": str(folder), "gpus": gpus, "cwd": os.getcwd()}
        trainable = tune.with_resources(
            tune.with_parameters(train_in_ray, payload=ddp.pack(job), place=place), {"cpu": 1, "gpu": gpus}
        )
        if earlier:
            tuner = tune.Tuner.restore(str(folder), trainable, resume_errored=True)
        else:
            plan = tune.TuneConfig(
                metric=metric,
                mode="max",
                num_samples=iterations,
                search_alg=_searcher(search_alg, metric, args.seed),
                scheduler=_asha(grace_period, args.epochs),
                time_budget_s=None if hours is None else hours * 3600,
            )
            tuner = tune.Tuner(
                trainable, param_space=genes, tune_config=plan, run_config=_run_config(tune, folder, args.verbose)
            )
        results = tuner.fit()
    _report(results, metric, folder)
    return results


@contextlib.contextmanager
def running_ray() -> Iterator[Any]:
    """Use the Ray that there is, or start one without dashboard and statistics for the length of the block."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray = require("ray", extra="tune", why="use_ray=True")
    if ray.is_initialized():
        yield ray
        return
    local = {} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
    ray.init(logging_level="warning", **local)
    try:
        yield ray
    finally:
        ray.shutdown()


def ray_space(space: Any, task: str | None) -> dict[str, Any]:
    """Return a space as Ray has it; what is Ray's own, or one fixed value, is left as it is.

    Raises:
        ConfigError: an argument that there is not, or a range that it does not take.
    """
    tune = require("ray.tune", extra="tune", why="use_ray=True")
    if not isinstance(space, Mapping):
        return {key: _domain(tune, gene) for key, gene in read_space(space, task).items()}
    check_names(map(str, space))
    ours = {
        key
        for key, given in space.items()
        if isinstance(given, (tuple, list)) or (isinstance(given, Mapping) and set(given) == {"choice"})
    }
    genes = read_space({key: space[key] for key in ours}) if ours else {}
    fixed = [key for key in space if key not in ours and (is_number(space[key]) or isinstance(space[key], (str, bool)))]
    checked = vars(get_cfg(overrides={key: space[key] for key in fixed}))
    found = {key: _domain(tune, genes[key]) if key in ours else space[key] for key in space}
    return found | {key: checked[key] for key in fixed}


def _run_config(tune: Any, folder: Path, verbose: bool) -> Any:
    """Return where results and checkpoints go, and what becomes of trials that end badly."""
    return tune.RunConfig(
        name=folder.name,
        storage_path=str(folder.parent),
        failure_config=tune.FailureConfig(max_failures=RETRIES),
        checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
        verbose=int(verbose),
    )


def _domain(tune: Any, gene: Gene) -> Any:
    if isinstance(gene, Choice):
        return tune.choice(list(gene.options))
    if gene.whole:
        return tune.randint(int(gene.low), int(gene.high) + 1)
    return tune.loguniform(gene.low, gene.high) if gene.logarithmic else tune.uniform(gene.low, gene.high)


def _gpus(asked: float | None, device: Any, there: float) -> float:
    """Return the GPUs of a trial.

    Raises:
        ConfigValueError: more than there are.
    """
    if asked is None:
        return 1 if there and str(device) != "cpu" else 0
    if not is_number(asked) or asked < 0:
        raise ConfigTypeError(f"gpu_per_trial={shown(asked)} is not valid; it takes a number of 0 or more.")
    if asked > there:
        raise ConfigValueError(f"gpu_per_trial={asked} is not possible; Ray has {there:g} GPUs.")
    return asked


def _asha(grace_period: int, epochs: int) -> Any:
    """Return the scheduler. A training ends by itself, and its last validation counts as an epoch more."""
    if isinstance(grace_period, bool) or not isinstance(grace_period, int) or grace_period < 1:
        raise ConfigValueError(f"grace_period={grace_period!r} is not valid; it takes a whole number of 1 or more.")
    schedulers = require("ray.tune.schedulers", extra="tune", why="use_ray=True")
    return schedulers.ASHAScheduler(
        time_attr="epoch", max_t=epochs + 2, grace_period=min(grace_period, epochs), reduction_factor=REDUCTION
    )


def _searcher(name: Any, metric: str, seed: int) -> Any:
    """Return what chooses the hyper-parameters.

    Raises:
        ConfigValueError: Ray has none of that name.
        ImportError: it needs a package that is not installed.
    """
    if name is not None and not isinstance(name, str):
        return name
    if name in (None, "random"):
        return require("ray.tune.search.basic_variant").BasicVariantGenerator(random_state=seed)
    if name not in RAY_SEARCH_ALG_REQUIREMENTS:
        close = close_names(name, RAY_SEARCH_ALG_REQUIREMENTS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        known = ", ".join(RAY_SEARCH_ALG_REQUIREMENTS)
        raise ConfigValueError(f"search_alg={name!r} is not valid; it is one of {known}.{hint}")
    if name == "optuna":
        require("optuna", extra="tune", why="search_alg=optuna")
        return require("ray.tune.search.optuna").OptunaSearch(metric=metric, mode="max", seed=seed)
    try:
        return require("ray.tune.search").create_searcher(name, metric=metric, mode="max")
    except (ImportError, AssertionError) as error:
        packages = RAY_SEARCH_ALG_REQUIREMENTS[name]
        packages = " ".join(packages if isinstance(packages, list) else [packages])
        raise ImportError(f"search_alg={name} needs packages that are not installed: pip install {packages}") from error


def _report(results: Any, metric: str, folder: Path) -> None:
    """Say what came out, and write the best hyper-parameters."""
    prefix = colorstr("Ray Tune: ")
    for error in results.errors:
        LOGGER.warning(f"a trial failed: {str(error).strip().splitlines()[-1]}")
    if not any(one.metrics and metric in one.metrics for one in results):
        LOGGER.warning(f"no trial has a result; logs are in {folder}")
        return
    best = results.get_best_result(metric, "max")
    YAML.save(folder / "best_hyperparameters.yaml", best.config, f"# of {best.path}\n")
    LOGGER.info(f"{prefix}{len(results)} trials, results in {folder}. The best: {best.config}")


# Inside a trial -------------------------------------------------------------------------------------------------------


class TrialReport(RayTune):
    """Reports every epoch to the trial, with the checkpoints of the run, from which Ray lets it go on."""

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Report metrics, the epoch's number from 1, and the weights."""
        from ray import tune

        metrics = {**numbers(trainer.metrics or {}), "epoch": trainer.epoch + 1}
        files = [file for file in (trainer.last, trainer.best) if file.is_file()]
        if not files:
            tune.report(metrics)
            return
        with tempfile.TemporaryDirectory(prefix="ultralytics-ray-") as folder:
            for file in files:
                shutil.copy2(file, folder)
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


class Strict(Guarded):
    """Runs one method of a logger; its errors end the run."""

    def __call__(self, runner: Any) -> None:
        getattr(self.logger, self.event)(runner)


def train_in_ray(config: Mapping[str, Any], payload: bytes, place: Mapping[str, Any]) -> None:
    """Train as a trial of Ray.

    Args:
        config: searched arguments and their values.
        payload: packed `WorkerSpec`.
        place: `folder` of the search, `gpus` of the trial, `cwd` to look files up from.
    """
    from ray import tune

    if Path(place["cwd"]).is_dir():
        os.chdir(place["cwd"])
    os.environ[ddp.WORKER_FLAG] = str(os.getppid())
    try:
        job = ddp.unpack(payload)
    finally:
        del os.environ[ddp.WORKER_FLAG]
    run = Path(place["folder"]) / "runs" / tune.get_context().get_trial_id()
    devices = ",".join(map(str, range(int(place["gpus"])))) or ("0" if place["gpus"] else "cpu")
    changes = {
        **config,
        "project": str(run.parent),
        "name": run.name,
        "exist_ok": True,
        "save_dir": None,
        "device": devices,
    }
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None:
        changes["resume"] = _put_back(checkpoint, run)
    job.callbacks.setdefault("on_fit_epoch_end", []).append(Strict(TrialReport(), "on_fit_epoch_end"))
    job.make_trainer(changes).train()


def _put_back(checkpoint: Any, run: Path) -> str:
    """Copy the weights of a checkpoint into the folder of a run; return the file to go on from."""
    (run / "weights").mkdir(parents=True, exist_ok=True)
    with checkpoint.as_directory() as folder:
        for file in Path(folder).glob("*.pt"):
            shutil.copy2(file, run / "weights" / file.name)
    return str(run / "weights" / "last.pt")
