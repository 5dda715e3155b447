"""Tracking as a stage of prediction: callbacks that give the results of successive frames to a tracker.

`Model.track` registers them; they do nothing in other modes, so a plain `predict` after it is one. Every stream has a
tracker of its own. Pictures that are no videos (a folder, a list, arrays one by one) count as one film.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ultralytics.cfg.errors import ConfigTypeError, ConfigValueError, close_names, named, shown
from ultralytics.cfg.schema import BOXES
from ultralytics.trackers.bot_sort import BOTSORT
from ultralytics.trackers.byte_tracker import USUAL_RATE, BYTETracker
from ultralytics.trackers.deep_oc_sort import DeepOCSORT
from ultralytics.trackers.fast_tracker import FASTTracker
from ultralytics.trackers.features import has_own_features, own_features
from ultralytics.trackers.oc_sort import OCSORT
from ultralytics.trackers.settings import complete, read_settings
from ultralytics.trackers.track_tracker import TRACKTRACK
from ultralytics.trackers.utils.reid import AUTO
from ultralytics.utils.downloads import is_url
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["TRACKER_MAP", "add_tracker", "on_predict_postprocess_end", "on_predict_start", "register_tracker"]

# Type in a YAML -> class. `add_tracker` enters further ones.
TRACKER_MAP: dict[str, type] = {
    "bytetrack": BYTETracker,
    "botsort": BOTSORT,
    "ocsort": OCSORT,
    "deepocsort": DeepOCSORT,
    "fasttrack": FASTTracker,
    "tracktrack": TRACKTRACK,
}
STAND_IN = "yolo26n-cls.pt"  # for appearance, where a detector shows no features of its own


def add_tracker(name: str) -> Callable[[type], type]:
    """Return a class decorator that makes a tracker known by a name, for `tracker_type:` in YAMLs.

    Its constructor takes the settings of the YAML (a namespace), and its `update(detections, image)` gives rows as
    `BYTETracker.update` does. Where it has `reset()`, that is called before each film.

    Raises:
        ValueError: the name belongs to a tracker of this package.
    """
    if name in TRACKER_MAP and TRACKER_MAP[name].__module__.startswith(__name__.rpartition(".")[0]):
        raise ValueError(f"'{name}' is a tracker of this package; choose another name.")

    def enter(cls: type) -> type:
        TRACKER_MAP[name] = cls
        return cls

    return enter


def register_tracker(model: Any, persist: bool) -> None:
    """Have a model's predictions tracked where they are made in the mode `track`.

    Args:
        model: object with a table of `callbacks`.
        persist: go on with the tracks of the last call, instead of starting anew.

    Raises:
        ConfigValueError: models of its task give no boxes.
    """
    _check_task(getattr(model, "task", None))
    for event, function in (
        ("on_predict_start", on_predict_start),
        ("on_predict_postprocess_end", on_predict_postprocess_end),
    ):
        others = [f for f in model.callbacks[event] if getattr(f, "func", None) is not function]
        model.callbacks[event] = [partial(function, persist=persist), *others]  # before those that look at ids


def _check_task(task: str | None) -> None:
    if task is not None and task not in BOXES:
        raise ConfigValueError(
            f"models for '{task}' cannot track: they give no boxes. Tasks that do: {', '.join(BOXES)}."
        )


def on_predict_start(predictor: Any, persist: bool = False) -> None:
    """Provide a tracker for every stream of a source.

    Args:
        predictor: with `args.tracker`.
        persist: keep the trackers of the last call, where its settings were the same.
    """
    if predictor.args.mode != "track":
        return
    _check_task(predictor.args.task)
    make, settings = _maker(predictor.args.tracker, predictor)
    known = getattr(predictor, "trackers", []) if getattr(predictor, "_tracked_by", None) == settings else []
    if not persist:
        known = [tracker for tracker in known if hasattr(tracker, "reset")]
        for tracker in known:
            tracker.reset()
    count = predictor.dataset.bs if predictor.source_type.stream else 1
    predictor.trackers = [*known, *(make() for _ in range(count - len(known)))]
    predictor._tracked_by = settings
    predictor.vid_path = [None] * len(predictor.trackers)  # film that every tracker is at


def _maker(file: str | Path, predictor: Any) -> tuple[Callable[[], Any], dict[str, Any]]:
    """Return what makes the tracker that a YAML asks for, and its settings."""
    with named("tracker", file):
        given = read_settings(file)
    kind = given["tracker_type"]
    cls = TRACKER_MAP.get(kind) or _imported(kind, file)
    own = getattr(cls, "tracker_type", None) == kind
    settings = vars(complete(given, kind, f"tracker '{file}'")) if own else given
    if own and settings.get("with_reid") and settings["model"] == AUTO and not has_own_features(predictor):
        LOGGER.warning(f"model='auto' of tracker '{file}': this detector shows no features; taking '{STAND_IN}'.")
        settings["model"] = STAND_IN
    arguments = type(complete(None, "bytetrack"))(**settings)
    return partial(cls, arguments), settings


def _imported(kind: str, file: str | Path) -> type:
    """Return the class that a YAML names as `my_module:MyTracker`; one from an address imports nothing.

    Raises:
        ConfigValueError: an unknown type, with the nearest known one.
        ConfigTypeError: the name is no tracker.
        ImportError: there is no such module or name.
    """
    module, colon, name = kind.partition(":")
    if not colon:
        close = close_names(kind, TRACKER_MAP)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise ConfigValueError(
            f"tracker '{file}': tracker_type={shown(kind)} is not known; it is one of "
            f"{', '.join(sorted(TRACKER_MAP))}, or your own class as 'my_module:MyTracker'.{hint}"
        )
    if is_url(str(file)):
        raise ConfigValueError(f"tracker '{file}' names code, '{kind}', which only a file of this machine may do.")
    try:
        cls = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # something that the module itself imports
        raise ImportError(
            f"tracker '{file}': there is no module '{module}' on the Python path; install it, or add its folder to "
            "PYTHONPATH."
        ) from None
    if not isinstance(cls, type) or not callable(getattr(cls, "update", None)):
        raise ConfigTypeError(f"tracker '{file}': '{kind}' is no class with update(detections, image).")
    return cls


def on_predict_postprocess_end(predictor: Any, persist: bool = False) -> None:
    """Give the results of a batch to the trackers, and put the tracks into them.

    Args:
        predictor: with `results`, which are replaced.
        persist: go on with the tracks of one film in the next.
    """
    trackers = getattr(predictor, "trackers", None)
    if predictor.args.mode != "track" or not trackers:
        return
    extras = _extras(predictor, trackers[0])
    for i, result in enumerate(predictor.results):
        slot = _slot(predictor, i)
        tracker = trackers[slot]
        film = str(predictor.batch[0][i]) if predictor.dataset.mode == "video" else ""
        if predictor.vid_path[slot] != film:
            later = predictor.vid_path[slot] is not None
            _begin_film(tracker, _frame_rate(predictor, slot), forget=later and not persist)
            predictor.vid_path[slot] = film
        predictor.results[i] = _tracked(tracker, result, extras[i])


def _extras(predictor: Any, tracker: Any) -> list[dict[str, Any]]:
    """Return for every picture of the batch what the tracker's `update` takes besides detections and picture."""
    made = getattr(type(tracker), "compute_frame_extras", None)
    extras = [dict(found) for found in made(predictor)] if made else [{} for _ in predictor.results]
    settings = getattr(tracker, "args", None)
    if getattr(settings, "with_reid", False) and getattr(settings, "model", None) == AUTO:
        dropped = [extra.get("dets_del") for extra in extras]
        for extra, features in zip(extras, own_features(predictor, dropped), strict=True):
            extra["feats"] = features
    return extras


def _slot(predictor: Any, i: int) -> int:
    """Return which tracker the picture at a position of the batch belongs to."""
    if not predictor.source_type.stream:
        return 0
    paths, sources = list(predictor.batch[0]), [str(source) for source in predictor.dataset.sources]
    order = getattr(predictor.dataset, "order", ())
    if len(order) == len(paths):
        return order[i]
    if len(paths) == len(sources):
        return i
    return sources.index(str(paths[i]))  # some streams have ended


def _frame_rate(predictor: Any, slot: int) -> float:
    """Return the frames a second that a tracker sees."""
    rates = getattr(predictor.dataset, "fps", None)
    if predictor.dataset.mode == "image" or not rates:
        return USUAL_RATE
    rate = rates[min(slot, len(rates) - 1)] if isinstance(rates, (list, tuple)) else rates
    return (rate or USUAL_RATE) / predictor.args.vid_stride


def _begin_film(tracker: Any, frame_rate: float, forget: bool) -> None:
    """Prepare a tracker for a film."""
    if hasattr(type(tracker), "frame_rate"):
        tracker.frame_rate = frame_rate
    if forget and hasattr(tracker, "reset"):
        tracker.reset()


def _tracked(tracker: Any, result: Any, extra: dict[str, Any]) -> Any:
    """Return results with the objects that a tracker follows, with their ids.

    Where it follows none, the results stay as they are, unless it waits to see whether it will.
    """
    part = "boxes" if result.obb is None else "obb"
    found, dropped = getattr(result, part), extra.get("dets_del")
    rows = np.asarray(tracker.update(found.cpu().numpy(), result.orig_img, **extra), dtype=np.float32)
    if not len(rows):
        waiting = any(not track.is_activated for track in getattr(tracker, "tracked_stracks", ()))
        return result[:0] if waiting else result
    if dropped is not None and (rows[:, -1] >= len(found)).any():
        both = torch.cat([torch.as_tensor(some.data).cpu() for some in (found, dropped.rows)])
        result.update(**{part: both.to(torch.as_tensor(found.data).device)})
    kept = result[torch.as_tensor(rows[:, -1].astype(np.int64))]
    kept.update(**{part: torch.as_tensor(rows[:, :-1], device=torch.as_tensor(found.data).device)})
    return kept


__getattr__, __dir__ = offer(__name__)
