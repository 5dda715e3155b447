"""Results of one picture. `Results` holds the parts; drawing, saving and summaries are functions beside it."""

from ultralytics.engine.results.boxes import Boxes
from ultralytics.engine.results.dense import DepthMap, SemanticMask
from ultralytics.engine.results.keypoints import Keypoints
from ultralytics.engine.results.masks import Masks
from ultralytics.engine.results.obb import OBB
from ultralytics.engine.results.probs import Probs
from ultralytics.engine.results.results import Results
from ultralytics.engine.results.tensors import BaseTensor
from ultralytics.utils.lazy import offer

__all__ = ["OBB", "BaseTensor", "Boxes", "DepthMap", "Keypoints", "Masks", "Probs", "Results", "SemanticMask"]

__getattr__, __dir__ = offer(__name__)
