"""Where predictions get their pictures: files and videos, live streams, screen, arrays, iterators and tensors.

Iterating any loader yields `(paths, images, infos)`: lists of equal length with names, BGR arrays (H, W, C) uint8 (for
`LoadTensor` a tensor (B, C, H, W)) and the start of a log line each.
"""

from ultralytics.data.loaders.files import LoadImagesAndVideos, list_source_files
from ultralytics.data.loaders.live import LoadScreenshots, LoadStreams, get_best_youtube_url
from ultralytics.data.loaders.memory import LoadIterable, LoadPilAndNumpy, LoadTensor, autocast_list
from ultralytics.data.loaders.types import SourceTypes
from ultralytics.utils.lazy import offer

__all__ = [
    "LOADERS",
    "LoadImagesAndVideos",
    "LoadIterable",
    "LoadPilAndNumpy",
    "LoadScreenshots",
    "LoadStreams",
    "LoadTensor",
    "SourceTypes",
    "autocast_list",
    "get_best_youtube_url",
    "list_source_files",
]

LOADERS = (LoadStreams, LoadPilAndNumpy, LoadIterable, LoadImagesAndVideos, LoadScreenshots)

__getattr__, __dir__ = offer(
    __name__, {"BOM_UTF8": "codecs:BOM_UTF8", "LoadImages": "ultralytics.data.loaders.files:LoadImages"}
)
