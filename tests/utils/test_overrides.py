from __future__ import annotations

import functools
import logging
import sys
from types import ModuleType

import pytest

from ultralytics.utils.overrides import bypassed, changed, ignores, in_use, replacements, warn_of_ignored


@ignores(gone="override step()", inert="override step()")
class Base:
    def __init__(self):
        warn_of_ignored(self)

    @bypassed
    def step(self):
        return "plain"

    @staticmethod
    @bypassed
    def rule():
        return "plain"

    @bypassed
    def inert(self):
        return None

    def run(self):
        return self.step() if changed(self, "step", "rule") else "fast"


def test_nothing_is_changed_at_first():
    assert not changed(Base(), "step", "rule", "inert") and not changed(Base, "step", "rule")
    assert type("Sub", (Base,), {})().run() == "fast"


def test_a_subclass_is_seen():
    sub = type("Sub", (Base,), {"step": lambda self: "mine"})
    assert sub().run() == "mine" and Base().run() == "fast"
    assert changed(type("Sub", (Base,), {"rule": staticmethod(lambda: "mine")}), "rule")


def test_an_assignment_to_the_class_or_the_object_is_seen(monkeypatch):
    one = Base()
    one.step = lambda: "own"
    assert one.run() == "own" and Base().run() == "fast"
    monkeypatch.setattr(Base, "step", lambda self: "patched")
    assert Base().run() == "patched"


def test_a_wrapper_that_copies_attributes_is_seen():
    original = Base.step
    sub = type("Sub", (Base,), {"step": functools.wraps(original)(lambda self: "wrapped")})
    assert sub.step.bypassed is original.bypassed
    assert sub().run() == "wrapped"


@pytest.fixture
def warnings(monkeypatch):
    records: list[str] = []
    monkeypatch.setattr("ultralytics.utils.overrides.LOGGER", logging.Logger("own"))
    monkeypatch.setattr("ultralytics.utils.overrides.LOGGER.warning", records.append)
    return records


def test_an_override_without_effect_is_told_once(warnings):
    class Sub(Base):
        def gone(self):
            return "never"

        def inert(self):
            return "never"

    for _ in range(2):
        Sub()
    assert warnings == [
        "Sub.gone() has no effect here; override step().",
        "Sub.inert() has no effect here; override step().",
    ]


def test_the_class_itself_and_plain_subclasses_say_nothing(warnings):
    Base(), type("Sub", (Base,), {"step": lambda self: 1, "other": 1})()
    assert warnings == []


def test_lists_of_ignored_methods_add_up(warnings):
    @ignores(more="override run()")
    class Sub(Base):
        pass

    type("Leaf", (Sub,), {"more": lambda self: 1, "gone": lambda self: 1})()
    assert [text.split("(")[0] for text in warnings] == ["Leaf.gone", "Leaf.more"]
    assert "more" not in Base.without_effect


def test_names_are_looked_up_on_loaded_modules(monkeypatch):
    public, other = ModuleType("public_of_a_test"), ModuleType("other_of_a_test")
    monkeypatch.setitem(sys.modules, public.__name__, public)
    places = ("not_loaded_of_a_test", public.__name__, other.__name__)
    assert in_use(Base, *places) is Base
    other.Base = "not loaded either"
    assert in_use(Base, *places) is Base
    public.Base = Base
    assert in_use(Base, *places) is Base
    monkeypatch.setitem(sys.modules, other.__name__, other)
    assert in_use(Base, *places) == "not loaded either"
    public.Base = "mine"
    assert in_use(Base, *places) == "mine"


def test_replacements_are_classes_and_functions_of_users_on_public_names(monkeypatch):
    from ultralytics.engine import trainer

    assert not [place for place in replacements() if place.startswith("ultralytics.engine.trainer:")]
    monkeypatch.setattr(trainer, "BaseTrainer", Base)
    monkeypatch.setattr(trainer, "private_of_a_test", Base, raising=False)
    assert replacements()["ultralytics.engine.trainer:BaseTrainer"] is Base
    assert "ultralytics.engine.trainer:private_of_a_test" not in replacements()
