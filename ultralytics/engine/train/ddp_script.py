"""A trainer's job as a program for `torchrun`, for scripts that start the processes themselves.

`train(device=0,1)` starts its processes without any of this (`ddp.py`).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from ultralytics.engine.train.ddp import devices_of, pack, spec_of
from ultralytics.utils.dist import find_free_network_port

__all__ = ["ddp_cleanup", "generate_ddp_command", "generate_ddp_file"]

FOLDER = "ultralytics-ddp-"
PROGRAM = """import sys

from ultralytics.engine.train.ddp import main

if __name__ == "__main__":
    sys.exit(main([{spec!r}]))
"""


def generate_ddp_file(trainer: Any) -> str:
    """Write a program that is one process of a trainer's job, into a private folder, and return its path.

    Args:
        trainer: a trainer that has not been set up.

    Raises:
        TypeError: its class or callbacks cannot be found by name in another process.
    """
    content = pack(spec_of(trainer, devices_of(trainer.args.device)))
    folder = Path(tempfile.mkdtemp(prefix=FOLDER))  # mode 700: nobody else can put a pickle here
    (folder / "spec.pkl").write_bytes(content)
    program = folder / "train.py"
    program.write_text(PROGRAM.format(spec=str(folder / "spec.pkl")), encoding="utf-8")
    return str(program)


def generate_ddp_command(trainer: Any) -> tuple[list[str], str]:
    """Return the command that trains on all devices of a trainer, and the program that it runs.

    Args:
        trainer: a trainer that has not been set up.
    """
    file = generate_ddp_file(trainer)
    place = ["--nproc_per_node", str(max(1, len(devices_of(trainer.args.device))))]
    port = ["--master_port", str(find_free_network_port())]
    return [sys.executable, "-m", "torch.distributed.run", *place, *port, file], file


def ddp_cleanup(trainer: Any, file: str | Path) -> None:
    """Remove what `generate_ddp_file` wrote; other files stay.

    Args:
        trainer: accepted as the public interface has it.
        file: the program.
    """
    folder = Path(file).parent
    if folder.name.startswith(FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
