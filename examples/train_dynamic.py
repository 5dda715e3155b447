"""Train a detector with dynamic convolutions, validate it and predict.

python examples/train_dynamic.py
python examples/train_dynamic.py --model yolov8s-DynamicBnAct.yaml --data my_data.yaml --epochs 100 --imgsz 640
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ultralytics import ASSETS, YOLO


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return the figures of the validation."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="yolov8n-DynamicConv.yaml")
    parser.add_argument("--data", default="shapes.yaml", help="data set YAML; the default is drawn on first use")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args(argv)

    model = YOLO(args.model)
    model.train(data=args.data, epochs=args.epochs, imgsz=args.imgsz, workers=args.workers)
    # The best weights of the run are loaded now; `model.trainer.save_dir` is its folder.
    metrics = model.val(data=args.data, imgsz=args.imgsz, workers=args.workers)
    for result in model.predict(ASSETS, imgsz=args.imgsz, stream=True):
        print(result.path, result.verbose())
    print({name: round(value, 4) for name, value in metrics.results_dict.items()})
    return metrics.results_dict


if __name__ == "__main__":
    main()
