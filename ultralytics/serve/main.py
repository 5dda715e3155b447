"""`yolo serve`: open a model, put a queue and an application before it, and listen."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from ultralytics.cfg.commands import SERVE
from ultralytics.cfg.errors import named
from ultralytics.engine.task import resolve
from ultralytics.serve.metrics import ServeMetrics
from ultralytics.serve.pictures import Budget, Limits
from ultralytics.serve.service import PredictService
from ultralytics.utils.checks import require
from ultralytics.utils.log import LOGGER

__all__ = ["build_app", "listen", "main"]

OPEN_BY_NAME = "ultralytics.cfg.cli:open_model"
APP = "ultralytics.serve.app:create_app"  # needs FastAPI at import
MIB = 2**20
SHUTDOWN_S = 30  # for requests under way
OF_PREDICTION = ("imgsz", "device", "conf", "iou", "max_det", "agnostic_nms", "quantize", "dnn", "nms", "compile")
LOCAL = ("127.0.0.1", "::1", "localhost")


def build_app(args: Mapping[str, Any]) -> Any:
    """Return the application for the arguments of the command.

    Raises:
        ImportError: a package of the extra `serve` is missing.
        ConfigValueError: no model is named.
    """
    for package in ("fastapi", "uvicorn", "python_multipart"):
        require(package, "serve", "yolo serve")
    budget = Budget(args["memory"] * MIB)
    fixed = {name: args[name] for name in OF_PREDICTION if args.get(name) is not None}
    with named("model", args["model"]):
        model = resolve(OPEN_BY_NAME)(str(args["model"]), args["task"], bool(args["trust"]))
    holder: dict[str, PredictService] = {}
    metrics = ServeMetrics(lambda: len(holder["service"].batcher), lambda: budget.used)
    holder["service"] = PredictService(
        model, fixed, size=args["batch"], wait=args["wait"] / 1e3, limit=args["queue"], watch=metrics.batch_ran
    )
    limits = Limits(args["max_mb"] * MIB, args["max_images"], args["max_pixels"], args["timeout"])
    return resolve(APP)(holder["service"], metrics, limits, budget)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        OSError: the address is taken or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen at {host}:{port}: {error.strerror or error}") from None


def main(pairs: Mapping[str, Any]) -> None:
    """Serve until the process is asked to stop; requests under way are answered first.

    Args:
        pairs: arguments of the command.
    """
    args = SERVE.complete(pairs)
    if not args["model"]:
        raise ValueError("yolo serve needs a model: yolo serve model=best.onnx port=8000")
    with listen(args["host"], args["port"]) as place:  # before the model is opened, which takes seconds
        app = build_app(args)
        if args["host"] not in LOCAL:
            LOGGER.warning(f"host={args['host']} is reached by other machines, and nobody is asked for a password.")
        address = f"{args['host']}:{place.getsockname()[1]}"
        LOGGER.info(f"Serving {args['model']} at http://{address}/predict (stop with Ctrl+C).")
        uvicorn = require("uvicorn", "serve", "yolo serve")
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        uvicorn.Server(config).run(sockets=[place])
    LOGGER.info("Stopped.")
