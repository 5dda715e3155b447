"""Which layers of a model should be dynamic, with how many experts? Try all and print a table.

python examples/search_dynamic.py
python examples/search_dynamic.py --model yolo11n.yaml --data my_data.yaml --epochs 100 --imgsz 640 --experts 2 4 8
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ultralytics import YOLO
from ultralytics.nn.cost.flops import count_flops, get_num_params
from ultralytics.nn.dynamic.dynamize import dynamize, write_dynamic


def write_models(source: str, layers: Sequence[str], experts: Sequence[int], folder: Path) -> dict[str, str]:
    """Write a description for every combination; return what is dynamic by the path of the model."""
    found = {source: "none"}
    for rule in layers:
        for count in experts:
            name = folder / f"{Path(source).stem}-{rule}-{count}"
            path, _ = write_dynamic(dynamize(source, layers=rule, num_experts=count), name, exist_ok=True)
            found[str(path)] = f"{rule}, {count} experts"
    return found


def main(argv: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Run the example and return the rows of the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="yolov8n.yaml", help="a plain model's YAML")
    parser.add_argument("--data", default="shapes.yaml", help="data set YAML; the default is drawn on first use")
    parser.add_argument("--layers", nargs="+", default=["stride2", "3x3"])
    parser.add_argument("--experts", nargs="+", type=int, default=[2, 4, 8])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("dynamic-models"))
    args = parser.parse_args(argv)

    models = write_models(args.model, args.layers, args.experts, args.out)
    # "model" is searched like any other argument; each is trained in a process of its own.
    YOLO(args.model).tune(
        space={"model": list(models)}, search="grid", iterations=len(models), data=args.data, epochs=args.epochs,
        imgsz=args.imgsz, workers=args.workers, nbs=16, plots=False, verbose=False, project=str(args.out.resolve()),
    )  # fmt: skip
    rows = []
    newest = max(args.out.glob("tune*/tune_results.ndjson"), key=lambda file: file.stat().st_mtime)
    for line in newest.read_text(encoding="utf-8").splitlines():
        trial = json.loads(line)
        path = trial["hyperparameters"]["model"]
        network = YOLO(path).model
        size, cost = get_num_params(network), count_flops(network, args.imgsz).true_gflops
        rows.append({"dynamic": models[path], "parameters": size, "GFLOPs": cost, "fitness": trial["fitness"]})
    print("| dynamic | parameters (M) | GFLOPs | fitness |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['dynamic']} | {row['parameters'] / 1e6:.2f} | {row['GFLOPs']:.3f} | {row['fitness']:.3f} |")
    return rows


if __name__ == "__main__":
    main()
