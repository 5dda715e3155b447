from pathlib import Path
from types import SimpleNamespace

import pytest

import ultralytics
from ultralytics.cfg.errors import ConfigTypeError, ConfigValueError
from ultralytics.trackers.settings import DEFAULTS, SETTINGS, complete, read_settings
from ultralytics.utils import YAML

FOLDER = Path(ultralytics.__file__).parent / "cfg" / "trackers"


@pytest.mark.parametrize("kind", DEFAULTS)
def test_files_repeat_the_defaults(kind):
    given = YAML.load(FOLDER / f"{kind}.yaml")
    assert given == {"tracker_type": kind, **DEFAULTS[kind]} and list(given)[1:] == list(DEFAULTS[kind])
    assert read_settings(f"{kind}.yaml") == given
    assert vars(complete(given, kind)) == given


def test_every_setting_belongs_to_a_tracker():
    assert set(SETTINGS) == {key for keys in DEFAULTS.values() for key in keys}
    assert {file.stem for file in FOLDER.glob("*.yaml")} == set(DEFAULTS)


def test_what_is_missing_has_its_default():
    done = complete(SimpleNamespace(track_buffer=4, proximity_thresh=0.2), "bytetrack")  # a key of another tracker
    assert done.track_buffer == 4 and done.match_thresh == 0.8 and done.tracker_type == "bytetrack"
    assert complete(None, "tracktrack").track_high_thresh == 0.6
    assert complete({"gmc_method": None}, "botsort").gmc_method == "none"  # an empty value of a YAML


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"track_bufer": 3}, "bytetrack", "'track_bufer'; did you mean track_buffer"),
        ({"nonsense": 3}, "bytetrack", "its keys are track_high_thresh"),
        ({"track_high_thresh": 1.5}, "bytetrack", "in 0..1"),
        ({"track_high_thresh": "high"}, "bytetrack", "a number"),
        ({"track_buffer": 2.5}, "bytetrack", "a whole number"),
        ({"track_buffer": -1}, "bytetrack", "of 0 or more"),
        ({"fuse_score": 1}, "bytetrack", "True or False"),
        ({"gmc_method": "sparseOptFlw"}, "botsort", "sparseOptFlow"),
        ({"gmc_method": "ORB"}, "botsort", "orb"),
        ({"match_thresh": float("nan")}, "botsort", "in 0..1"),
    ],
)
def test_wrong_keys_and_values_are_named(given, kind, words):
    with pytest.raises((ConfigValueError, ConfigTypeError)) as error:
        complete(given, kind, "tracker 'mine.yaml'")
    assert words in str(error.value) and str(error.value).startswith("tracker 'mine.yaml': ")


def test_files_that_are_no_settings(tmp_path):
    file = tmp_path / "mine.yaml"
    for text, words in (("a list", "'key: value' lines"), ("track_buffer: 3", "no 'tracker_type:'")):
        file.write_text(text, encoding="utf-8")
        with pytest.raises((ConfigTypeError, ValueError), match=words):
            read_settings(file)
    with pytest.raises(FileNotFoundError, match=r"botsrt\.yaml"):
        read_settings("botsrt.yaml")
