"""The public names for groups of arguments of one type, derived from the schema."""

from __future__ import annotations

from ultralytics.cfg.schema import ARGS

__all__ = ["CFG_BOOL_KEYS", "CFG_FLOAT_KEYS", "CFG_FRACTION_KEYS", "CFG_INT_KEYS", "CFG_INT_MIN", "CFG_STR_KEYS"]


def _of(kind: type, fraction: bool = False) -> frozenset[str]:
    return frozenset(n for n, row in ARGS.items() if row.kind is kind and ((row.ge, row.le) == (0, 1)) == fraction)


CFG_BOOL_KEYS = _of(bool)
CFG_FLOAT_KEYS = _of(float)
CFG_FRACTION_KEYS = _of(float, fraction=True)
CFG_INT_KEYS = _of(int)
CFG_INT_MIN = {name: int(row.ge) for name, row in ARGS.items() if row.kind is int and row.ge is not None}
CFG_STR_KEYS = _of(str)
