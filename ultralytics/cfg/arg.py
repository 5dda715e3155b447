"""One argument as a record: its type, range, default, help text and where it belongs.

Modes (`schema.py`) and special commands (`commands.py`) describe their arguments with it; checks, help texts and the
way the command line reads a value are derived.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ultralytics.cfg import values
from ultralytics.cfg.errors import ConfigError, ConfigTypeError, ConfigValueError, shown

__all__ = ["Arg"]

NOUNS = {int: "a whole number", float: "a number", bool: "True or False", str: "text"}


@dataclass(frozen=True)
class Arg:
    """One argument.

    Attributes:
        name: key.
        kind: int, float, bool, str, or object for anything.
        default: value where the user gives none.
        group: key of `schema.GROUPS`; empty for an argument of a special command.
        help: one line for people.
        ge, le: smallest and largest number.
        none: whether None is allowed; always where it is the default.
        read: further check that returns the value to use and raises with the allowed values as text.
        modes: modes that use it; empty for those of the group.
        tasks: tasks that use it; empty for all.
        written: how the command line reads it: as a `value` (a literal of Python), as `text`, as a `path` (text that
            looks like a number is a name), or as a `source` (a path, or the number of a camera).
    """

    name: str
    kind: type
    default: Any
    group: str
    help: str
    ge: float | None = None
    le: float | None = None
    none: bool = False
    read: Callable[[Any], Any] | None = None
    modes: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    written: str = "value"

    @property
    def allowed(self) -> str:
        """What the argument takes, in words."""
        noun = getattr(self.read, "allowed", "") or NOUNS.get(self.kind, "a value")
        if self.ge is not None and self.le is not None:
            noun += f" in {self.ge:g}..{self.le:g}"
        elif self.ge is not None:
            noun += f" of {self.ge:g} or more"
        return noun + (", or None" if self.default is None or self.none else "")

    def check(self, value: Any) -> Any:
        """Return the value to use.

        Raises:
            ConfigTypeError: wrong type, or None where there must be a value.
            ConfigValueError: out of range.
        """
        plain = values.plain(value)
        if plain is None and (self.default is None or self.none):
            return None
        try:
            return self._checked(plain) if self.read is None else self.read(plain)
        except ConfigError:
            raise
        except TypeError as error:
            raise ConfigTypeError(self.fault(value, str(error))) from None
        except ValueError as error:
            raise ConfigValueError(self.fault(value, str(error))) from None

    def _checked(self, value: Any) -> Any:
        """Check type and range; raises TypeError or ValueError with what is allowed."""
        if self.kind is object:
            return value
        if self.kind is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        fits = values.is_number(value) if self.kind is float else isinstance(value, self.kind)
        if not fits or (isinstance(value, bool) and self.kind is not bool):
            raise TypeError(self.allowed)
        if self.le is None and self.kind in (int, float) and not abs(value) <= values.LARGEST:  # nan is not, either
            raise ValueError(f"{self.allowed}, at most {values.LARGEST:,}")
        if (self.ge is not None and not value >= self.ge) or (self.le is not None and not value <= self.le):
            raise ValueError(self.allowed)
        return value

    def cast(self, value: Any) -> Any:
        """Return the value converted to the argument's type and pressed into its range.

        Raises:
            ConfigError: it cannot be converted.
        """
        if value is None or self.read is not None or self.kind is object:
            return self.check(value)
        try:
            value = self.kind(value)
        except (TypeError, ValueError, OverflowError):
            raise ConfigTypeError(self.fault(value, self.allowed)) from None
        if self.ge is not None:
            value = max(value, self.kind(self.ge))
        return self.check(value if self.le is None else min(value, self.kind(self.le)))

    def fault(self, value: Any, allowed: str) -> str:
        """Return the sentence about a wrong value."""
        takes = f"{self.name} takes {allowed or self.allowed}"
        takes += "" if takes.endswith("?") else "."
        return f"{self.name}={shown(value)} ({type(value).__name__}) is not valid; {takes} Default: {self.default}."
