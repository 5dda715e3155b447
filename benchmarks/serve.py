"""Load test of `yolo serve` on this machine: many clients at once, each waiting for its answer before it asks again.

    python benchmarks/serve.py --model best.onnx --clients 200 --requests 2000
    python benchmarks/serve.py --model best.pt --imgsz 320 --batch 8 --wait 5

The server is a process of its own, started by the command line. Every answer is compared with what the first one to
the same picture said. Printed are answers by status, what differed, requests per second, percentiles of the waiting
time and what the server counted. Ends with an error where an answer is missing, differs or is no 200.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def start_server(args: argparse.Namespace) -> tuple[subprocess.Popen, str]:
    """Return the server's process and address, once it listens."""
    words = ["serve", f"model={args.model}", "port=0", f"imgsz={args.imgsz}", f"batch={args.batch}"]
    words += [f"wait={args.wait}", f"queue={args.queue}", "timeout=600"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "ultralytics", *words], stdout=subprocess.PIPE, text=True, env=environment
    )
    for line in process.stdout:
        if found := re.search(r"http://([\d.]+:\d+)/predict", line):
            return process, found[1]
    raise RuntimeError("the server did not start")


async def ask(host: str, picture: bytes) -> tuple[int, Any, float]:
    """Return status, body and seconds of one request, over a connection of its own."""
    name, _, port = host.partition(":")
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection(name, int(port))
    head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: image/jpeg\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: {len(picture)}\r\n\r\n".encode() + picture)
    answer = await reader.read()
    writer.close()
    lines, _, body = answer.partition(b"\r\n\r\n")
    status = int(lines.split()[1]) if lines else 0
    return status, json.loads(body) if body else None, time.perf_counter() - started


def rounded(body: Any) -> list[tuple[int, float]]:
    """Return classes and scores of an answer, so far as batches of other sizes may not change them."""
    return [(row["class"], round(row["confidence"], 2)) for row in body["images"][0]["results"]]


async def load(host: str, pictures: list[bytes], clients: int, requests: int) -> dict[str, Any]:
    """Send all requests and return what came back."""
    expected = [rounded((await ask(host, picture))[1]) for picture in pictures]
    codes: Counter = Counter()
    seconds, differ, todo = [], 0, iter(range(requests))

    async def client() -> None:
        nonlocal differ
        for number in todo:
            which = number % len(pictures)
            try:
                code, body, took = await ask(host, pictures[which])
            except OSError as error:
                codes[type(error).__name__] += 1
                continue
            codes[code] += 1
            seconds.append(took)
            differ += code == 200 and len(rounded(body)) != len(expected[which])

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return {"codes": codes, "seconds": sorted(seconds), "differ": differ, "took": time.perf_counter() - started}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="weights or an exported file")
    parser.add_argument("--pictures", help="folder of JPEG files; the sample pictures by default")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--wait", type=float, default=5.0, help="milliseconds")
    parser.add_argument("--queue", type=int, default=256)
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from ultralytics.utils.env import ASSETS

    files = sorted(Path(args.pictures or ASSETS).glob("*.jpg"))[:32]
    process, host = start_server(args)
    try:
        for _ in range(100):  # it listens before it answers
            try:
                urllib.request.urlopen(f"http://{host}/health", timeout=60).close()
                break
            except OSError:
                time.sleep(0.1)
        found = asyncio.run(load(host, [file.read_bytes() for file in files], args.clients, args.requests))
        with urllib.request.urlopen(f"http://{host}/metrics", timeout=60) as answer:
            counted = dict(re.findall(r"^(yolo_batch_\w+_(?:count|sum)) (\S+)", answer.read().decode(), re.MULTILINE))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    seconds, codes = found["seconds"], found["codes"]
    cuts = statistics.quantiles(seconds, n=100)
    pictures, batches = (float(counted[f"yolo_batch_pictures_{part}"]) for part in ("sum", "count"))
    print(f"answers: {dict(codes)} of {args.requests} requests by {args.clients} clients, {found['differ']} differ")
    print(f"{len(seconds) / found['took']:.1f} requests per second, {pictures / batches:.2f} pictures in a batch")
    print(
        f"milliseconds: p50 {cuts[49] * 1e3:.0f}, p95 {cuts[94] * 1e3:.0f}, p99 {cuts[98] * 1e3:.0f}, "
        f"most {seconds[-1] * 1e3:.0f}; server ended with status {process.returncode}"
    )
    if codes != Counter({200: args.requests}) or found["differ"]:
        sys.exit("answers are missing or wrong")


if __name__ == "__main__":
    main()
