"""`Model`: the object behind `YOLO(...)`, one method per mode.

It owns what lasts between calls (network, checkpoint, callbacks, standing overrides) and hands every call's arguments,
merged once, to a trainer, validator, predictor or exporter. It does not know any task: subclasses return their bundles
from `task_map`.

Arguments never stick: each call starts from the standing overrides (model, task, and what a checkpoint was trained
with: imgsz, data, single_cls) and adds its own.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.cfg.errors import ConfigTypeError
from ultralytics.cfg.merge import cfg2dict, get_cfg
from ultralytics.cfg.schema import ARGS
from ultralytics.cfg.tasks import TASK2DATA, TASK_INFOS
from ultralytics.cfg.values import starts_anew
from ultralytics.data.describe.remembered import check_remembered, is_elsewhere
from ultralytics.engine.idle import warn_idle_methods
from ultralytics.engine.task import resolve
from ultralytics.nn.backends import FORMATS, format_of
from ultralytics.nn.backends.base import format_class
from ultralytics.nn.builder.names import guess_model_task, yaml_model_load
from ultralytics.nn.hooks import copy_network
from ultralytics.nn.weights.checkpoint import load_checkpoint, save_checkpoint
from ultralytics.utils.callbacks import add_integration_callbacks, get_default_callbacks
from ultralytics.utils.callbacks.integration import Guarded
from ultralytics.utils.checks import check_file, check_model_file_from_stem
from ultralytics.utils.env import ASSETS, VERSION, rank
from ultralytics.utils.lazy import LateDict, offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import printable
from ultralytics.utils.triton_address import is_triton_url
from ultralytics.utils.unbuilt import refuse

__all__ = ["Model"]

EXPORTER = "ultralytics.engine.exporter:Exporter"  # loaded when something is exported
BENCHMARK = "ultralytics.engine.benchmark.run:benchmark"
TRACKING = "ultralytics.trackers.track:register_tracker"  # and this when something is tracked
RECORDING = "ultralytics.trackers.mot:recorded"
TUNER = "ultralytics.engine.tuner:Tuner"  # these when arguments are searched
TUNING = "ultralytics.engine.tuner:OWN_ARGUMENTS"
RAY_SEARCH = "ultralytics.engine.tune.ray:run_ray_tune"
TRACK_CONF = 0.1  # score from which detections are tracked
MISSING_DATA = "'data' is missing"
STANDING_KEYS = ("imgsz", "data", "task", "single_cls")  # what a checkpoint's training arguments leave behind
PREDICTOR_SETUP_KEYS = ("device", "dnn", "data", "nms", "compile", "channels_last", "quantize", "trust")


class Model(nn.Module):
    """A network with its modes: train, val, predict, export ...

    Args:
        model: a checkpoint (`.pt`), a model YAML, an exported file or folder, the address of a model on a Triton server
            (`http://host:8000/name`, `grpc://host:8001/name`), or another `Model` to share state with. A bare stem of a
            public release name gets `.pt`.
        task: task name where the file does not tell it (exports without metadata).
        verbose: print the layer table of a model built from YAML.
        trust: open checkpoints with the ordinary unpickler. Only for files whose origin you trust: it runs whatever
            code the file holds.
    """

    def __init__(
        self,
        model: str | Path | Model = "yolo26n.pt",
        task: str | None = None,
        verbose: bool = False,
        trust: bool = False,
    ) -> None:
        super().__init__()
        warn_idle_methods(self)
        if isinstance(model, Model):
            self.__dict__ = model.__dict__
            return
        self.callbacks = get_default_callbacks()
        self.predictor = None
        self.trainer = None
        self.model: nn.Module | str | None = None
        self.ckpt: dict[str, Any] = {}
        self.cfg: str | None = None
        self.ckpt_path: str | None = None
        self.facts: Mapping[str, Any] = {}  # metadata of an exported file
        self.overrides: dict[str, Any] = {"trust": True} if trust else {}
        self.data_is_remembered = False  # overrides["data"] is what a file says, not what a call of this process said
        self.metrics = None
        self.task = task
        self.model_name = name = str(_checked_path(model)).strip()
        if Path(name).suffix in {".yaml", ".yml"}:
            self._new(name, task=task, verbose=verbose)
        else:
            self._load(name, task=task)

    # Construction -----------------------------------------------------------------------------------------------------

    def _new(
        self, cfg: str, task: str | None = None, verbose: bool = False, model: type[nn.Module] | None = None
    ) -> None:
        """Build an untrained network from a model YAML, of the task's class or of the class `model`."""
        parsed = yaml_model_load(cfg)
        self.cfg = cfg
        self.task = task or guess_model_task(parsed)
        channels = {"ch": parsed["channels"]} if parsed.get("channels") else {}
        network = model or self._smart_load("model")
        self.model = network(parsed, **channels, verbose=verbose and rank() in {-1, 0})
        self.overrides.update(model=self.cfg, task=self.task)
        self.model.args = {**get_cfg().as_dict(), "imgsz": TASK_INFOS[self.task].imgsz, **self.overrides}
        self.model.task = self.task

    def _load(self, weights: str, task: str | None = None) -> None:
        """Load a checkpoint, or remember the path or address of an exported model (its runtime opens it)."""
        remote = self.is_triton_model(weights)
        path = weights if remote else str(check_model_file_from_stem(weights))
        if not remote and path.lower().startswith(("http://", "https://", "rtsp://", "rtmp://")):
            path = str(check_file(path, download_dir=None))
        if Path(path).suffix == ".pt":
            self.model, self.ckpt = load_checkpoint(path, trust=bool(self.overrides.get("trust")))
            self.task = self.model.task
            self.overrides.update(self._reset_ckpt_args(self.model.args))
            self.data_is_remembered = bool(self.overrides.get("data"))
            self.ckpt_path = getattr(self.model, "pt_path", path)
        else:
            path = path if remote else str(check_file(path))
            if format_of(path) is None:
                raise ValueError(
                    f"'{weights}' is neither a checkpoint (.pt), a model YAML (.yaml) nor an exported model; "
                    f"known suffixes: {', '.join(facts.suffix for facts in FORMATS.values())}."
                )
            self.model = path
            self.facts = _facts_of_export(path)
            self.task = task or _task_of_export(path, self.facts)
            self.ckpt_path = path
        self.overrides.update(model=path, task=self.task)
        self.model_name = path

    def _smart_load(self, key: str) -> type:
        """Return the class that `task_map` names for this task.

        Args:
            key: `model`, `trainer`, `validator` or `predictor`.
        """
        tasks, name = self.task_map, type(self).__name__
        if self.task not in tasks and self.task in TASK_INFOS and TASK_INFOS[self.task].family:
            refuse(TASK_INFOS[self.task].family, f"task='{self.task}'")
        if self.task not in tasks or key not in tasks[self.task]:
            raise NotImplementedError(f"{name} has no {key} for task '{self.task}'; its tasks are {sorted(tasks)}.")
        return tasks[self.task][key]

    @staticmethod
    def _reset_ckpt_args(args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what later calls take over from the arguments that a checkpoint was trained with."""
        return {name: value for name, value in args.items() if name in STANDING_KEYS}

    @property
    def task_map(self) -> MutableMapping[str, MutableMapping[str, type]]:
        """Task name -> {"model", "trainer", "validator", "predictor"} classes."""
        raise NotImplementedError(f"{type(self).__name__} must return its tasks from 'task_map'.")

    def _check_is_pytorch_model(self) -> None:
        """Raise unless a PyTorch network is loaded: exported files predict and validate only."""
        if not isinstance(self.model, nn.Module):
            raise TypeError(
                f"'{self.model}' is an exported model: it can predict and validate, nothing else. For that, load the "
                "*.pt PyTorch model it was made from."
            )

    # Modes ------------------------------------------------------------------------------------------------------------

    def __call__(self, source: Any = None, stream: bool = False, **kwargs: Any) -> list | Iterator:
        """Alias of `predict`."""
        return self.predict(source, stream, **kwargs)

    def predict(
        self, source: Any = None, stream: bool | None = False, predictor: Any = None, **kwargs: Any
    ) -> list | Iterator[Any] | None:
        """Run the model on a source.

        Args:
            source: file, folder, glob, list, URL, array (HWC BGR uint8), PIL image, tensor (BCHW RGB 0..1), video,
                stream or "screen"; the packaged sample pictures when None.
            stream: return a generator instead of a list, so that memory stays flat on long sources; None runs to the
                end for what is written and printed, and keeps nothing.
            predictor: a predictor instance to use instead of the task's own.
            **kwargs: any prediction argument (conf, iou, imgsz, save ...).

        Returns:
            One `Results` per image, as a list or a generator.
        """
        if source is None:
            source = ASSETS
            LOGGER.warning(f"'source' is missing. Using 'source={source}'.")
        mode = "track" if kwargs.get("mode") == "track" else "predict"
        args = self._merge({"conf": 0.25, "batch": 1, "save": False, "rect": True, "embed": None}, kwargs, mode)
        prompts = args.pop("prompts", None)
        self.predictor = predictor or self._predictor_for(args)
        if prompts is not None and hasattr(self.predictor, "set_prompts"):
            self.predictor.set_prompts(prompts)
        return self.predictor(source=source, model=self.model, stream=stream)

    def _predictor_for(self, args: dict[str, Any]) -> Any:
        """Reuse the standing predictor, and with it the loaded runtime, unless the call changes how it is set up."""
        cls, fresh = self._smart_load("predictor"), get_cfg(overrides=args)
        old = self.predictor
        unchanged = type(old) is cls and all(
            getattr(old.args, k, None) == getattr(fresh, k, None) for k in PREDICTOR_SETUP_KEYS
        )
        if not unchanged:
            return cls(overrides=args, _callbacks=self.callbacks)
        old.reconfigure(fresh)
        old.callbacks = self.callbacks
        return old

    def embed(self, source: Any = None, stream: bool = False, **kwargs: Any) -> list | Iterator[torch.Tensor]:
        """Return one feature vector per image: the pooled output of the layers in `embed` (the last but one)."""
        self._check_is_pytorch_model()
        kwargs["embed"] = kwargs.get("embed") or [len(self.model.model) - 2]
        return self.predict(source, stream, **kwargs)

    def track(self, source: Any = None, stream: bool | None = False, persist: bool = False, **kwargs: Any) -> Any:
        """Run the model on a film or on live streams and give every object a number that it keeps.

        Args:
            source: as for `predict`: video, stream, camera, `.streams` list, or pictures that are frames of one film.
            stream: as for `predict`.
            persist: go on with the tracks of the last call; for frames that are given one by one.
            **kwargs: any prediction argument, and `tracker`, a YAML with the settings of a tracker. Detections are
                wanted from `conf` 0.1 on, since trackers have a use for weak ones. `tracks` is a file for the tracks of
                the film as MOT-Challenge rows, written when its last frame has passed (`trackers.mot`).

        Returns:
            One `Results` per frame, with `boxes.id` or `obb.id`, as a list or a generator.

        Raises:
            ConfigValueError: models of this task give no boxes; the tracker's YAML has an unknown key or a value out of
                range.
        """
        own = kwargs.get("predictor")
        if own is not None:
            own.args.mode = "track"
        resolve(TRACKING)(self if own is None else own, persist)
        if kwargs.get("conf") is None:
            kwargs["conf"] = TRACK_CONF
        file = ARGS["tracks"].check(kwargs.pop("tracks", self.overrides.get("tracks")))
        passing_on = file is not None and stream is None  # results are kept by nobody, but go by once
        results = self.predict(source, passing_on or stream, **{**kwargs, "mode": "track"})
        if file is None:
            return results
        passing = resolve(RECORDING)(results, file, kwargs.get("vid_stride") or self.overrides.get("vid_stride") or 1)
        if passing_on:
            for _ in passing:
                pass
            return None
        return passing if stream else list(passing)

    def val(self, validator: Any = None, **kwargs: Any) -> Any:
        """Validate on a data set and return the metrics object (also kept as `self.metrics`).

        Args:
            validator: a validator class to use instead of the task's own.
            **kwargs: any validation argument; without `data`, the data set of the training where it is on this machine.

        Raises:
            RememberedDataError: no `data`, and the checkpoint names an address or something that is not here.
        """
        args = self._merge({"rect": True}, kwargs, "val")
        if kwargs.get("data") is None:
            args["data"] = self._checked_data(self._val_data(), own_reader=validator is not None)
        runner = (validator or self._smart_load("validator"))(args=args, _callbacks=self.callbacks)
        runner(model=self.model)
        self.metrics = runner.metrics
        return self.metrics

    def _val_data(self) -> str | None:
        """Return the data set to validate on where a call names none.

        That is the one that the model was trained on, or the task's default where that one's file was on another
        machine.
        """
        trained, default = self.overrides.get("data"), TASK2DATA[self.task]
        if trained and (is_elsewhere(trained) or not Path(str(trained)).is_absolute() or _is_there(trained)):
            return trained
        lost = f"'{printable(trained, 200)}', which the model was trained on, is not there" if trained else MISSING_DATA
        LOGGER.warning(f"{lost}. Using default 'data={default}'.")
        return default

    def _checked_data(self, data: Any, own_reader: bool) -> Any:
        """Return the data set of a call that names none, unless a file names it and it is not here.

        Raises:
            RememberedDataError: it is an address, or a name that means nothing on this machine.
        """
        if self.data_is_remembered and data == self.overrides.get("data"):
            check_remembered(data, self.ckpt_path, own_reader)
        return data

    def train(self, trainer: Callable | None = None, **kwargs: Any) -> Any:
        """Train on a data set.

        Args:
            trainer: a trainer class to use instead of the task's own.
            **kwargs: any training argument; `cfg=file.yaml` supplies further ones below them.

        Returns:
            The metrics of the final validation (None on worker ranks).
        """
        self._check_is_pytorch_model()
        args = self._train_args(kwargs, own_reader=trainer is not None)
        runner = (trainer or self._smart_load("trainer"))(overrides=args, _callbacks=self.callbacks)
        if starts_anew(args.get("resume")) and self.ckpt:
            # Weights that came from a file (or were loaded into a YAML model) go into the trainer's own network, whose
            # class count is the data set's; a network only built from YAML is rebuilt by the trainer after seeding.
            runner.initial_weights = self.model
        self.trainer = runner
        runner.train()
        if rank() in {-1, 0}:
            self._adopt(runner)
        return self.metrics

    def _train_args(self, kwargs: Mapping[str, Any], own_reader: bool) -> dict[str, Any]:
        """Merge `cfg` file, standing overrides and call arguments for one training run."""
        kwargs = dict(kwargs)
        file = kwargs.pop("cfg", None)
        base = cfg2dict(file) if file else dict(self.overrides)
        base.pop("mode", None)
        args = {**base, "model": self.overrides["model"], "task": self.task, **kwargs, "mode": "train"}
        if args.get("data") is None:
            args["data"] = TASK2DATA[self.task]
            LOGGER.warning(f"{MISSING_DATA}. Using default 'data={args['data']}'.")
        if not file and not kwargs.get("data"):
            args["data"] = self._checked_data(args["data"], own_reader)
        if args.get("resume") is True:
            if not self.ckpt_path:
                raise ValueError("resume=True needs a checkpoint: YOLO('path/to/last.pt').train(resume=True).")
            args["resume"] = self.ckpt_path
        return args

    def _adopt(self, runner: Any) -> None:
        """Continue with the best weights of a finished training run."""
        weights = next((f for f in (runner.best, runner.last) if f.exists()), None)
        if weights is not None:
            trust = bool(self.overrides.get("trust"))
            self.model, self.ckpt = load_checkpoint(weights, trust=trust)
            self.ckpt_path = str(weights)
            self.overrides = self._reset_ckpt_args(self.model.args)
            self.data_is_remembered = False
            self.overrides.update({"model": str(weights), "task": self.task} | ({"trust": True} if trust else {}))
        self.metrics = getattr(runner.validator, "metrics", None)
        self.predictor = None

    def export(self, **kwargs: Any) -> str:
        """Export the network to another format and return the path of what was written."""
        self._check_is_pytorch_model()
        base = {"imgsz": self.model.args["imgsz"], "batch": 1, "data": None, "device": None, "verbose": False}
        args = self._merge(base, kwargs, "export")
        args["data"] = kwargs.get("data")  # not that of the training: exports name it themselves
        return resolve(EXPORTER)(overrides=args, _callbacks=self.callbacks)(model=self.model)

    def benchmark(self, data: Any = None, format: str = "", verbose: bool | float = False, **kwargs: Any) -> Any:
        """Measure this model in all export formats, or in those of `format`; see `engine.benchmark.run.benchmark`.

        Args:
            data: data set to validate on; by default that of the training, else the task's.
            format: one format, or several with commas.
            verbose: raise at the first format that fails; a number instead is the least value of the metric.
            **kwargs: `imgsz` (by default that of the training), `quantize`, `device`, `beside` (further models for the
                same table) and arguments of exports and validations.

        Returns:
            The table, one row for each format.
        """
        self._check_is_pytorch_model()
        args = {"imgsz": self.model.args["imgsz"], **kwargs}
        return resolve(BENCHMARK)(model=self, data=data, format=format, verbose=verbose, **args)

    def benchmark_data(self) -> str | None:
        """Return the data set that a benchmark validates on where its call names none: that of `val`."""
        return self._checked_data(self._val_data(), own_reader=False)

    def tune(self, use_ray: bool = False, iterations: int = 300, *args: Any, **kwargs: Any) -> Any:
        """Search the training arguments that give the best model, one training after another; see docs/tune.md.

        Args:
            use_ray: search with Ray Tune, several trainings at a time.
            iterations: number of trainings.
            *args: with `use_ray`: `space`, `grace_period` and `gpu_per_trial` of `run_ray_tune`.
            **kwargs: any training argument; `space`, `search`, `budget`, `resume`, `cleanup` and `trainer` of a search,
                or what `run_ray_tune` takes.

        Returns:
            The best hyper-parameters; with `use_ray` the results as Ray has them.
        """
        self._check_is_pytorch_model()
        if use_ray:
            return resolve(RAY_SEARCH)(self, *args, iterations=iterations, **kwargs)
        if args:
            raise TypeError("tune() takes further arguments by name; by position only with use_ray=True.")
        trainer, cleanup = kwargs.pop("trainer", None), kwargs.pop("cleanup", True)
        own = {key: kwargs.pop(key) for key in resolve(TUNING) if key in kwargs}
        if starts_anew(own.get("resume")):
            given = self._train_args(kwargs, own_reader=trainer is not None)
        else:
            given = {"model": self.overrides["model"], "task": self.task, **kwargs}
        search = resolve(TUNER)({**given, **own}, _callbacks=self.callbacks, model=self.model if self.ckpt else None)
        search.trainer = trainer or self._smart_load("trainer")
        return search(iterations, cleanup)

    def calibrate(self, data: Any, **kwargs: Any) -> tuple[float, float]:
        """Fit the scale of what the network gives to a data set: depth models have one.

        Distances d become `exp(a * ln(d) + b)`, in this network and in what `save` writes.

        Args:
            data: data set, of which the split `split` is used, `val` by default.
            **kwargs: any validation argument (imgsz, batch, device, split ...).

        Returns:
            a and b, 1 and 0 where distances are best left as they are.

        Raises:
            TypeError: models of this task have no scale.
        """
        self._check_is_pytorch_model()
        validator = self._smart_load("validator")
        if not hasattr(validator, "calibrate"):
            raise TypeError(f"calibrate fits the scale of distances, and this is a model for '{self.task}'.")
        args = self._merge({"plots": False}, {**kwargs, "data": data}, "val")
        record = validator(args=args, _callbacks=self.callbacks).calibrate(self.model)
        if record is None:
            return 1.0, 0.0
        self.ckpt = {**self.ckpt, "depth_calibration": record}
        self.predictor = None
        return record["a"], record["b"]

    def _merge(self, base: Mapping[str, Any], kwargs: Mapping[str, Any], mode: str) -> dict[str, Any]:
        """Merge one call's arguments: the task's image size < base < standing overrides < call."""
        unused = {"export": {"imgsz"}, "predict": {"data"}, "track": {"data"}}.get(mode, set())
        standing = {k: v for k, v in self.overrides.items() if k not in unused}
        return {"imgsz": TASK_INFOS[self.task].imgsz, **base, **standing, **kwargs, "mode": mode}

    # Weights ----------------------------------------------------------------------------------------------------------

    def load(self, weights: str | Path | nn.Module = "yolo26n.pt") -> Model:
        """Copy weights with equal names and shapes into this network; plain convolutions upcycle into dynamic ones."""
        self._check_is_pytorch_model()
        if isinstance(weights, (str, Path)):
            self.overrides["pretrained"] = str(weights)
            weights, self.ckpt = load_checkpoint(weights, trust=bool(self.overrides.get("trust")))
            self.overrides.pop("pretrained")
        else:
            self.ckpt = {"model": weights}
        self.model.load(weights)
        self.predictor = None
        return self

    def save(self, filename: str | Path = "saved_model.pt") -> None:
        """Write the network as a half-precision checkpoint (atomically)."""
        self._check_is_pytorch_model()
        network = copy_network(self.model, keep=_is_of_torch).half()
        network.criterion = None
        record = {
            **{k: v for k, v in self.ckpt.items() if k not in {"optimizer", "continuation"}},
            "model": network,
            "ema": None,
            "date": datetime.now().astimezone().isoformat(),
            "version": VERSION,
            "license": "AGPL-3.0 License (https://ultralytics.com/license)",
            "docs": "https://docs.ultralytics.com",
        }
        save_checkpoint(record, filename)

    def reset_weights(self) -> Model:
        """Initialise every layer anew and make all parameters trainable again."""
        self._check_is_pytorch_model()
        for module in self.model.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        for parameter in self.model.parameters():
            parameter.requires_grad = True
        self.overrides["pretrained"] = False
        self.ckpt = {}
        return self

    def info(self, detailed: bool = False, verbose: bool = True, imgsz: int | list[int] = 640) -> tuple | None:
        """Print and return (layers, parameters, gradients, GFLOPs)."""
        self._check_is_pytorch_model()
        return self.model.info(detailed=detailed, verbose=verbose, imgsz=imgsz)

    def fuse(self, verbose: bool = True, imgsz: int | list[int] = 640) -> Model:
        """Fold normalisation into the convolutions, dynamic ones included, in place."""
        self._check_is_pytorch_model()
        self.model.fuse(verbose=verbose)
        return self

    # State ------------------------------------------------------------------------------------------------------------

    @property
    def names(self) -> dict[int, str]:
        """Class index -> class name."""
        if isinstance(self.model, nn.Module):
            return self.model.names
        if self.predictor is None or self.predictor.model is None:
            self.predictor = self._smart_load("predictor")(overrides=self._merge({}, {"verbose": False}, "predict"))
            self.predictor.setup_model(self.model, verbose=False)
        return self.predictor.model.names

    @property
    def head_name(self) -> str:
        """Class name of the network's last layer, for an exported model as its file says; empty where unknown."""
        if not isinstance(self.model, nn.Module):
            return str(self.facts.get("head", ""))
        layers = getattr(self.model, "model", None)
        return type(layers[-1]).__name__ if isinstance(layers, nn.Sequential) and len(layers) else ""

    @property
    def device(self) -> torch.device | None:
        """Device of the network's parameters, None for an exported model."""
        return next(self.model.parameters()).device if isinstance(self.model, nn.Module) else None

    @property
    def transforms(self) -> Any:
        """Preprocessing stored with a classification model, else None."""
        return getattr(self.model, "transforms", None)

    def add_callback(self, event: str, func: Callable) -> None:
        """Call `func(runner)` at `event` (see `ultralytics.utils.callbacks`)."""
        self.callbacks[event].append(func)

    def clear_callback(self, event: str) -> None:
        """Drop all callbacks of `event`."""
        self.callbacks[event] = []

    def reset_callbacks(self) -> None:
        """Return to the default callbacks of every event."""
        self.callbacks = get_default_callbacks()

    def add_integrations(self) -> None:
        """Attach the callbacks of the installed and enabled loggers."""
        add_integration_callbacks(self)

    @staticmethod
    def is_triton_model(model: str) -> bool:
        """Return whether `model` is the URL of a model on a Triton server (`scheme://host/name`)."""
        return is_triton_url(model)

    def eval(self) -> Model:
        """Switch the network to evaluation mode."""
        if isinstance(self.model, nn.Module):
            self.model.eval()
        return self

    def _apply(self, fn: Callable, recurse: bool = True) -> Model:
        """Move or cast the network; the standing predictor no longer matches it."""
        self._check_is_pytorch_model()
        super()._apply(fn, recurse)
        self.predictor = None
        self.overrides["device"] = str(self.device)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave out of copies and pickles what belongs to this process: runs, and loggers with their open files.

        Layers, callbacks and overrides get tables of their own, so that a shallow copy may be given others.
        """
        callbacks = {name: [f for f in some if not isinstance(f, Guarded)] for name, some in self.callbacks.items()}
        return {
            **self.__dict__,
            "predictor": None,
            "trainer": None,
            "callbacks": defaultdict(list, callbacks),
            "overrides": dict(self.overrides),
            "_modules": dict(self._modules),
        }

    def __getattr__(self, name: str) -> Any:
        """Look unknown attributes up on the network."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            modules = self.__dict__.get("_modules", {})
            network = modules.get("model")
            if network is not None and name != "model":
                try:
                    return getattr(network, name)
                except AttributeError:
                    pass
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'.") from None


def _is_of_torch(hook: Any) -> bool:
    """Whether a hook is part of a layer, such as those of weight norm and pruning. A file has no use for others."""
    return (getattr(hook, "__module__", None) or type(hook).__module__).startswith("torch.")


def _checked_path(model: Any) -> str | os.PathLike:
    """Return the path of a model, or raise where it is something else."""
    if not isinstance(model, (str, os.PathLike)):
        raise ConfigTypeError(ARGS["model"].fault(model, ARGS["model"].allowed))
    return ARGS["model"].check(model)


def _is_there(path: str | Path) -> bool:
    """Whether a path exists; one that no file may have does not."""
    try:
        return Path(str(path)).exists()
    except (OSError, ValueError):
        return False


def _facts_of_export(path: str) -> Mapping[str, Any]:
    """Return the metadata of an exported model, none where its format cannot be read yet."""
    form = format_of(path)
    return format_class(form).peek(path if form.remote else Path(path)) if form.home else {}


def _task_of_export(path: str, facts: Mapping[str, Any]) -> str:
    """Return the task of an exported model: what the file says, else what its name says."""
    task = facts.get("task")
    return task if task in TASK_INFOS else guess_model_task(path)


def entries(bundles: Mapping[str, str]) -> MutableMapping[str, MutableMapping[str, type]]:
    """Turn `{task name: "package.module:BUNDLE"}` into a public `task_map`, whose classes are loaded when read."""
    return LateDict({task: lambda path=path: resolve(path).entry() for task, path in bundles.items()})


__getattr__, __dir__ = offer(__name__)
