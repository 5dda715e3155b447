"""The HTTP side of `yolo serve`: requests in, JSON out. Loaded when a server is started, as it needs FastAPI."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from functools import partial
from typing import Annotated, Any

import anyio
import numpy as np
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from ultralytics.serve.batcher import Closed, Full
from ultralytics.serve.metrics import ServeMetrics
from ultralytics.serve.pictures import Budget, Limits, OverBudget, Refusal, decoded, is_multipart, is_picture
from ultralytics.serve.service import PredictService
from ultralytics.utils.log import LOGGER
from ultralytics.utils.version import __version__

__all__ = ["create_app"]

Share = Annotated[float | None, Query(ge=0, le=1)]
Message = MutableMapping[str, Any]
DECODERS = 4  # threads that decode
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {"type": "object", "additionalProperties": {"type": "string", "format": "binary"}}
            },
        },
    }
}


class CountedBodies:
    """Counts the bytes of bodies as they come, and stops where a request or all of them together are too large.

    Args:
        app: what handles requests.
        limit: bytes of a body, at most.
        budget: counts the bytes until the answer is out.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], limit: int, budget: Budget) -> None:
        self.app, self.limit, self.budget = app, limit, budget

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
        """Handle a request."""
        held = 0

        async def counted() -> Message:
            nonlocal held
            message = await receive()
            count = len(message.get("body", b""))
            if held + count > self.limit:
                raise _too_large(self.limit)
            self.budget.take(count)
            held += count
            return message

        try:
            await self.app(scope, counted if scope["type"] == "http" else receive, send)
        finally:
            self.budget.give(held)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"the body has more than {limit / 2**20:g} MiB.")


class Predictor:
    """Answers requests for predictions.

    Args:
        service: the model with its queue.
        limits: how much a request may be.
        budget: counts what requests hold.
    """

    def __init__(self, service: PredictService, limits: Limits, budget: Budget) -> None:
        self.service, self.limits, self.budget = service, limits, budget
        self._decoders = anyio.CapacityLimiter(DECODERS)

    async def answer(self, request: Request, options: tuple[tuple[str, Any], ...]) -> list[dict[str, Any]]:
        """Return an entry for every picture of a request.

        Raises:
            Refusal: what was sent is not taken, or not now.
        """
        try:
            files = await asyncio.wait_for(self._files(request), self.limits.seconds)
        except asyncio.TimeoutError:
            raise Refusal(408, f"the body did not come within {self.limits.seconds:g} seconds.") from None
        with contextlib.ExitStack() as held:
            pictures = [await self._picture(*file, held) for file in files]
            answers = self.service.batcher.submit(pictures, options)
            waiting = asyncio.gather(*map(asyncio.wrap_future, answers))
            try:
                found = await asyncio.wait_for(waiting, self.limits.seconds)
            except asyncio.TimeoutError:
                raise Refusal(503, f"there was no answer within {self.limits.seconds:g} seconds.") from None
        return [{"name": name, **one} for (name, _), one in zip(files, found, strict=True)]

    async def _files(self, request: Request) -> list[tuple[str, bytes]]:
        """Return names and bytes of the files of a request."""
        kind = request.headers.get("content-type", "")
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.limits.body:
            raise _too_large(self.limits.body)
        if not is_multipart(kind):
            if not is_picture(kind):
                raise _unknown_type(kind)
            return [("image", await request.body())]
        async with request.form(max_files=self.limits.pictures, max_fields=self.limits.pictures) as form:
            uploads = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
            for upload in uploads:
                if upload.content_type and not is_picture(upload.content_type):
                    raise _unknown_type(upload.content_type)
            files = [(upload.filename or "image", await upload.read()) for upload in uploads]
        if not files:
            raise Refusal(422, "the form has no file.")
        return files

    async def _picture(self, name: str, data: bytes, held: contextlib.ExitStack) -> np.ndarray:
        """Decode a picture in a thread and count it until the request is answered."""
        work = partial(decoded, data, name, self.limits)
        picture = await anyio.to_thread.run_sync(work, limiter=self._decoders)
        self.budget.take(picture.nbytes)
        held.callback(self.budget.give, picture.nbytes)
        return picture


def _unknown_type(kind: str) -> Refusal:
    return Refusal(415, f"'{kind[:60]}' is not taken; send image/*, application/octet-stream or multipart/form-data.")


def _refused(error: Exception) -> Refusal:
    """Return the answer to a request that failed."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, (Full, OverBudget)):
        return Refusal(429, str(error))
    if isinstance(error, Closed):
        return Refusal(503, str(error))
    if isinstance(error, HTTPException) or hasattr(error, "status_code"):  # of the form's parser
        return Refusal(error.status_code, str(getattr(error, "detail", error)))
    LOGGER.error(f"a request failed: {type(error).__name__}: {error}")
    return Refusal(500, "the prediction failed; the server's log says why.")


def create_app(service: PredictService, metrics: ServeMetrics, limits: Limits, budget: Budget) -> FastAPI:
    """Return the application.

    Args:
        service: the model with its queue; it is closed when the application ends.
        metrics: counts batches already; requests are counted here.
        limits: how much a request may be.
        budget: bytes that all requests together may hold.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await anyio.to_thread.run_sync(service.close)

    # The usual pages of documentation load scripts from elsewhere; /openapi.json says the same.
    app = FastAPI(title="yolo serve", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(CountedBodies, limit=limits.body, budget=budget)
    predictor = Predictor(service, limits, budget)

    @app.post("/predict", openapi_extra=BODY)
    async def predict(
        request: Request,
        conf: Share = None,
        iou: Share = None,
        max_det: Annotated[int | None, Query(ge=1, le=1000)] = None,
        classes: Annotated[list[int] | None, Query(max_length=1000)] = None,
        normalize: bool = False,
    ) -> Response:
        """Find what is in one or several pictures."""
        started = time.monotonic()
        given = {"conf": conf, "iou": iou, "max_det": max_det, "normalize": normalize}
        options = tuple((name, value) for name, value in given.items() if value is not None)
        options += (("classes", tuple(classes)),) if classes else ()
        try:
            answer: Any = {"images": await predictor.answer(request, options), "task": service.about["task"]}
            code, headers = 200, {}
        except Exception as error:
            refusal = _refused(error)
            answer, code = {"detail": refusal.text}, refusal.code
            headers = {"Retry-After": "1"} if code in {429, 503} else {}
        metrics.answered(code, time.monotonic() - started)
        return JSONResponse(answer, code, headers)

    @app.get("/")
    async def about() -> dict[str, Any]:
        """Return what is served."""
        return service.about

    @app.get("/health")
    async def health() -> Response:
        """Return whether pictures are taken."""
        alive = service.batcher.alive
        return JSONResponse({"status": "ok" if alive else "stopping"}, 200 if alive else 503)

    @app.get("/metrics")
    async def counted() -> Response:
        """Return what was counted, for Prometheus."""
        return Response(metrics.text(), media_type=metrics.content_type)

    return app
