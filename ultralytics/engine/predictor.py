"""`BasePredictor`: sources in, `Results` out.

A run takes pictures from a source in batches, letterboxes them, runs the network, and lets the task's stages turn its
output into results; writing, showing and timing happen around that. Tasks differ only in their bundle (`spec`);
subclasses may override any public step.

Several runs of one predictor may be under way at the same time (a generator that is not used up, then a further call):
what belongs to a run is kept in a record and made current for each of its batches.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from ultralytics.cfg.errors import named
from ultralytics.cfg.merge import DEFAULT_CFG, get_cfg, get_save_dir, require_whole_batch
from ultralytics.cfg.schema import ARGS
from ultralytics.data.augment.letterbox import LetterBox
from ultralytics.data.images.depth import as_bytes
from ultralytics.data.sources import load_inference_source
from ultralytics.engine.idle import warn_idle_methods
from ultralytics.engine.plots.features import class_activation_map
from ultralytics.engine.predict_output import DEFAULT_FPS, RunOutput, SourceNames
from ultralytics.engine.runtime import open_runtime
from ultralytics.engine.task import Frame, SelectOptions, Task, check_classes
from ultralytics.nn.backends.watch import NetworkWatch
from ultralytics.nn.hooks import evaluating
from ultralytics.utils.callbacks import add_integration_callbacks, get_default_callbacks
from ultralytics.utils.checks import check_imgsz
from ultralytics.utils.display import window_trouble
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.timing import Profile

__all__ = ["STREAM_WARNING", "BasePredictor"]

DEFAULT_CONF = 0.25
LONG_SOURCE = 1000  # items above which a list of results is worth a warning
SAVE_KEYS = ("project", "name", "save_dir", "exist_ok")  # arguments that choose the output folder
OUTPUT_KEYS = ("save", "save_txt", "save_crop", "show")  # arguments that make a run write or show something
# Attributes of a predictor that has not run.
_IDLE = {
    "model": None,
    "device": None,
    "dataset": None,
    "source_type": None,
    "batch": None,
    "results": None,
    "outputs": None,
    "plotted_img": None,
    "transforms": None,
    "done_warmup": False,
    "_output": None,
    "_watch": None,
}
STREAM_WARNING = (
    "the results of this source are collected in a list, which grows with every frame. For long videos, streams and "
    "folders use a generator: for result in model(source, stream=True): ..."
)


@dataclass
class _Run:
    """What belongs to one pass over a source."""

    args: SimpleNamespace
    save_dir: Path
    given: bool  # results go to the caller one by one
    dataset: Any = None
    source_type: Any = None
    imgsz: Any = None
    output: RunOutput | None = None
    batches: int = 0
    seen: int = 0
    shape: tuple[int, ...] = ()


class BasePredictor:
    """Runs a model on sources.

    Args:
        cfg: configuration file, mapping or namespace.
        overrides: values on top of it.
        _callbacks: event name to list of functions; the defaults when None.

    Attributes:
        args: the merged configuration of the current call.
        save_dir: folder for what the call writes.
        model: `AutoBackend`, after `setup_model`.
        imgsz: height and width of the network input, after `setup_source`.
        dataset: the source's loader; `source_type` tells its kind.
        batch: paths, original pictures and log lines of the current batch.
        results: results of the current batch.
        outputs: output of the network for the current batch, and its input, while the callbacks of
            `on_predict_postprocess_end` run: trackers look at what is not in the results.
        plotted_img: last annotated picture.
        vid_writer: open video writers of the current run by path.
        seen: pictures so far in the current run.
    """

    spec: Task | None = None
    scale_fill = False  # True stretches pictures to the input size instead of letterboxing them

    def __init__(
        self,
        cfg: Any = DEFAULT_CFG,
        overrides: dict[str, Any] | None = None,
        _callbacks: dict[str, list[Callable]] | None = None,
    ) -> None:
        warn_idle_methods(self)
        self.args = self._checked(get_cfg(cfg, overrides))
        self.save_dir = get_save_dir(self.args)
        self.model: Any = None
        self.device: torch.device | None = None
        self.imgsz: Any = None
        self.dataset: Any = None
        self.source_type: Any = None
        self.batch: tuple | None = None
        self.results: list | None = None
        self.plotted_img: np.ndarray | None = None
        self.vid_writer: dict = {}
        self.transforms: Any = None
        self.seen = 0
        self.windows: list[str] = []
        self.done_warmup = False
        self.txt_path: Path | None = None
        self.outputs: tuple[Any, torch.Tensor] | None = None
        self.callbacks = _callbacks or get_default_callbacks()
        self._output: RunOutput | None = None
        self._names: SourceNames | None = None  # lasts over the calls that write to one folder
        self._given = True  # results of the next run go to the caller one by one
        self._stopped = False
        self._cannot_show = False  # said once
        self._item = self._live_frame = (
            0  # picture that is being written: position in its batch, frame of a live source
        )
        self._watch: NetworkWatch | None = None  # of the network that `model` is a folded copy of
        self._lock = threading.RLock()
        add_integration_callbacks(self)

    @staticmethod
    def _checked(args: SimpleNamespace) -> SimpleNamespace:
        if args.conf is None:
            args.conf = DEFAULT_CONF
        args.batch = require_whole_batch("predict", args.batch)
        return args

    def reconfigure(self, args: SimpleNamespace) -> None:
        """Take the arguments of a further call; nothing of the last call's stays.

        A new output folder is made only where an argument that chooses it changed.
        """
        fresh = self._checked(args)
        if any(getattr(fresh, key, None) != getattr(self.args, key, None) for key in SAVE_KEYS):
            self.save_dir = get_save_dir(fresh)
        self.args = fresh

    # Steps that tasks and users may override --------------------------------------------------------------------------

    def pre_transform(self, im: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return pictures (H, W, C) brought to the network's input size.

        Pictures of one shape get the smallest border that fits the stride, where the model takes any size; otherwise
        all are brought to `imgsz`.
        """
        free_size = self.model.format == "pt" or self.model.dynamic
        alike = len({x.shape for x in im}) == 1
        auto = alike and bool(self.args.rect) and free_size and not self.scale_fill
        letterbox = LetterBox(self.imgsz, auto=auto, scale_fill=self.scale_fill, stride=self.model.stride)
        return [letterbox(image=x) for x in im]

    def preprocess(self, im: torch.Tensor | Sequence[np.ndarray]) -> torch.Tensor:
        """Return the network input (B, C, H, W), RGB, 0..1, on the model's device.

        Args:
            im: (H, W, C) BGR pictures, uint8 or of any type that a source may have, or a tensor that is the network
                input already.
        """
        if isinstance(im, torch.Tensor):
            return im.to(self.model.device, self._dtype)
        return self._as_input(self.pre_transform([as_bytes(x) for x in im]))

    def _as_input(self, pictures: Sequence[np.ndarray]) -> torch.Tensor:
        """Return (H, W, C) BGR uint8 pictures of one size as network input (B, C, H, W), RGB, 0..1."""
        pixels = torch.from_numpy(_stacked_rgb(pictures)).to(self.model.device).permute(0, 3, 1, 2)
        if self.model.format != "pt":
            pixels = pixels.contiguous()  # networks take pixels with their channels together, as pictures have them
        return pixels.to(self._dtype).div_(255)

    @property
    def _dtype(self) -> torch.dtype:
        """Return the precision of the network input; the runtime may go on in another one."""
        return torch.float16 if self.model.fp16 else torch.float32

    def inference(self, im: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """Return the network's output for a batch."""
        if self.args.visualize and not self.source_type.tensor:
            self._visualize(im)
        augment = self.args.augment and self.model.format == "pt"
        return self.model(im, *args, augment=augment, embed=self.args.embed, **kwargs)

    def postprocess(self, preds: Any, img: torch.Tensor, orig_imgs: Any) -> list:
        """Return one `Results` per picture.

        Args:
            preds: the network's output.
            img: (B, C, H, W) network input.
            orig_imgs: original pictures, (H, W, C) BGR, or the source tensor (B, C, H, W).
        """
        detections = self.spec.select(preds, self.select_options())
        pictures = zip(self.originals(orig_imgs), self.batch[0], strict=True)
        frames = [self.frame(img, picture, path) for picture, path in pictures]
        return [self.spec.finish(found, frame) for found, frame in zip(detections, frames, strict=True)]

    def select_options(self) -> SelectOptions:
        """Return the thresholds of the current call."""
        classes = self.args.classes
        return SelectOptions(
            conf=self.args.conf,
            iou=self.args.iou,
            classes=[classes] if isinstance(classes, int) else classes,
            agnostic=self.args.agnostic_nms,
            max_det=self.args.max_det,
            end2end=self.model.end2end,
        )

    def frame(self, img: torch.Tensor, orig_img: np.ndarray, path: str) -> Frame:
        """Return what the finishing stage has to know about one picture of the batch `img` (B, C, H, W)."""
        info = {"retina_masks": self.args.retina_masks, "kpt_shape": getattr(self.model, "kpt_shape", None)}
        return Frame(image=orig_img, path=str(path), input_hw=tuple(img.shape[2:]), names=self.model.names, info=info)

    @staticmethod
    def originals(orig_imgs: Any) -> Sequence[np.ndarray]:
        """Return the original pictures (H, W, C) BGR; a source tensor (B, C, H, W), RGB, 0..1, is converted."""
        if not isinstance(orig_imgs, torch.Tensor):
            return orig_imgs
        array = (orig_imgs.detach().float().permute(0, 2, 3, 1).clamp(0, 1) * 255).round().byte().cpu().numpy()
        return [np.ascontiguousarray(x[..., ::-1]) if x.shape[-1] == 3 else x for x in array]

    # Calling ----------------------------------------------------------------------------------------------------------

    def __call__(
        self, source: Any = None, model: Any = None, stream: bool | None = False, *args: Any, **kwargs: Any
    ) -> list | Iterator | None:
        """Return results for a source, as a list or, with `stream`, as a generator; None keeps none, `predict_cli`."""
        if stream is None:
            return self.predict_cli(source, model)
        self._given = stream
        results = self.stream_inference(source, model, *args, **kwargs)
        if stream:
            return results
        collected = []
        for result in results:
            if not collected and self._is_long():
                LOGGER.warning(STREAM_WARNING)
            collected.append(result)
        return collected

    def _is_long(self) -> bool:
        """Whether a list of this source's results may outgrow the memory."""
        live = self.dataset.mode == "stream" or self.source_type.stream or self.source_type.screenshot
        return bool(live or len(self.dataset) > LONG_SOURCE or any(getattr(self.dataset, "video_flag", ())))

    def predict_cli(self, source: Any = None, model: Any = None) -> None:
        """Run on a source for what it writes and prints; results are not kept."""
        self._given = False
        for _ in self.stream_inference(source, model):
            pass

    def setup_model(self, model: Any, verbose: bool = True) -> None:
        """Load a network, checkpoint or export. The user's own network is not changed."""
        self.model = open_runtime(self.args, model, verbose)
        self.device = self.model.device
        self.done_warmup = False
        self._watch = NetworkWatch(model) if isinstance(model, nn.Module) else None

    def _is_outdated(self, model: Any) -> bool:
        """Whether the network that was loaded has changed since, or is not the one to predict with any more."""
        return self._watch is not None and not self._watch.holds(self._watch.network if model is None else model)

    def setup_source(self, source: Any, stride: int | None = None) -> None:
        """Open a source and settle the input size.

        Args:
            source: whatever `load_inference_source` takes.
            stride: multiple that the input sides must be of; the model's when None.
        """
        wanted = self.args.imgsz
        if self.model.format != "pt" and not self.model.dynamic:
            wanted = self.model.imgsz  # a fixed export takes its own size only
        self.imgsz = check_imgsz(wanted, stride=stride or self.model.stride, min_dim=2)
        source = ARGS["source"].check(source)
        with named("source", source):
            self.dataset = load_inference_source(
                source=source,
                batch=self.args.batch,
                vid_stride=self.args.vid_stride,
                buffer=self.args.stream_buffer,
                channels=self.model.channels,
            )
        self.source_type = self.dataset.source_type

    def _open_output(self) -> None:
        """Prepare for what a run over the source writes."""
        self.source_type = self.dataset.source_type
        if self._names is None or self._names.folder != Path(self.save_dir):
            self._names = SourceNames(Path(self.save_dir))
        live = bool(self.source_type.stream or self.source_type.screenshot)
        self._output = RunOutput(Path(self.save_dir), self._names, live)
        self.vid_writer = self._output.videos
        self.seen = 0

    def stream_inference(self, source: Any = None, model: Any = None, *args: Any, **kwargs: Any) -> Iterator:
        """Return a generator of results. Arguments are those of now; the source is opened at the first item."""
        run, self._given = _Run(args=self.args, save_dir=Path(self.save_dir), given=self._given), True
        return self._stream(run, source, model, args, kwargs)

    @torch.inference_mode()
    def _stream(self, run: _Run, source: Any, model: Any, args: tuple, kwargs: dict[str, Any]) -> Iterator:
        try:
            timers = self._start(run, source, model)
            for batch in run.dataset:
                run.batches += 1
                with self._lock:
                    self._resume(run, batch)
                    results = self._process(run, timers, args, kwargs)
                if run.given and getattr(run.dataset, "mode", "image") == "image":
                    run.output.settle()  # files of a picture are there before its result is
                yield from results
                if self._stopped:
                    break
        finally:  # where the garbage collector may be, of a generator that was given up: nothing waits for threads here
            if run.dataset is not source:  # else it is the caller's, who may go on with it
                getattr(run.dataset, "close", lambda: None)()
            if run.output is not None:
                run.output.close()
            self._close_windows()
        with self._lock:
            self._resume(run)
            self._report(run, timers)
            self.run_callbacks("on_predict_end")

    def _start(self, run: _Run, source: Any, model: Any) -> tuple[Profile, Profile, Profile]:
        """Open model and source of a run and return its stopwatches: preprocess, inference, postprocess."""
        with self._lock:
            self.args, self.save_dir, self._stopped = run.args, run.save_dir, False
            if self.model is None or self._is_outdated(model):
                # The command line introduces itself, a call from Python need not.
                self.setup_model(self._watch.network if model is None and self._watch else model, verbose=False)
            if run.args.augment and self.model.format != "pt":
                LOGGER.warning("augment=True needs a PyTorch model (.pt); predicting with one view.")
            if run.args.verbose:
                LOGGER.info("")
            self.setup_source(run.args.source if source is None else source)
            run.dataset = self.dataset
            self._open_output()
            run.source_type = self.source_type
            run.imgsz, run.output = self.imgsz, self._output
            if not self.done_warmup:
                count = 1 if self.model.format == "pt" else self.dataset.bs
                self.model.warmup(imgsz=(count, self.model.channels, *self.imgsz))
                self.done_warmup = True
            self.run_callbacks("on_predict_start")
        return Profile(device=self.device), Profile(device=self.device), Profile(device=self.device)

    def _resume(self, run: _Run, batch: tuple | None = None) -> None:
        """Make a run current; another one may have used this predictor since its last batch."""
        self.args, self.save_dir, self.imgsz = run.args, run.save_dir, run.imgsz
        self.dataset, self.source_type, self.seen = run.dataset, run.source_type, run.seen
        self._output, self.vid_writer, self._live_frame = run.output, run.output.videos, run.batches
        self.batch = batch or self.batch

    def _process(self, run: _Run, timers: Sequence[Profile], args: tuple, kwargs: dict[str, Any]) -> list:
        """Run one batch and return its results, or one feature vector per picture."""
        self.run_callbacks("on_predict_batch_start")
        paths, originals, lines = self.batch
        with timers[0]:
            im = self.preprocess(originals)
        with timers[1]:
            preds = self.inference(im, *args, **kwargs)
        run.shape = tuple(im.shape)
        if self.args.embed:
            return [preds] if isinstance(preds, torch.Tensor) else list(preds)
        with timers[2]:
            self.results = self.postprocess(preds, im, originals)
            if self.model.format != "pt":
                self._check_classes()
        self.outputs = preds, im
        self.run_callbacks("on_predict_postprocess_end")
        self.outputs = None
        speed = [timer.dt * 1e3 / len(originals) for timer in timers]
        wanted = self.args.verbose or any(getattr(self.args, key) for key in OUTPUT_KEYS)
        for i, result in enumerate(self.results):
            self.seen = run.seen = run.seen + 1
            result.speed = dict(zip(("preprocess", "inference", "postprocess"), speed, strict=True))
            result.save_dir = str(self.save_dir)
            result.owned()
            if wanted:
                lines[i] += self.write_results(i, Path(paths[i]), im, lines)
        if self.args.verbose:
            LOGGER.info("\n".join(lines))
        if self.callbacks.get("on_predict_batch_end"):
            run.output.settle()
        self.run_callbacks("on_predict_batch_end")
        return self.results

    def _check_classes(self) -> None:
        """Refuse results whose classes the file does not name, before anything looks them up."""
        for result in self.results:
            for rows in (getattr(result, "boxes", None), getattr(result, "obb", None)):
                if rows is not None:
                    check_classes(torch.as_tensor(rows.cls), result.names, self.args.model)
            if (probs := getattr(result, "probs", None)) is not None:
                check_classes(torch.tensor([len(probs) - 1]), result.names, self.args.model)

    def _report(self, run: _Run, timers: Sequence[Profile]) -> None:
        """Log mean times and where files went."""
        if self.args.verbose and run.seen:
            spent = [timer.t / run.seen * 1e3 for timer in timers]
            shape = (min(self.args.batch, run.seen), *run.shape[1:])
            LOGGER.info(
                f"Speed: {spent[0]:.1f}ms preprocess, {spent[1]:.1f}ms inference, {spent[2]:.1f}ms postprocess "
                f"per image at shape {shape}"
            )
        if run.seen and (self.args.save or self.args.save_txt or self.args.save_crop):
            LOGGER.info(f"Results saved to {colorstr('bold', self.save_dir)}")
        if run.seen and self.args.save_txt:
            folder = Path(self.save_dir) / "labels"
            written = (folder.glob(pattern) for pattern in ("*.txt", "*.png", "*.npy"))  # rows, class maps, depth
            count = sum(len(list(files)) for files in written)
            LOGGER.info(f"{count} label{'s' * (count != 1)} saved to {folder}")

    # Output -----------------------------------------------------------------------------------------------------------

    def write_results(self, i: int, p: Path, im: torch.Tensor, s: Sequence[str]) -> str:
        """Write and show what was asked for of one picture, and return its part of the console line.

        Args:
            i: position in the batch.
            p: path of the source.
            im: (B, C, H, W) network input.
            s: log lines of the batch so far.
        """
        result, args, self._item = self.results[i], self.args, i
        frame = self._frame_number(s[i])
        name = self._output_name(p, s[i])
        self.txt_path = Path(self.save_dir) / "labels" / name
        if args.save or args.show:
            self.plotted_img = result.plot(
                line_width=args.line_width, boxes=args.show_boxes, conf=args.show_conf, labels=args.show_labels
            )
        if args.save_txt:
            self._output.labels(result, name, args.save_conf)
        if args.save_crop:
            result.save_crop(Path(self.save_dir) / "crops", file_name=f"{name}.jpg")
        if args.show:
            self.show(str(p))
        if args.save:
            Path(self.save_dir).mkdir(parents=True, exist_ok=True)
            self.save_predicted_images(self._target(p), frame)
        prefix = f"{self._place(i)}: " if self._numbered() else ""
        height, width = im.shape[-2:]
        return f"{prefix}{height}x{width} {result.verbose()}{result.speed['inference']:.1f}ms"

    def _output_name(self, p: Path, line: str) -> str:
        """Return the stem of what is written of one picture; frames have their number."""
        moving = self.dataset.mode != "image"
        return self._output.stem(p) + (f"_{self._frame_number(line)}" if moving else "")

    def _target(self, p: Path) -> Path:
        """Return the path in the run folder that a source's annotated picture, or video, is named after."""
        suffix = p.suffix if p.suffix[1:].isalnum() else ".jpg"  # addresses of streams have dots and colons
        return Path(self.save_dir) / f"{self._output.stem(p)}{suffix}"

    def _numbered(self) -> bool:
        """Whether lines start with the position in the batch: live streams and data from memory have no path."""
        kind = self.source_type
        return bool(kind.stream or kind.from_img or kind.tensor)

    def _place(self, i: int) -> int:
        """Return which of the sources picture `i` of the batch is from; some live ones may have sent none."""
        order = getattr(self.dataset, "order", ())
        return order[i] if i < len(order) else i

    def _frame_number(self, line: str) -> int:
        """Return the number of the current frame: that in its log line, else how many batches a live source gave."""
        found = re.search(r"\(frame (\d+)/", line)
        return int(found[1]) if found else self._live_frame

    def save_predicted_images(self, save_path: str | Path, frame: int = 0) -> None:
        """Write the last annotated picture: a file of its own, or the next frame of a video.

        Args:
            save_path: path in the run folder; pictures get the suffix `.jpg`, videos that of their format.
            frame: number of the frame.
        """
        if self.dataset.mode not in ("video", "stream"):
            self._output.image(Path(save_path), self.plotted_img)
            return
        fps = getattr(self.dataset, "fps", None)
        fps = fps[min(self._place(self._item), len(fps) - 1)] if isinstance(fps, (list, tuple)) and fps else fps
        self._output.video(Path(save_path), self.plotted_img, (fps or DEFAULT_FPS) / self.args.vid_stride)
        if self.args.save_frames:
            self._output.frame(Path(save_path), frame, self.plotted_img)

    def show(self, p: str = "") -> None:
        """Show the last annotated picture in a window; `q` ends the run. Without a display a warning is logged once."""
        if self._cannot_show:
            return
        if trouble := window_trouble():  # asked first: OpenCV would end the process
            self._give_up_showing(trouble)
            return
        try:
            if p not in self.windows:
                cv2.namedWindow(p, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
                cv2.resizeWindow(p, self.plotted_img.shape[1], self.plotted_img.shape[0])
                self.windows.append(p)
            cv2.imshow(p, self.plotted_img)
            key = cv2.waitKey(300 if self.dataset.mode == "image" else 1) & 0xFF
        except (cv2.error, AttributeError) as error:  # a build of OpenCV without windows
            self._give_up_showing(str(error).strip())
            return
        self._stopped = key == ord("q")

    def _give_up_showing(self, trouble: str) -> None:
        self._cannot_show = True
        LOGGER.warning(
            f"show=True needs a display and an OpenCV with windows; pictures are not shown: {trouble}. "
            "save=True writes them to files."
        )

    def _close_windows(self) -> None:
        for name in self.windows:
            cv2.destroyWindow(name)
        self.windows.clear()

    def _visualize(self, im: torch.Tensor) -> None:
        """Write pictures of what in the input speaks for the predictions."""
        if self.model.format != "pt":
            LOGGER.warning("visualize=True needs a PyTorch model (.pt); exported models do not show their inside.")
            return
        names = [self._output_name(Path(path), line) for path, line in zip(self.batch[0], self.batch[2], strict=True)]
        network, options = self.model.model, {"conf": self.args.conf, "classes": self.args.classes}
        with evaluating(network):
            class_activation_map(network, im, names, self.save_dir, **options)

    # Copies -----------------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Leave out of copies what belongs to this process or to a run: network, sources, files, windows, the lock."""
        return {**self.__dict__, **_IDLE, "vid_writer": {}, "windows": [], "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a state; the network is loaded at the next call."""
        self.__dict__.update(state, _lock=threading.RLock())

    # Callbacks --------------------------------------------------------------------------------------------------------

    def run_callbacks(self, event: str) -> None:
        """Call the functions of an event."""
        for function in self.callbacks.get(event, []):
            function(self)

    def add_callback(self, event: str, func: Callable) -> None:
        """Call `func(predictor)` at `event`."""
        self.callbacks.setdefault(event, []).append(func)


def _stacked_rgb(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Return (H, W, C) BGR pictures of one size as (B, H, W, C) RGB bytes; other channel counts keep their order."""
    shapes = {picture.shape for picture in pictures}
    if len(shapes) > 1:
        raise ValueError(f"pre_transform gave pictures of the shapes {sorted(shapes)}; a batch needs one shape.")
    pictures = [as_bytes(picture) for picture in pictures]
    out = np.empty((len(pictures), *pictures[0].shape), np.uint8)
    for target, picture in zip(out, pictures, strict=True):
        if picture.shape[-1] == 3:
            cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=target)
        else:
            target[:] = picture
    return out


__getattr__, __dir__ = offer(__name__)
