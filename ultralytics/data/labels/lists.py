"""Lists that hold nothing until somebody changes them: labels and image files as scripts expect them.

A data set keeps its labels in a few arrays (`table.py`). `dataset.labels` and `dataset.im_files` are nevertheless
lists: they are instances of `list`, and can be read, sliced, changed and replaced. An item is made when it is asked
for. With the first change the list comes to hold all items, like any other, and from then on is what counts; that
costs the memory that the arrays save. Changing a label dictionary in place (`labels[3]["cls"] = ...`) is such a change.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from ultralytics.data.images.io import header_size_hw
from ultralytics.data.labels.instances import convert_boxes
from ultralytics.data.labels.table import LabelPacker, PackedLabels, PackedStrings
from ultralytics.data.labels.verify import LabelRows

__all__ = ["FileList", "LabelDict", "LabelList", "LateList", "WatchedList", "pack_dicts"]

COMMON = ["__setitem__", "__delitem__", "pop", "clear"]
CHANGES = [*COMMON, "__iadd__", "__imul__", "append", "extend", "insert", "remove", "sort", "reverse"]
DICT_CHANGES = [*COMMON, "__ior__", "update", "popitem", "setdefault"]
COMPARISONS = ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"]
READS = [*COMPARISONS, "__add__", "__mul__", "__rmul__", "index", "count", "copy"]


def _before(base: type, name: str, prepare: Callable[[Any], None]) -> Callable[..., Any]:
    """The method `name` of `base`, with `prepare(self)` called first."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        prepare(self)
        return getattr(base, name)(self, *args, **kwargs)

    method.__name__ = name
    return method


def _on_copy(name: str) -> Callable[..., Any]:
    """The method `name` of a plain list of the same items."""

    def method(self: Any, *args: Any) -> Any:
        return getattr([*self], name)(*([*arg] if isinstance(arg, LateList) else arg for arg in args))

    method.__name__ = name
    return method


class WatchedList(list):
    """A list that calls `on_change(list)` before it changes.

    Args:
        items: its items.
        on_change: what to call.
    """

    def __init__(self, items: Iterable[Any], on_change: Callable[[list], Any]) -> None:
        super().__init__(items)
        self.on_change = on_change

    def _tell(self) -> None:
        self.on_change(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, ([*self],)


for _name in CHANGES:
    setattr(WatchedList, _name, _before(list, _name, WatchedList._tell))


class LateList(list):
    """A list of which `make(i)` gives the items until the first change.

    Args:
        length: number of items.
        make: gives one item.

    Attributes:
        held: whether the list holds its items by now.
    """

    __hash__ = None

    def __init__(self, length: int, make: Callable[[int], Any]) -> None:
        super().__init__()
        self._length, self._make, self.held = length, make, False

    def hold(self) -> None:
        """Come to hold all items."""
        if not self.held:
            items = [self._make(i) for i in range(self._length)]
            self.held = True
            list.extend(self, items)

    def release(self, length: int) -> None:
        """Forget the items: they have gone where `make` finds them."""
        list.clear(self)
        self._length, self.held = length, False

    def __len__(self) -> int:
        return list.__len__(self) if self.held else self._length

    def __getitem__(self, index: Any) -> Any:
        if self.held:
            return list.__getitem__(self, index)
        if isinstance(index, slice):
            return [self._make(i) for i in range(*index.indices(self._length))]
        return self._make(range(self._length)[index])

    def __iter__(self) -> Iterator[Any]:
        i = 0
        while i < len(self):  # the list may change on the way, as with any list
            yield self[i]
            i += 1

    def __reversed__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self) - 1, -1, -1))

    def __radd__(self, other: list) -> list:
        return [*other, *self]

    def __repr__(self) -> str:
        return repr([*self]) if self.held else f"<{type(self).__name__} of {self._length}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return list, ([*self],)


for _name in CHANGES:
    setattr(LateList, _name, _before(list, _name, LateList.hold))
for _name in READS:
    setattr(LateList, _name, _on_copy(_name))


class FileList(LateList):
    """Image files.

    Args:
        files: packed paths.
    """

    def __init__(self, files: PackedStrings) -> None:
        super().__init__(len(files), files.__getitem__)
        self.files = files

    def packed(self) -> PackedStrings:
        """Return the paths as they now are, packed."""
        return PackedStrings(map(str, self)) if self.held else self.files

    def __reduce__(self) -> tuple[Any, ...]:
        return FileList, (self.packed(),)


class LabelDict(dict):
    """The labels of one image. Before its first change it becomes part of its list, which then holds all of them.

    Its arrays are those of the data set, so changing their elements changes the data set.
    """

    def __init__(self, content: Mapping[str, Any], on_change: Callable[[], None]) -> None:
        super().__init__(content)
        self.on_change, self.size_hw = on_change, content["shape"]

    def _tell(self) -> None:
        self.on_change()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


for _name in DICT_CHANGES:
    setattr(LabelDict, _name, _before(dict, _name, LabelDict._tell))


class LabelList(LateList):
    """The labels of a data set, one dictionary per image.

    Keys: im_file, shape (height, width), cls (N, 1), bboxes (N, 4) xywh normalised, segments, keypoints, normalized,
    bbox_format.
    """

    def __init__(self, packed: PackedLabels) -> None:
        super().__init__(len(packed), self._label)
        self._packed: PackedLabels | None = packed
        self._given: weakref.WeakValueDictionary[int, LabelDict] = weakref.WeakValueDictionary()

    @classmethod
    def of(cls, labels: Iterable[Mapping[str, Any]]) -> LabelList:
        """Return `labels` as such a list, which holds these very dictionaries."""
        if isinstance(labels, LabelList):
            return labels
        made = cls(LabelPacker().finish())
        made.extend(labels)
        return made

    @property
    def files(self) -> PackedStrings:
        """The image files."""
        return PackedStrings(str(label["im_file"]) for label in self) if self.held else self._packed.files

    def file(self, i: int) -> str:
        """Return one image file."""
        return str(list.__getitem__(self, i)["im_file"]) if self.held else self._packed.files[i]

    @property
    def packed(self) -> PackedLabels:
        """The labels as arrays. They are packed anew at every access where the list holds dictionaries."""
        return pack_dicts(self) if self.held else self._packed

    def hold(self) -> None:
        """Come to hold all dictionaries, those that were handed out among them."""
        super().hold()
        self._packed = None

    def _hold_polygons(self, i: int, polygons: list) -> None:
        """Come to hold all dictionaries, and this list of polygons, whose dictionary may be gone by now."""
        if not self.held:
            self.hold()
            dict.__setitem__(list.__getitem__(self, i), "segments", polygons)

    def _label(self, i: int) -> LabelDict:
        known = self._given.get(i)
        if known is None:
            labels = self._packed
            rows, size_hw = labels.rows(i), labels.shapes[i].tolist()
            content = {"im_file": labels.files[i], "shape": tuple(size_hw), "cls": rows.cls[:, None]}
            polygons = WatchedList(rows.segments, partial(self._hold_polygons, i))
            content |= {"bboxes": rows.boxes, "segments": polygons, "keypoints": rows.keypoints}
            known = LabelDict({**content, "normalized": True, "bbox_format": "xywh"}, self.hold)
            self._given[i] = known
        return known

    def sample(self, i: int) -> dict[str, Any]:
        """Return the labels of image `i` for one sample, without `shape`; changing them changes nothing else."""
        if self.held:
            label = copy.deepcopy(dict(list.__getitem__(self, i)))
            label.pop("shape", None)
            return label
        rows = self._packed.rows(i)
        return {
            "im_file": self._packed.files[i],
            "cls": rows.cls[:, None].copy(),
            "bboxes": rows.boxes.copy(),
            "segments": [points.copy() for points in rows.segments],
            "keypoints": None if rows.keypoints is None else rows.keypoints.copy(),
            "normalized": True,
            "bbox_format": "xywh",
        }

    def take(self, indices: Sequence[int] | np.ndarray) -> LabelList:
        """Return the labels of the images at `indices`, in that order."""
        if self.held:
            return LabelList.of([self[i] for i in indices])
        return LabelList(self._packed.take_images(indices))

    def narrowed(self, classes: np.ndarray | None, one_class: bool) -> LabelList:
        """Return the labels with only the objects of some classes (None for all), and with all classes made one."""
        if self.held:
            return LabelList.of([_narrowed(label, classes, one_class) for label in self])
        packed = self._packed if classes is None else self._packed.keep_rows(np.isin(self._packed.cls, classes))
        return LabelList(packed.as_one_class() if one_class else packed)

    def without_polygons(self) -> LabelList:
        """Return the labels without polygons."""
        if self.held:
            return LabelList.of([{**label, "segments": []} for label in self])
        return LabelList(self._packed.without_polygons())

    def __reduce__(self) -> tuple[Any, ...]:
        return (LabelList.of, ([*self],)) if self.held else (LabelList, (self._packed,))


def _narrowed(label: Mapping[str, Any], classes: np.ndarray | None, one_class: bool) -> dict[str, Any]:
    """One label dictionary, narrowed as `LabelList.narrowed` says."""
    label, cls = dict(label), np.asarray(label["cls"])
    if classes is not None:
        kept = np.isin(cls.reshape(-1), classes)
        label["bboxes"] = np.asarray(label["bboxes"])[kept]
        if label.get("segments"):
            label["segments"] = [points for points, good in zip(label["segments"], kept, strict=True) if good]
        if label.get("keypoints") is not None:
            label["keypoints"] = label["keypoints"][kept]
        cls = cls[kept]
    return {**label, "cls": np.zeros_like(cls) if one_class else cls}


def pack_dicts(labels: Iterable[Mapping[str, Any]]) -> PackedLabels:
    """Pack label dictionaries of the form that `LabelList` has.

    Boxes may be in other formats and in pixels where they say so. A missing `shape` is read from the picture.
    """
    packer = LabelPacker()
    for label in labels:
        size_hw = label.get("shape") or getattr(label, "size_hw", None) or _size_of(label["im_file"])
        segments = [np.asarray(points, np.float32) for points in label.get("segments") or []]
        boxes = np.asarray(label["bboxes"], np.float32).reshape(-1, 4)
        boxes = convert_boxes(boxes, label.get("bbox_format", "xywh"), "xywh")
        keypoints = label.get("keypoints")
        if not label.get("normalized", True):
            side = np.array(size_hw[::-1], np.float32)
            boxes, segments = boxes / np.tile(side, 2), [points / side for points in segments]
            if keypoints is not None:
                keypoints = np.concatenate([keypoints[..., :2] / side, keypoints[..., 2:]], -1, dtype=np.float32)
        rows = LabelRows(np.asarray(label["cls"], np.float32).reshape(-1), boxes, segments, keypoints)
        packer.add(str(label["im_file"]), tuple(size_hw), rows)
    return packer.finish()


def _size_of(file: str) -> tuple[int, int]:
    """Height and width of a picture."""
    with Image.open(file) as picture:
        return header_size_hw(picture)
