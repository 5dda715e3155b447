"""`Inference`: a page in the browser that shows what a model finds in pictures, films and cameras.

Streamlit runs the script anew after every click, and ends a run that is still going at its next drawing call. What has
to outlive a run, the opened model, is kept for each visitor apart, since a model keeps its tracks and buffers.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.data.images.formats import IMG_FORMATS, VID_FORMATS
from ultralytics.engine.results import Results
from ultralytics.models.yolo.model import YOLO
from ultralytics.solutions.received import UploadError, received_film, received_picture
from ultralytics.solutions.streamlit_launch import launch
from ultralytics.utils.checks import require
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.settings import runs_dir, weights_dir

__all__ = ["Inference", "counted", "local_models", "main"]

MODEL_SUFFIXES = {".onnx", ".pt", ".torchscript"}
SOURCES = {
    "image": "Pictures",
    "video": "Film",
    "photo": "Photo by this browser",
    "webcam": "Camera of the server",
}
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$:~])")


def local_models(given: str | Path | None = None) -> list[Path]:
    """Return the model files of this machine: in the current folder, `weights_dir`, and the best ones of runs.

    Args:
        given: a file that is to be the first.
    """
    runs = runs_dir()
    found = [
        *sorted(Path.cwd().iterdir()),
        *(sorted(weights_dir().iterdir()) if weights_dir().is_dir() else ()),
        *sorted(runs.glob("*/*/weights/best.pt")),
        *sorted(runs.glob("*/weights/best.pt")),
    ]
    first = [Path(given)] if given and Path(given).exists() else []
    files = first + [path for path in found if path.suffix in MODEL_SUFFIXES and path.is_file()]
    unique: dict[Path, Path] = {}
    for path in files:
        unique.setdefault(path.resolve(), path)
    return list(unique.values())


class Inference:
    """The page: choose a model and a source, set thresholds and classes, look at the result.

    Args:
        model: file that is chosen at first; others that are found on this machine can be chosen too. Nothing is
            downloaded.
        imgsz: image size in pixels.
        conf: least confidence at first, 0..1.
        iou: overlap above which the weaker box is dropped, at first, 0..1.

    Attributes:
        source: what is looked at: image, video, photo or webcam.
        selected_ind: classes to look for, by number; all where empty.
        enable_trk: whether objects of films and cameras are tracked.
        model: the opened model.
        model_path: its file.

    Raises:
        ImportError: Streamlit is not installed.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        imgsz: int = 640,
        conf: float = 0.25,
        iou: float = 0.7,
    ):
        self.st = require("streamlit", extra="solutions", why="Inference")
        self.model_path: Path | None = Path(model) if model else None
        self.imgsz, self.conf, self.iou = imgsz, conf, iou
        self.source = "image"
        self.enable_trk = False
        self.selected_ind: list[int] = []
        self.model: YOLO | None = None
        self._uploads: list[Any] = []

    # The page, from top to bottom -------------------------------------------------------------------------------------

    def web_ui(self) -> None:
        """Set up the page and draw its head."""
        self.st.set_page_config(page_title="YOLO inference", layout="wide")
        self.st.title("YOLO inference")

    def sidebar(self) -> None:
        """Draw the choice of the source and the thresholds."""
        side = self.st.sidebar
        self.source = side.radio("Source", list(SOURCES), format_func=SOURCES.get, key="source")
        self.conf = float(side.slider("Confidence", 0.0, 1.0, float(self.conf), 0.01, key="conf"))
        self.iou = float(side.slider("Overlap (IoU)", 0.0, 1.0, float(self.iou), 0.01, key="iou"))
        if self.source in {"video", "webcam"}:
            self.enable_trk = bool(side.toggle("Track objects", value=self.enable_trk, key="track"))

    def configure(self) -> None:
        """Draw the choice of the model and its classes, and open the model."""
        side, files = self.st.sidebar, local_models(self.model_path)
        if self.model_path and not self.model_path.exists():
            self.st.warning(_plain(f"There is no model '{self.model_path}' on this machine."))
        if not files:
            self.st.error(
                _plain(f"No model file in the current folder, in '{weights_dir()}' or in runs of '{runs_dir()}'.")
            )
            self.st.stop()
        self.model_path = side.selectbox("Model", files, format_func=_short, key="model")
        with self.st.spinner("Opening the model"):
            self.model = self._opened(self.model_path)
        if self.model.task != "classify":
            names = self.model.names
            key = f"classes of {self.model_path}"  # those of another model are other classes
            self.selected_ind = side.multiselect("Classes (all if none)", list(names), format_func=names.get, key=key)

    def source_upload(self) -> None:
        """Draw what the source needs: a place for files, or the browser's camera."""
        if self.source == "image":
            self._uploads = self.st.file_uploader(
                "Pictures", type=sorted(IMG_FORMATS), accept_multiple_files=True, key="pictures"
            )
        elif self.source == "video":
            film = self.st.file_uploader("Film", type=sorted(VID_FORMATS), key="film")
            self._uploads = [film] if film else []
        elif self.source == "photo":
            photo = self.st.camera_input("Photo", key="photo")
            self._uploads = [photo] if photo else []

    def image_inference(self) -> None:
        """Show what the model finds in every picture that was sent, beside the picture."""
        for upload in self._uploads:
            try:
                image = received_picture(upload.getvalue(), upload.name)
            except UploadError as error:
                self.st.error(_plain(str(error)))
                continue
            [result] = self.model.predict(image, **self._options())
            self.st.subheader(_plain(upload.name))
            left, right = self.st.columns(2)
            left.image(image, channels="BGR", caption="Original")
            right.image(result.plot(), channels="BGR", caption=_plain(counted(result)))
            rows = [{"class": row["name"], "confidence": row["confidence"]} for row in result.summary()]
            if rows:
                self.st.dataframe(rows)

    def inference(self) -> None:
        """Draw the whole page."""
        self.web_ui()
        try:
            self.sidebar()
            self.configure()
            self.source_upload()
            if self.source in {"image", "photo"}:
                self.image_inference()
            else:
                self._moving_pictures()
        except Exception as error:  # the end of the page's own code: a visitor sees a sentence, the log the rest
            LOGGER.error("the page of Inference", exc_info=True)
            self.st.error(_plain(f"{type(error).__name__}: {error}"))

    # Parts ------------------------------------------------------------------------------------------------------------

    def _options(self) -> dict[str, Any]:
        classes = self.selected_ind or None
        return {"conf": self.conf, "iou": self.iou, "imgsz": self.imgsz, "classes": classes, "verbose": False}

    def _opened(self, path: Path) -> YOLO:
        """Return the model of a file, opened once for each visitor and version of the file."""
        kept, wanted = self.st.session_state.get("opened_model"), (str(path), path.stat().st_mtime_ns)
        if kept is None or kept[0] != wanted:
            kept = self.st.session_state["opened_model"] = (wanted, YOLO(path))
        return kept[1]

    def _moving_pictures(self) -> None:
        """Show a film or a camera while it runs; `Stop`, like every other click, ends the run."""
        if self.source == "video" and not self._uploads:
            return
        start, stop = self.st.columns(2)
        started = start.button("Start", type="primary", key="start")
        stop.button("Stop", key="stop")
        if not started:
            return
        if self.source == "webcam":
            self._show("0")
            return
        with received_film(self._uploads[0].getvalue(), self._uploads[0].name) as path:
            self._show(str(path))

    def _show(self, source: str) -> None:
        left, right = (column.empty() for column in self.st.columns(2))
        number = 0
        with contextlib.closing(self._results(source)) as results:
            for number, result in enumerate(results, 1):
                left.image(result.orig_img, channels="BGR", caption=f"Frame {number}", output_format="JPEG")
                drawn: np.ndarray = result.plot()
                right.image(drawn, channels="BGR", caption=_plain(counted(result)), output_format="JPEG")
        if number:
            self.st.success(f"The end, after {number} frame{'s' * (number > 1)}.")
        else:
            self.st.error("No frame can be read.")

    def _results(self, source: str) -> Iterator[Results]:
        run = self.model.track if self.enable_trk else self.model.predict
        yield from run(source=source, stream=True, **self._options())


def main(args: Mapping[str, Any] | None = None) -> int:
    """Serve the page until it is stopped, for the command line.

    Args:
        args: arguments of `Inference` and of `streamlit_launch.launch`; those that are None take their defaults.

    Returns:
        Status of the server's process.
    """
    return launch(**{name: value for name, value in (args or {}).items() if value is not None})


def counted(result: Results) -> str:
    """Return how many objects of which class a result has, in words: `2 circle, 1 star`."""
    counts = Counter(row["name"] for row in result.summary())
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "nothing found"


def _short(path: Path) -> str:
    """Return a model's name with as much of its folder as tells it from others: runs all have a `best.pt`."""
    return "/".join(path.parts[-3:]) if path.parent.name == "weights" else path.name


def _plain(text: str) -> str:
    """Return a text for Streamlit, which reads texts as Markdown, so that it appears as it is."""
    return MARKDOWN.sub(r"\\\1", text)


__getattr__, __dir__ = offer(__name__)
