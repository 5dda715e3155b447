"""The script that `streamlit run` executes: the page of `Inference` with the arguments that came along.

They are one JSON object behind `--`; see `streamlit_launch`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from ultralytics.solutions.streamlit_inference import Inference

__all__ = ["main", "page_arguments"]


def page_arguments(words: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of the page; none where no words came along.

    Raises:
        ValueError: the words are not one JSON object.
    """
    if not words:
        return {}
    found = json.loads(words[0]) if len(words) == 1 else None
    if not isinstance(found, dict):
        raise ValueError('the page takes one JSON object, such as \'{"model": "yolov8n.pt"}\'.')
    return found


def main() -> None:
    """Draw the page once; the server calls for it again after every click."""
    Inference(**page_arguments(sys.argv[1:])).inference()


if __name__ == "__main__":
    main()
