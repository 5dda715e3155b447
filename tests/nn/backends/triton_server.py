"""A small server that speaks the KServe protocol, version 2, for tests: HTTP with binary tensors, and gRPC.

It runs ONNX files as NVIDIA's server would: names, shapes and types from the file, configuration with parameters.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import onnxruntime

KINDS = {"tensor(float)": "FP32", "tensor(float16)": "FP16", "tensor(uint8)": "UINT8", "tensor(double)": "FP64"}
NUMBERS = {"FP32": np.float32, "FP16": np.float16, "UINT8": np.uint8, "FP64": np.float64}


class Served:
    """One model: a session, and what the server says about it."""

    def __init__(self, name: str, file: str, metadata: str | None) -> None:
        self.name, self.calls = name, 0
        self.session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        self.inputs = [self._tensor(one) for one in self.session.get_inputs()]
        # The order of a configuration is anybody's: here it is not that of the names.
        self.outputs = [self._tensor(one) for one in self.session.get_outputs()][::-1]
        self.parameters = {"metadata": {"string_value": metadata}} if metadata is not None else {}

    @staticmethod
    def _tensor(one: Any) -> dict[str, Any]:
        return {
            "name": one.name,
            "datatype": KINDS[one.type],
            "shape": [side if isinstance(side, int) else -1 for side in one.shape],
        }

    def run(self, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.calls += 1
        names = [one.name for one in self.session.get_outputs()]
        return dict(zip(names, self.session.run(None, given), strict=True))

    def config(self) -> dict[str, Any]:
        def listed(tensors):
            return [
                {"name": t["name"], "data_type": f"TYPE_{t['datatype']}", "dims": [str(s) for s in t["shape"]]}
                for t in tensors
            ]

        return {
            "name": self.name, "platform": "onnxruntime_onnx", "max_batch_size": 0, "input": listed(self.inputs),
            "output": listed(self.outputs), "parameters": self.parameters,
        }  # fmt: skip

    def about(self) -> dict[str, Any]:
        return {"name": self.name, "versions": ["1"], "inputs": self.inputs, "outputs": self.outputs}


@contextmanager
def http_server(models: dict[str, Served]) -> Iterator[str]:
    """Serve models over HTTP and give host and port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def _model(self) -> tuple[Served | None, str]:
            parts = self.path.strip("/").split("/")  # v2/models/NAME[/versions/N][/what]
            name, rest = parts[2], parts[3:]
            return models.get(name), rest[-1] if rest and rest[-1] in {"config", "infer", "ready"} else ""

        def _answer(self, body: bytes, code: int = 200, **headers: str) -> None:
            self.send_response(code)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            model, what = self._model()
            if model is None:
                self._answer(json.dumps({"error": "Request for unknown model"}).encode(), 400)
            else:
                self._answer(json.dumps(model.config() if what == "config" else model.about()).encode())

        def do_POST(self) -> None:
            model, _ = self._model()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            length = int(self.headers.get("Inference-Header-Content-Length", len(body)))
            request, rest = json.loads(body[:length]), body[length:]
            given = {}
            for one in request["inputs"]:
                size = one["parameters"]["binary_data_size"]
                given[one["name"]] = np.frombuffer(rest[:size], NUMBERS[one["datatype"]]).reshape(one["shape"])
                rest = rest[size:]
            try:
                found = model.run(given)
            except Exception as error:
                self._answer(json.dumps({"error": str(error)}).encode(), 400)
                return
            kinds = {one["name"]: one["datatype"] for one in model.outputs}
            wanted = [one["name"] for one in request["outputs"]]
            blobs = [np.ascontiguousarray(found[name]).tobytes() for name in wanted]
            head = json.dumps(
                {
                    "model_name": model.name,
                    "model_version": "1",
                    "outputs": [
                        {
                            "name": name,
                            "datatype": kinds[name],
                            "shape": list(found[name].shape),
                            "parameters": {"binary_data_size": len(blob)},
                        }
                        for name, blob in zip(wanted, blobs, strict=True)
                    ],
                }
            ).encode()
            extra = {"Inference_Header_Content_Length": str(len(head)), "Content_Type": "application/octet-stream"}
            self._answer(b"".join([head, *blobs]), **extra)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def grpc_server(models: dict[str, Served]) -> Iterator[str]:
    """Serve models over gRPC and give host and port."""
    import grpc
    from google.protobuf import json_format
    from tritonclient.grpc import service_pb2 as messages
    from tritonclient.grpc import service_pb2_grpc as services

    class Service(services.GRPCInferenceServiceServicer):
        def _find(self, request: Any, context: Any) -> Served:
            name = getattr(request, "name", "") or getattr(request, "model_name", "")
            if name not in models:
                context.abort(grpc.StatusCode.NOT_FOUND, "Request for unknown model")
            return models[name]

        def ModelConfig(self, request: Any, context: Any) -> Any:
            config = self._find(request, context).config()
            return json_format.ParseDict({"config": config}, messages.ModelConfigResponse())

        def ModelMetadata(self, request: Any, context: Any) -> Any:
            return json_format.ParseDict(self._find(request, context).about(), messages.ModelMetadataResponse())

        def ModelInfer(self, request: Any, context: Any) -> Any:
            model = self._find(request, context)
            given = {
                one.name: np.frombuffer(raw, NUMBERS[one.datatype]).reshape(list(one.shape))
                for one, raw in zip(request.inputs, request.raw_input_contents, strict=True)
            }
            found = model.run(given)
            answer = messages.ModelInferResponse(model_name=model.name, model_version="1")
            for one in model.outputs:
                answer.outputs.add(name=one["name"], datatype=one["datatype"], shape=found[one["name"]].shape)
                answer.raw_output_contents.append(np.ascontiguousarray(found[one["name"]]).tobytes())
            return answer

    server = grpc.server(ThreadPoolExecutor(4))
    services.add_GRPCInferenceServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
