"""Public path of the drawing functions; their homes are in `ultralytics.engine.plots`."""

from ultralytics.engine.plots.annotate import Annotator
from ultralytics.engine.plots.bars import plot_multitrain_results
from ultralytics.engine.plots.crops import save_one_box
from ultralytics.engine.plots.curves import plot_results
from ultralytics.engine.plots.dense import colorize_depth
from ultralytics.engine.plots.features import class_activation_map, feature_visualization
from ultralytics.engine.plots.labels import plot_labels
from ultralytics.engine.plots.mosaics import output_to_rotated_target, output_to_target, plot_images
from ultralytics.engine.plots.palette import Colors, colors
from ultralytics.engine.plots.panels import plot_depth_panels
from ultralytics.engine.plots.scatter import plt_color_scatter
from ultralytics.engine.plots.tuning import plot_tune_results
from ultralytics.utils.lazy import offer

__all__ = [
    "Annotator",
    "Colors",
    "class_activation_map",
    "colorize_depth",
    "colors",
    "feature_visualization",
    "output_to_rotated_target",
    "output_to_target",
    "plot_depth_panels",
    "plot_images",
    "plot_labels",
    "plot_multitrain_results",
    "plot_results",
    "plot_tune_results",
    "plt_color_scatter",
    "save_one_box",
]

__getattr__, __dir__ = offer(__name__)
