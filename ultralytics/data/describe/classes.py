"""Classification data sets: a folder per split, a folder per class in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ultralytics.cfg.errors import ConfigTypeError, ConfigValueError, close_names
from ultralytics.data.describe.class_folders import Listing, class_names, examples, list_pictures
from ultralytics.data.describe.locate import walk
from ultralytics.data.describe.unpack import fetch_into_datasets, unpacked
from ultralytics.data.generators import find_generator
from ultralytics.data.images.formats import is_image
from ultralytics.data.shards.read import ShardSet, described_by, is_shard_set
from ultralytics.data.split import split_classify_dataset
from ultralytics.utils.checks import check_file
from ultralytics.utils.downloads import DownloadError, file_lock, is_archive, is_url
from ultralytics.utils.env import ROOT
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.net.assets import ASSETS_URL, PUBLIC_SETS
from ultralytics.utils.settings import SETTINGS
from ultralytics.utils.text import label_text
from ultralytics.utils.yaml_io import YAML

__all__ = ["PUBLIC_SETS", "check_cls_dataset"]

SPLIT_FOLDERS = {"train": ("train",), "val": ("val", "validation", "valid"), "test": ("test",)}
TRAIN_RATIO = 0.8


def check_cls_dataset(dataset: str | Path, split: str = "") -> dict[str, Any]:
    """Describe a classification data set, fetching or drawing it where it has a name that says how.

    Args:
        dataset: folder with a folder per split, or folder of class folders, which is divided 80 to 20; name of a folder
            in `datasets_dir` or of a public data set; folder or address of shards; address or file of an archive of
            such a folder; YAML file that says `path`, and perhaps `generator`, such as `shapes-cls`.
        split: `train`, `val` or `test`, which then has to exist and is all that has to.

    Returns:
        `path`, `train`, `val`, `test` (folders, None where there is none; without `val`, `test` stands in), `nc`,
        `names` (id to name: the sorted folder names of `train`) and `channels` (3 unless a YAML says otherwise).

    Raises:
        FileNotFoundError: naming what is missing and where to put it.
    """
    if is_shard_set(str(dataset).strip()):
        return _describe_shards(str(dataset).strip(), split)
    root = _folder(str(dataset).strip())
    found = _splits(root)
    for folder in (root, *found.values()):
        _refuse_label_files(folder)
    if not any(found.values()):
        root = _divided(root)
        found = _splits(root)
    if found["val"] is None and found["test"] is not None:
        LOGGER.warning(f"'{root}' has no 'val' folder; 'test' is used in its place.")
        found["val"] = found["test"]
    for wanted in [split] if split else ["train", "val"]:
        if found.get(wanted) is None:
            raise FileNotFoundError(_missing_text(root, wanted, found))
    source = next(folder for folder in found.values() if folder is not None)
    names = class_names(source)
    if not names:
        raise FileNotFoundError(f"'{source}' has no folders; put a folder of pictures per class there.")
    for name, folder in found.items():
        if folder is not None and not (name == "test" and folder == found["val"]):
            _report(name, folder, names)
    if len(names) == 1:
        LOGGER.warning(
            f"'{source}' has the single class '{label_text(names[0])}'. A classifier with one class gives it to every "
            "picture, so top-1 is 1 and nothing is learnt: add a folder of pictures that are something else."
        )
    channels = _channels(str(dataset).strip())
    return {"path": root, **found, "nc": len(names), "names": dict(enumerate(names)), "channels": channels}


def _describe_shards(where: str, split: str) -> dict[str, Any]:
    """Return the description that a set of shards carries; a split is `<set>/<split>`."""
    shards = ShardSet(where)
    raw, file = described_by(shards)
    if raw.get("task") != "classify":
        raise ConfigValueError(f"'{where}' holds pictures with labels of task {raw.get('task')}, not of classes.")
    names = raw.get("names")
    names = list(names.values()) if isinstance(names, Mapping) else names
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ConfigValueError(f"'{file}' must list the names of the classes.")
    found = {name: raw.get(name) for name in SPLIT_FOLDERS}
    if found["val"] is None and found["test"] is not None:
        LOGGER.warning(f"'{where}' has no shards of 'val'; 'test' is used in its place.")
        found["val"] = found["test"]
    for wanted in [split] if split else ["train", "val"]:
        if not found.get(wanted):
            raise FileNotFoundError(f"'{where}' has no shards of '{wanted}'; it has {', '.join(shards.splits)}.")
    facts = {"nc": len(names), "names": dict(enumerate(names)), "channels": raw.get("channels", 3), "shards": where}
    return {"path": file.parent, **found, **facts}


def _channels(text: str) -> int:
    """Channels of the pictures, as the YAML that `text` names says; 3 where there is none."""
    shipped = (ROOT / "cfg" / "datasets" / f"{text}.yaml").is_file()
    if Path(text).is_dir() or not (shipped or Path(text).suffix in {".yaml", ".yml"}):
        return 3
    file = check_file(f"{text}.yaml" if shipped else text, (".yaml", ".yml"))
    value = YAML.load(file).get("channels", 3)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigValueError(f"{file}: 'channels' must be a whole number from 1, not {value!r}.")
    return value


def _splits(root: Path) -> dict[str, Path | None]:
    """Folder of every split, None where there is none."""
    return {
        name: next((root / folder for folder in folders if (root / folder).is_dir()), None)
        for name, folders in SPLIT_FOLDERS.items()
    }


def _refuse_label_files(folder: Path | None) -> None:
    """Tell a data set of label files from one whose classes are called `images` and `labels`.

    Raises:
        ConfigValueError: it is of the other kind.
    """
    if folder is None or not {"images", "labels"} <= set(class_names(folder)):
        return
    if not any(is_image(path) for path in walk(str(folder / "labels"))):
        raise ConfigValueError(
            f"'{folder}' has 'images' and 'labels': a data set for detect, segment, pose or obb. A classification data "
            "set has a folder of pictures per class, and no label files."
        )


def _missing_text(root: Path, wanted: str, found: Mapping[str, Path | None]) -> str:
    have = ", ".join(f"'{name}'" for name, folder in found.items() if folder is not None)
    text = f"'{root / wanted}' does not exist; put a folder of pictures per class there. '{root}' has {have}."
    if wanted == "val" and found["train"] is not None:
        text += f" To divide what is there: ultralytics.data.split.split_classify_dataset('{found['train']}')."
    return text


# Where it is ----------------------------------------------------------------------------------------------------------


def _folder(text: str) -> Path:
    """Return the folder that `dataset` names, after fetching or drawing it where that is needed and possible."""
    datasets = Path(SETTINGS["datasets_dir"])
    if is_url(text):
        return unpacked(text)
    if is_archive(text) and Path(text).is_file():
        return unpacked(text)
    if Path(text).is_dir():
        return Path(text).resolve()
    if Path(text).suffix in {".yaml", ".yml"}:
        return _described(text)
    if (ROOT / "cfg" / "datasets" / f"{text}.yaml").is_file():  # before the folder, which may be drawn of an older one
        return _described(f"{text}.yaml")
    if (datasets / text).is_dir():
        return (datasets / text).resolve()
    if text in PUBLIC_SETS:
        return _public(text, datasets)
    hint = ""
    if text == "imagenet":
        hint = " ImageNet's makers give it to registered users only: fetch it there and put 'train' and 'val' into it."
    elif near := close_names(text, PUBLIC_SETS, n=1):
        hint = f" Did you mean '{near[0]}'?"
    raise FileNotFoundError(
        f"data set '{text}' is neither a folder nor in datasets_dir nor the name of a public data set; put it at "
        f"'{datasets / text}'.{hint}"
    )


def _described(name: str) -> Path:
    """Return the folder that a YAML file describes."""
    file = Path(check_file(name, (".yaml", ".yml")))
    keys = YAML.load(file)
    given = keys.get("path") or file.stem
    if not isinstance(given, str):
        raise ConfigTypeError(f"{file}: 'path' must be str, not {type(given).__name__}.")
    places = [Path(given), Path(SETTINGS["datasets_dir"]) / given, file.absolute().parent / given]
    if generator := keys.get("generator"):
        root = places[0] if places[0].is_absolute() else places[1]
        draw = find_generator(generator, str(file))
        with file_lock(root):
            draw({**keys, "yaml_file": str(file)}, root)
        return root.resolve()
    root = next((place for place in places if place.is_dir()), None)
    if root is None:
        raise FileNotFoundError(f"{file}: no folder at {', '.join(map(str, places))}; correct 'path:'.")
    return root.resolve()


def _public(name: str, datasets: Path) -> Path:
    """Fetch an archive of the public release."""
    target, address = datasets / name, f"{ASSETS_URL}/{name}.zip"
    LOGGER.info(f"data set '{name}' is missing, fetching {address} ...")
    datasets.mkdir(parents=True, exist_ok=True)
    with file_lock(target):
        if target.is_dir():  # another process was faster
            return target.resolve()
        try:
            return fetch_into_datasets([address], root=target)[0].resolve()
        except DownloadError as error:
            raise FileNotFoundError(
                f"data set '{name}' is not at '{target}' and cannot be fetched: {error} Fetch {address} elsewhere and "
                f"unpack it to '{target}', or give another data set, such as data=shapes-cls, which is drawn."
            ) from error


def _divided(root: Path) -> Path:
    """Divide a folder without splits, if it is one of classes."""
    listing = list_pictures(root)
    if listing.files:
        LOGGER.info(f"'{root}' has no split folders; dividing its {len(listing.names)} classes by themselves.")
        return split_classify_dataset(root, TRAIN_RATIO)
    what = "pictures, but no folders of classes" if listing.loose else "neither split nor class folders"
    raise FileNotFoundError(
        f"'{root}' holds {what}; '{root / 'train'}' does not exist. Put a folder of pictures per class there, and "
        f"others into '{root / 'val'}'; class folders right in '{root}' are divided {TRAIN_RATIO:.0%} to the rest."
    )


# What is in it --------------------------------------------------------------------------------------------------------


def _report(name: str, folder: Path, names: list[str]) -> None:
    """Log what a split holds, and whatever is odd about it."""
    listing = list_pictures(folder)
    held = f"{len(listing.files)} images in {len(listing.names)} classes"
    LOGGER.info(f"{colorstr(f'{name}:')} {folder}... {held}{_beside(listing)}")
    if name == "train" and not listing.files:
        raise FileNotFoundError(f"'{folder}' has no pictures; there is nothing to train on.")
    counts = listing.counts()
    for what, odd in (
        ("no pictures of", [one for one in names if not counts.get(one)]),
        ("classes that 'train' does not have, which are left out:", [one for one in listing.names if one not in names]),
    ):
        if odd:
            LOGGER.warning(f"'{folder}' has {what} {examples(odd)}.")


def _beside(listing: Listing) -> str:
    """Say what lies beside the pictures that are used."""
    parts = []
    if listing.others:
        shown = examples([Path(file).name for file in listing.others], 3)
        parts.append(f"{len(listing.others)} other files ignored ({shown})")
    if listing.loose:
        parts.append(f"{len(listing.loose)} pictures outside class folders ignored")
    return "".join(f"; {part}" for part in parts)
