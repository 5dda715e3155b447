"""Data set descriptions: from a YAML file to checked names and absolute paths, fetching or drawing missing data.

A description is data and never code: `download:` takes addresses of archives, `generator:` the name of a generator of
this package. A script under `download:`, which older files have, is shown and refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ultralytics.cfg.errors import ConfigError, ConfigSyntaxError, ConfigTypeError, ConfigValueError, close_names, shown
from ultralytics.data.describe.class_folders import examples
from ultralytics.data.describe.maps import checked_map_keys
from ultralytics.data.describe.unpack import fetch_into_datasets, unpacked
from ultralytics.data.generators import MARK_FILE, find_generator
from ultralytics.data.shards.read import ShardSet, described_by, is_shard_set
from ultralytics.utils.checks import check_file
from ultralytics.utils.downloads import DownloadError, file_lock, is_archive, is_url
from ultralytics.utils.env import ROOT
from ultralytics.utils.log import LOGGER
from ultralytics.utils.settings import SETTINGS
from ultralytics.utils.text import printable
from ultralytics.utils.unbuilt import refuse
from ultralytics.utils.yaml_io import YAML

__all__ = ["DATASET_KEY_TYPES", "DatasetNamesError", "check_det_dataset", "find_dataset_yaml"]

SPLITS = ("train", "val", "test", "minival")
DATASET_KEY_TYPES: dict[str, tuple[type, ...]] = {
    "path": (str,),
    "train": (str, list),
    "val": (str, list),
    "test": (str, list),
    "minival": (str, list),
    "names": (list, dict),
    "kpt_shape": (list,),
    "flip_idx": (list,),
}
OTHER_KEY_TYPES: dict[str, tuple[type, ...]] = {"minival": (str, list), "download": (str, list), "sha256": (str, list)}
MAX_CLASSES, MAX_CHANNELS, MAX_PATH = 100_000, 1_000, 4_000
KNOWN_KEYS = {
    *DATASET_KEY_TYPES, "validation", "nc", "download", "sha256", "generator", "size", "counts", "seed",
    "seconds",
    "channels", "kpt_names", "kpt_oks_sigmas", "masks_dir", "label_mapping", "depth_scale", "max_depth", "bg_class_idx",
    "complete", "task", "yaml_file",
}  # fmt: skip


class DatasetNamesError(ConfigError, KeyError):
    """Class ids of `names` that are not 0, 1, 2 ..."""

    def __str__(self) -> str:
        return str(self.args[0])


def check_det_dataset(
    dataset: str | Path, autodownload: bool = True, split: str = "", trust: bool = False
) -> dict[str, Any]:
    """Read a data set description and make sure that its images are there.

    A description need not have all splits: those that a mode asks for are missed there. `test` stands in for `val`.

    Args:
        dataset: YAML file, name of one that ships with this package, folder that holds one, archive of such a folder,
            or folder or address of shards (see `data.shards`).
        autodownload: fetch or draw missing images as the description says.
        split: the split that has to exist; by default `val`, or what there is.
        trust: the user trusts the description. It still runs no script.

    Returns:
        The keys of the YAML with absolute paths for every split, and `path`, `nc`, `names` (id to name), `channels` and
        `yaml_file`. Splits that are not given are not there.

    Raises:
        FileNotFoundError: the description or the images are missing; says what and where to put them.
        SyntaxError, TypeError, KeyError, ValueError: a faulty description (`cfg.errors.ConfigError`).
        NotImplementedError: a kind of description or download that is not supported; says what to do instead.
    """
    if is_shard_set(str(dataset).strip()):
        return _describe_shards(str(dataset).strip(), split)
    file, autodownload = _locate(dataset, autodownload)
    raw = _checked_keys(YAML.load(file), file)
    data = {**raw, **_names(raw, file)}
    if split and split not in data:
        known = ", ".join(name for name in SPLITS if name in data)
        raise FileNotFoundError(f"{file} has no '{split}:' images; it has {known}.")
    split = split or next(name for name in ("val", "minival", "train") if name in data)
    resolved = _resolved(data, _root(data, file, split), file)
    missing = _missing(resolved, split)
    drawn = "generator" in data and (Path(resolved["path"]) / MARK_FILE).is_file()  # perhaps by another description
    if autodownload and (missing or drawn):
        root = _provided(data, Path(resolved["path"]), file, split, missing, trust)
        resolved = _resolved(data, root, file)
        missing = _missing(resolved, split)
    if missing:
        raise FileNotFoundError(_missing_text(file, missing, raw))
    return resolved


def _describe_shards(where: str, split: str) -> dict[str, Any]:
    """Return the description that a set of shards carries; a split is `<set>/<split>`."""
    raw, file = described_by(ShardSet(where), split)
    if raw.get("task") == "classify":
        raise ConfigValueError(f"'{where}' holds pictures of classes, without boxes; use task=classify.")
    data = _checked_keys(raw, file)
    return {**data, **_names(data, file), "path": file.parent, "yaml_file": str(file), "shards": where}


def find_dataset_yaml(path: str | Path) -> Path:
    """Return the only YAML file of a folder, else the only one below it.

    Raises:
        FileNotFoundError: none, or several.
    """
    folder = Path(path)
    found = sorted(folder.glob("*.yaml")) or sorted(folder.rglob("*.yaml"))
    same_name = [file for file in found if file.stem == folder.name]
    found = same_name if len(same_name) == 1 else found
    if len(found) != 1:
        listed = ", ".join(file.name for file in found[:5]) or "none"
        raise FileNotFoundError(f"'{folder}' should hold one data set YAML, found: {listed}. Give the file itself.")
    return found[0]


def _locate(dataset: str | Path, autodownload: bool) -> tuple[Path, bool]:
    """Return the YAML file, and whether missing images may be fetched (an archive has to be complete)."""
    text = str(dataset).strip()
    if text.endswith(".ndjson") or text.startswith("ul://"):
        refuse("ndjson", f"'{text}'")
    if is_archive(text.partition("?")[0]):
        return find_dataset_yaml(unpacked(text if is_url(text) else check_file(text))), False
    if Path(text).is_dir():
        return find_dataset_yaml(text), autodownload
    bare = not Path(text).suffix or (ROOT / "cfg" / "datasets" / f"{text}.yaml").is_file()  # a name like DOTAv1.5
    name = f"{text}.yaml" if bare and not Path(text).is_file() else text
    return Path(check_file(name, (".yaml", ".yml"))), autodownload


def _checked_keys(data: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return the description with today's key names, after checking which keys there are and their types."""
    checked = {key: value for key, value in data.items() if value is not None and not (key in SPLITS and not value)}
    if "val" not in checked and "validation" in checked:
        LOGGER.warning(f"{file}: 'validation' is called 'val' here; read as such.")
        checked["val"] = checked.pop("validation")
    for key in checked:
        if key not in KNOWN_KEYS and (near := close_names(str(key), KNOWN_KEYS - set(checked), n=1)):
            LOGGER.warning(f"{file}: unknown key '{key}'; did you mean '{near[0]}'?")
    if not any(key in checked for key in SPLITS):
        raise ConfigSyntaxError(f"{file}: no images; give 'train' to train on and 'val' to validate on.")
    if "val" not in checked and "test" in checked:
        LOGGER.warning(f"{file}: without 'val', 'test' is used in its place.")
        checked["val"] = checked["test"]
    if "names" not in checked and "nc" not in checked:
        raise ConfigSyntaxError(f"{file}: give 'names', or at least the number of classes 'nc'.")
    for key, types in {**DATASET_KEY_TYPES, **OTHER_KEY_TYPES}.items():
        if key in checked and not isinstance(checked[key], types):
            wanted = " or ".join(kind.__name__ for kind in types)
            raise ConfigTypeError(f"{file}: '{key}' must be {wanted}, not {type(checked[key]).__name__}.")
    for key in ("path", *SPLITS, "download", "sha256"):
        value = checked.get(key, [])
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, str):
                raise ConfigTypeError(f"{file}: '{key}' must list texts, not {shown(item)}.")
            if key not in {"download", "sha256"} and ("\0" in item or len(item) > MAX_PATH):
                raise ConfigValueError(f"{file}: '{key}' is no path that a system takes: {printable(item, 80)!r}.")
    checked_map_keys(checked, file)
    return checked


def _names(data: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return `nc`, `names` as a dict of id to name, and `channels`."""
    nc = _whole(data["nc"], "nc", file, MAX_CLASSES) if "nc" in data else None
    given = data.get("names", [f"class_{i}" for i in range(nc or 0)])
    pairs = given.items() if isinstance(given, Mapping) else enumerate(given)
    try:
        names = {int(key): str(name) for key, name in pairs}
    except (TypeError, ValueError, OverflowError):
        have = examples(map(str, given), 10)
        raise DatasetNamesError(f"{file}: keys of 'names' must be class ids 0, 1, 2 ..., got [{have}].") from None
    if not names:
        raise ConfigSyntaxError(f"{file}: 'names' is empty; name at least one class.")
    if sorted(names) != list(range(len(names))):
        have = examples(map(str, sorted(names)), 10)
        raise DatasetNamesError(
            f"{file}: {len(names)} classes need ids 0 to {len(names) - 1}, but 'names' has [{have}]."
        )
    if nc is not None and nc != len(names):
        raise ConfigSyntaxError(f"{file}: 'names' has {len(names)} entries but 'nc' is {nc}; they must agree.")
    names = dict(sorted(names.items()))
    return {
        "nc": len(names),
        "names": names,
        "channels": _whole(data.get("channels", 3), "channels", file, MAX_CHANNELS),
    }


def _whole(value: Any, key: str, file: Path, most: int, least: int = 1) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if isinstance(value, bool) or not number.is_integer() or not least <= number <= most:
        raise ConfigValueError(f"{file}: '{key}' must be a whole number from {least} to {most:,}, not {shown(value)}.")
    return int(number)


def _root(data: Mapping[str, Any], file: Path, split: str) -> Path:
    """Folder that relative split paths start from.

    A relative `path` is looked for from the current folder, in `datasets_dir` and beside the YAML file; the first place
    that holds the images wins. Where none does, that is where missing data goes: `datasets_dir`.
    """
    given = Path(data.get("path") or "")
    datasets, beside = Path(SETTINGS["datasets_dir"]).absolute(), file.absolute().parent
    if given.is_absolute():
        return given
    places = [beside] if given == Path() else [given.absolute(), datasets / given, beside / given]
    if given == Path() and "path" in data:
        places.append(Path.cwd())
    for place in places:
        if not _missing(_resolved(data, place, file), split):
            return place.resolve()
    return (places[0] if given == Path() else datasets / given).resolve()


def _resolved(data: Mapping[str, Any], root: Path, file: Path) -> dict[str, Any]:
    """Return the description with absolute paths below `root`."""
    resolved = {**data, "path": root, "yaml_file": str(file)}
    for split in SPLITS:
        entry = data.get(split)
        if entry:
            resolved[split] = _absolute(root, entry) if isinstance(entry, str) else [_absolute(root, e) for e in entry]
    return resolved


def _absolute(root: Path, entry: str) -> str:
    """Absolute form of one split path. `../x` that does not exist is read as `x`, which exported data sets need."""
    path = (root / entry).resolve()
    if not path.exists() and entry.startswith("../"):
        path = (root / entry[3:]).resolve()
    return str(path)


def _missing(resolved: Mapping[str, Any], split: str) -> list[str]:
    """Paths of the wanted split that do not exist."""
    entry = resolved[split]
    return [path for path in ([entry] if isinstance(entry, str) else entry) if not Path(path).exists()]


def _missing_text(file: Path, missing: Sequence[str], data: Mapping[str, Any]) -> str:
    hint = "" if data.get("download") or data.get("generator") else " The YAML has no 'download:' address."
    if hint and file.resolve().is_relative_to(ROOT):
        hint = " It is not fetched automatically; the first lines of the YAML say where it is and what to do."
    return (
        f"data set '{file}': images not found at {', '.join(missing)}. Put them there, or correct 'path:' (relative "
        f"paths are looked for in the current folder, in datasets_dir '{SETTINGS['datasets_dir']}' and beside the YAML "
        f"file).{hint}"
    )


def _provided(data: Mapping[str, Any], root: Path, file: Path, split: str, missing: Sequence[str], trust: bool) -> Path:
    """Draw or fetch the images and return the folder they are in.

    Raises:
        FileNotFoundError: where that fails, or a script would have to run.
        NotImplementedError: for a script that the user trusts.
    """
    if generator := data.get("generator"):
        draw = find_generator(generator, str(file))
        with file_lock(root):
            draw({**data, "yaml_file": str(file)}, root)
        return root
    download = data.get("download")
    if not download:
        return root
    addresses = [download] if isinstance(download, str) else list(download)
    if not all(isinstance(one, str) and re.match(r"https?://\S+$", one.strip()) for one in addresses):
        _refuse_script(str(download), file, root, missing, trust)
    sums = data.get("sha256") or []
    sums = [sums] if isinstance(sums, str) else list(sums)
    LOGGER.info(f"data set '{file}': {missing[0]} is missing, fetching {len(addresses)} file(s) ...")
    with file_lock(root):
        if all(Path(path).exists() for path in missing):  # another process was faster
            return root
        try:
            folders = fetch_into_datasets([address.strip() for address in addresses], sums, root)
        except DownloadError as error:
            raise FileNotFoundError(f"{_missing_text(file, missing, data)} Fetching them failed: {error}") from error
    return next((p for p in [root, *folders] if not _missing(_resolved(data, p, file), split)), root)


def _refuse_script(script: str, file: Path, root: Path, missing: Sequence[str], trust: bool) -> None:
    """Show a script that a description wants to run, and stop."""
    LOGGER.warning(f"{file} asks to run this:\n{script.strip()}")
    ships = file.resolve().is_relative_to(ROOT)
    if trust or ships:
        raise NotImplementedError(
            f"{file}: scripts under 'download:' are not run. Run it by hand so that the images are at {missing[0]}."
        )
    raise FileNotFoundError(
        f"{file}: images not found at {missing[0]}, and 'download:' holds a script, which is not run since a data set "
        f"YAML is not to be trusted. Read it, fetch the data by hand into '{root}', or put an archive's address there."
    )
