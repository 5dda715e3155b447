"""Finding the other processes again after `torchrun` has started them anew.

All attempts of a job share one store, kept by an agent, and what earlier processes have left there leads nowhere: their
addresses. The number of restarts that `torchrun` tells does not separate them, since an agent whose own process has not
failed does not count. So the processes agree on a word that no earlier attempt had, and keep to keys below it.
"""

from __future__ import annotations

import datetime
import os
import time
import uuid
from typing import Any

import torch

__all__ = ["agree", "keeps_store", "open_store"]

POLL_S = 0.02
WAIT_S = 1800  # for the others, which may have to import and to read a checkpoint first


def keeps_store() -> bool:
    """Whether an agent of `torchrun` keeps a store for all attempts of this job."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"


def open_store(rank: int, world_size: int) -> Any:
    """Return the part of the agent's store that belongs to this attempt.

    Args:
        rank: of this process.
        world_size: number of processes.

    Raises:
        TimeoutError: the others did not come.
    """
    dist = torch.distributed
    store = dist.TCPStore(
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        is_master=False,
        timeout=datetime.timedelta(seconds=WAIT_S),
        wait_for_workers=False,
    )
    word = agree(dist.PrefixStore("ultralytics-meeting", store), rank, world_size)
    return dist.PrefixStore(f"ultralytics-{word}", store)


def agree(store: Any, rank: int, world_size: int, wait_s: float = WAIT_S) -> str:
    """Return a word that all processes of this attempt share and that no earlier attempt had.

    Rank 0 makes it up. Every other process asks with a word of its own, so that an answer to an earlier one is not
    taken for its own, and says when it has heard.

    Args:
        store: keys and values that all see; earlier attempts may have left some.
        rank: of this process.
        world_size: number of processes.
        wait_s: seconds to wait for the others.

    Raises:
        TimeoutError: the others did not come.
    """
    own, deadline = uuid.uuid4().hex, time.monotonic() + wait_s
    if rank:
        store.set(f"asks/{rank}", own)
        _wait_for(store, f"answers/{own}", deadline)
        word = store.get(f"answers/{own}").decode()
        store.set(f"heard/{word}/{rank}", "yes")
        return word
    for other in range(1, world_size):
        while not store.check([f"heard/{own}/{other}"]):
            if store.check([f"asks/{other}"]):
                store.set(f"answers/{store.get(f'asks/{other}').decode()}", own)
            _rest(deadline, f"rank {other}")
    return own


def _wait_for(store: Any, key: str, deadline: float) -> None:
    while not store.check([key]):
        _rest(deadline, "rank 0")


def _rest(deadline: float, who: str) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(f"{who} of this training did not come to the meeting; are all processes started?")
    time.sleep(POLL_S)
