"""Searching pictures by a text or by another picture, in Python and as a page in the browser.

The page serves pictures of the index and nothing else: a path in a request is looked up among the names of the index
and is never joined to a folder by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ultralytics.data.images.depth import from_pillow
from ultralytics.data.images.io import UnreadableImageError, imread, resize_to, scaled_size_hw
from ultralytics.solutions.embedders import ImageEmbedder, TextEmbedder, TextQueryError, open_embedder
from ultralytics.solutions.embedding_index import (
    Match,
    PictureIndex,
    find_pictures,
    read_index,
    unit_rows,
    updated_index,
    write_index,
)
from ultralytics.solutions.received import MAX_PICTURE_BYTES, UploadError, received_picture
from ultralytics.utils.checks import require
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import printable

__all__ = ["SearchApp", "VisualAISearch", "main"]

INDEX_FOLDER = "search-index"
MAX_QUERY = 500  # characters of a text
PREVIEW = 320  # longest side in pixels
SHOWN_BY_BROWSERS = {".avif", ".bmp", ".jpeg", ".jpg", ".png", ".webp"}
PROTECTION = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class VisualAISearch:
    """Finds the pictures of a folder that are most like a text or a picture.

    Args:
        data: folder with pictures, at any depth.
        device: where the model runs.
        model: what makes the embeddings: a checkpoint (any will do, classification models do best), a CLIP folder of
            open_clip, which reads texts too, or an object with `name`, `encode_image` and perhaps `encode_text`. None
            takes what is found on this machine (`embedders.open_embedder`).
        index_dir: folder that the index is kept in.

    Attributes:
        index: the pictures and their embeddings.

    Raises:
        FileNotFoundError: no such folder, or no model.
        ValueError: no picture that can be read.
    """

    def __init__(
        self,
        data: str | Path = "images",
        device: Any = "cpu",
        model: str | Path | ImageEmbedder | None = None,
        index_dir: str | Path = INDEX_FOLDER,
    ):
        self.data_dir, self.index_dir = Path(data), Path(index_dir)
        find_pictures(self.data_dir)  # a wrong folder is told before a model is opened
        self.device = device
        self.embedder = open_embedder(model, device)
        self.index: PictureIndex
        self.load_or_build_index()

    @property
    def reads_texts(self) -> bool:
        """Whether the model takes texts as queries."""
        return isinstance(self.embedder, TextEmbedder)

    def load_or_build_index(self) -> None:
        """Bring the index up to date with the folder; only new and changed pictures are embedded."""
        old = getattr(self, "index", None) or read_index(self.index_dir)
        self.index = updated_index(self.data_dir, self.embedder.name, self.embedder.encode_image, old)
        if self.index is not old:
            write_index(self.index, self.index_dir)
            LOGGER.info(f"Indexed {len(self.index.pictures)} pictures of '{self.data_dir}' in '{self.index_dir}'.")

    def extract_image_feature(self, path: str | Path) -> np.ndarray:
        """Return the embedding (1, D) of a picture file, of length 1."""
        return self._features(imread(path))

    def extract_text_feature(self, text: str) -> np.ndarray:
        """Return the embedding (1, D) of a text, of length 1.

        Raises:
            TextQueryError: the model knows pictures only.
        """
        if not isinstance(self.embedder, TextEmbedder):
            raise TextQueryError(self.embedder.name)
        return unit_rows(self.embedder.encode_text([text]))

    def matches(
        self, query: str | Path | np.ndarray | Image.Image, k: int = 30, similarity_thresh: float = 0.1
    ) -> list[Match]:
        """Return pictures with their scores, best first; arguments and errors as those of `search`."""
        if isinstance(query, str):
            if not query.strip():
                raise ValueError("the text to search for is empty.")
            vector = self.extract_text_feature(query)
        elif isinstance(query, Path):
            vector = self.extract_image_feature(query)
        elif isinstance(query, Image.Image):
            vector = self._features(from_pillow(query))
        elif isinstance(query, np.ndarray) and query.ndim == 3 and query.shape[2] == 3:
            vector = self._features(query)
        else:
            raise TypeError(
                f"a query is a text, a Path, a PIL picture or a BGR array (H, W, 3), not {type(query).__name__}."
            )
        return self.index.nearest(vector, k, similarity_thresh)

    def search(
        self, query: str | Path | np.ndarray | Image.Image, k: int = 30, similarity_thresh: float = 0.1
    ) -> list[str]:
        """Return the names of the pictures that are most like a query, best first.

        Args:
            query: a text (needs a model that reads texts), or a picture: a `Path`, BGR array (H, W, 3) or PIL picture.
            k: most pictures.
            similarity_thresh: lowest score, the cosine between embeddings, -1..1. It is high between any two pictures
                for most checkpoints, and about 0.2 between a text and a picture that fits for CLIP.

        Returns:
            Paths from the folder `data`, with slashes.

        Raises:
            TextQueryError: a text, and the model knows pictures only.
            ValueError: an empty text, or `k` below 1.
            FileNotFoundError, UnreadableImageError: a `Path` without a picture.
        """
        return [match.name for match in self.matches(query, k, similarity_thresh)]

    def __call__(self, query: str | Path | np.ndarray | Image.Image) -> list[str]:
        """Return `search(query)`."""
        return self.search(query)

    def _features(self, image: np.ndarray) -> np.ndarray:
        return unit_rows(self.embedder.encode_image([image]))


class SearchApp:
    """A page in the browser that searches a folder of pictures.

    Args:
        data: as those of `VisualAISearch`, as are the others.
        device: where the model runs.
        model: what makes the embeddings.
        index_dir: folder that the index is kept in.

    Attributes:
        searcher: the `VisualAISearch` behind the page.
        app: the Flask application, for a server of one's own.

    Raises:
        ImportError: Flask is not installed.
    """

    def __init__(
        self,
        data: str | Path = "images",
        device: Any = None,
        model: str | Path | ImageEmbedder | None = None,
        index_dir: str | Path = INDEX_FOLDER,
    ):
        self._flask = require("flask", extra="solutions", why="SearchApp")
        self.searcher = VisualAISearch(data, device, model, index_dir)
        self._one_at_a_time = threading.Lock()  # a model keeps its buffers from call to call
        self.app = self._flask.Flask(__name__)  # templates/ and static/ beside this file
        self.app.config["MAX_CONTENT_LENGTH"] = MAX_PICTURE_BYTES + 2**20
        self.app.add_url_rule("/", view_func=self.index, methods=["GET", "POST"])
        self.app.add_url_rule("/refresh", view_func=self.refresh, methods=["POST"])
        self.app.add_url_rule("/previews/<path:name>", view_func=self.preview)
        self.app.add_url_rule("/pictures/<path:name>", view_func=self.picture)
        self.app.register_error_handler(413, self._too_large)
        self.app.after_request(_protected)

    def index(self) -> Any:
        """Answer a request for the page, with what was found where something was asked for."""
        request = self._flask.request
        text, picture = request.form.get("query", "").strip(), request.files.get("picture")
        if request.method == "GET" or (not text and not picture):
            return self._page()
        try:
            if picture:
                query, shown = received_picture(picture.read(), picture.filename or ""), "the picture that was sent"
            elif len(text) > MAX_QUERY:
                raise UploadError(f"A text has at most {MAX_QUERY} characters.")
            else:
                query = shown = text
            with self._one_at_a_time:
                return self._page(self.searcher.matches(query), shown, text)
        except (UploadError, TextQueryError) as error:
            return self._page(trouble=str(error), text=text, status=400)

    def refresh(self) -> Any:
        """Look through the folder again, and go back to the page."""
        try:
            with self._one_at_a_time:
                self.searcher.load_or_build_index()
        except (FileNotFoundError, ValueError) as error:
            return self._page(trouble=str(error), status=409)
        return self._flask.redirect(self._flask.url_for("index"), 303)

    def preview(self, name: str) -> Any:
        """Serve a picture of the index in small."""
        return self._jpeg(self._indexed(name), PREVIEW)

    def picture(self, name: str) -> Any:
        """Serve a picture of the index: the file itself, or as JPEG where browsers cannot show it."""
        path = self._indexed(name)
        if path.suffix.lower() not in SHOWN_BY_BROWSERS:
            return self._jpeg(path)
        try:
            return self._flask.send_file(path.resolve())
        except OSError:
            return self._flask.abort(404)

    def run(self, debug: bool = False, host: str = "127.0.0.1", port: int = 5000) -> None:
        """Serve the page until stopped.

        Args:
            debug: show errors in the browser, with Flask's console, which runs code: never where others reach it.
            host: address to listen at; the default one is reached from this machine only.
            port: port to listen at.
        """
        self.app.run(host=host, port=port, debug=debug, use_reloader=False)

    def _page(
        self, matches: list[Match] | None = None, shown: str = "", text: str = "", trouble: str = "", status: int = 200
    ) -> Any:
        page = self._flask.render_template(
            "similarity-search.html",
            matches=matches, shown=shown, text=text, trouble=trouble,
            count=len(self.searcher.index.pictures),
            reads_texts=self.searcher.reads_texts,
            max_query=MAX_QUERY,
        )  # fmt: skip
        return page, status

    def _too_large(self, _: Exception) -> Any:
        return self._page(trouble=f"A picture has at most {MAX_PICTURE_BYTES >> 20} MiB.", status=413)

    def _indexed(self, name: str) -> Path:
        """Return the file of a picture of the index; answer 404 for any other name."""
        if name not in self.searcher.index.names:
            self._flask.abort(404)
        return self.searcher.data_dir / name

    def _jpeg(self, path: Path, side: int = 0) -> Any:
        try:
            image = imread(path)
        except (UnreadableImageError, OSError) as error:
            LOGGER.warning(f"picture of the index not shown: {printable(error)}")
            return self._flask.abort(404)
        if 0 < side < max(image.shape[:2]):
            image = resize_to(image, scaled_size_hw(image.shape[:2], side))
        return self._flask.Response(cv2.imencode(".jpg", image)[1].tobytes(), mimetype="image/jpeg")


def _protected(response: Any) -> Any:
    """Add the headers that keep a browser from running or loading anything but the page's own parts."""
    response.headers.update(PROTECTION)
    return response


def main(args: Mapping[str, Any] | None = None) -> None:
    """Serve the page until it is stopped, for the command line.

    Args:
        args: arguments of `SearchApp`; those that are None take its defaults.
    """
    given = {name: value for name, value in (args or {}).items() if value is not None}
    SearchApp(**given).run()


__getattr__, __dir__ = offer(__name__)
