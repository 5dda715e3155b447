"""Refuses connections that leave this machine, in the interpreter that finds this file on its path and its children.

Each refusal is one line in the file that `UPSTREAM_REFUSED` names.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import Any

LOCAL_NAMES = {"localhost", "", "0.0.0.0", "::", None}


def is_local(host: Any) -> bool:
    """Whether an address stays on this machine."""
    host = host.decode() if isinstance(host, bytes) else host
    if host in LOCAL_NAMES or host == socket.gethostname():
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def audit(event: str, args: tuple[Any, ...]) -> None:
    """Raise for connections and look-ups of other machines."""
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event in {"socket.connect", "socket.sendto"} and isinstance(args[1], tuple) and args[1]:
        host = args[1][0]
    else:
        return
    if not is_local(host):
        if file := os.environ.get("UPSTREAM_REFUSED"):
            with open(file, "a", encoding="utf-8") as log:
                log.write(f"{host}\n")
        raise ConnectionRefusedError(f"no connections in this run: {host}")


sys.addaudithook(audit)
