"""Metrics: distances between sets of images, how they are taken, and reports of them.

The names below are loaded when first used: naming them must not import torch.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.metrics.config import EvaluateConfig as EvaluateConfig
    from stylegen.metrics.config import TrainingMetricConfig as TrainingMetricConfig
    from stylegen.metrics.demo import open_network as open_network
    from stylegen.metrics.drawing import draw_images as draw_images
    from stylegen.metrics.drawing import generator_distance as generator_distance
    from stylegen.metrics.evaluation import evaluate as evaluate
    from stylegen.metrics.extraction import Extracted as Extracted
    from stylegen.metrics.extraction import extract as extract
    from stylegen.metrics.frechet import frechet_distance as frechet_distance
    from stylegen.metrics.in_training import metric_for_training as metric_for_training
    from stylegen.metrics.kernel import kernel_distance as kernel_distance
    from stylegen.metrics.kernel import subset_distance as subset_distance
    from stylegen.metrics.moments import Moments as Moments
    from stylegen.metrics.report import Report as Report
    from stylegen.metrics.score import inception_score as inception_score
    from stylegen.metrics.writing import check_folder as check_folder
    from stylegen.metrics.writing import write_report as write_report

_HOMES = {
    "EvaluateConfig": "config",
    "Extracted": "extraction",
    "Moments": "moments",
    "Report": "report",
    "TrainingMetricConfig": "config",
    "check_folder": "writing",
    "draw_images": "drawing",
    "evaluate": "evaluation",
    "extract": "extraction",
    "frechet_distance": "frechet",
    "generator_distance": "drawing",
    "inception_score": "score",
    "kernel_distance": "kernel",
    "metric_for_training": "in_training",
    "open_network": "demo",
    "subset_distance": "kernel",
    "write_report": "writing",
}

__getattr__ = lazy_names(__name__, _HOMES)
__all__ = sorted(_HOMES)
