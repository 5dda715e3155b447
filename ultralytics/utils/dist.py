"""Training on several processes: ranks, barriers, and exchanging Python objects. Every call works undistributed too.

torch is imported inside the functions because file and download code, which must start fast, uses `is_main`.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from ultralytics.utils import env
from ultralytics.utils.lazy import offer

__all__ = [
    "all_gather_object",
    "barrier",
    "broadcast_object",
    "find_free_network_port",
    "is_main",
    "torch_distributed_zero_first",
]


def find_free_network_port() -> int:
    """Return a TCP port of this machine that nobody listens on at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_main() -> bool:
    """Whether this process writes files and messages: rank 0, or not distributed."""
    return env.rank() in {-1, 0}


def _group() -> Any:
    """Return `torch.distributed` when a process group is up, else None."""
    from torch import distributed

    return distributed if distributed.is_available() and distributed.is_initialized() else None


def barrier() -> None:
    """Wait until every process has come here."""
    if (group := _group()) is not None:
        group.barrier()


def all_gather_object(obj: Any) -> list[Any]:
    """Return what every process passed, in the order of their ranks (undistributed: a list of one)."""
    if (group := _group()) is None:
        return [obj]
    gathered: list[Any] = [None] * group.get_world_size()
    group.all_gather_object(gathered, obj)
    return gathered


def broadcast_object(obj: Any) -> Any:
    """Return what rank 0 passed."""
    if (group := _group()) is None:
        return obj
    box = [obj]
    group.broadcast_object_list(box, src=0)
    return box[0]


@contextlib.contextmanager
def torch_distributed_zero_first(local_rank: int) -> Iterator[None]:
    """Let the first process of a machine run the block before the others, for work that fills a shared cache.

    Args:
        local_rank: of this process; -1 and 0 go first.
    """
    group = _group()
    first = local_rank in {-1, 0}
    if group is not None and not first:
        group.barrier()
    try:
        yield
    finally:
        if group is not None and first:
            group.barrier()  # also after an error: the others would wait forever


__getattr__, __dir__ = offer(
    __name__,
    {
        "TYPE_CHECKING": "typing:TYPE_CHECKING",
        "ddp_cleanup": "ultralytics.engine.train.ddp_script:ddp_cleanup",
        "generate_ddp_command": "ultralytics.engine.train.ddp_script:generate_ddp_command",
        "generate_ddp_file": "ultralytics.engine.train.ddp_script:generate_ddp_file",
    },
)
