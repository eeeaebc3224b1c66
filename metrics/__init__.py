"""Metrics: distances between sets of images, how they are taken, and reports of them.

The names below are loaded when first used: naming them must not import torch.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.metrics.catalogue import METRICS as METRICS
    from stylegen.metrics.config import EvaluateConfig as EvaluateConfig
    from stylegen.metrics.config import TrainingMetricConfig as TrainingMetricConfig
    from stylegen.metrics.demo import open_network as open_network
    from stylegen.metrics.drawing import draw_images as draw_images
    from stylegen.metrics.drawing import generator_distance as generator_distance
    from stylegen.metrics.evaluation import evaluate as evaluate
    from stylegen.metrics.extraction import Extracted as Extracted
    from stylegen.metrics.extraction import extract as extract
    from stylegen.metrics.frechet import Gaussian as Gaussian
    from stylegen.metrics.frechet import frechet_distance as frechet_distance
    from stylegen.metrics.in_training import metric_for_training as metric_for_training
    from stylegen.metrics.infinity import frechet_infinity as frechet_infinity
    from stylegen.metrics.jackknife import FrechetEstimate as FrechetEstimate
    from stylegen.metrics.jackknife import frechet_difference as frechet_difference
    from stylegen.metrics.jackknife import frechet_jackknife as frechet_jackknife
    from stylegen.metrics.kernel import kernel_distance as kernel_distance
    from stylegen.metrics.kernel import subset_distance as subset_distance
    from stylegen.metrics.memorisation import audit as audit
    from stylegen.metrics.moments import BlockMoments as BlockMoments
    from stylegen.metrics.moments import Moments as Moments
    from stylegen.metrics.paired import paired_measures as paired_measures
    from stylegen.metrics.path_length import perceptual_path_length as perceptual_path_length
    from stylegen.metrics.perclass import per_class_frechet as per_class_frechet
    from stylegen.metrics.prdc import density_coverage as density_coverage
    from stylegen.metrics.prdc import manifolds as manifolds
    from stylegen.metrics.prdc import precision_recall as precision_recall
    from stylegen.metrics.protocols import PROTOCOLS as PROTOCOLS
    from stylegen.metrics.protocols import Protocol as Protocol
    from stylegen.metrics.references import Reference as Reference
    from stylegen.metrics.references import read_reference as read_reference
    from stylegen.metrics.references import write_reference as write_reference
    from stylegen.metrics.referring import save_reference as save_reference
    from stylegen.metrics.report import Report as Report
    from stylegen.metrics.score import inception_score as inception_score
    from stylegen.metrics.spectrum import image_statistics as image_statistics
    from stylegen.metrics.writing import check_folder as check_folder
    from stylegen.metrics.writing import write_report as write_report

_HOMES = {
    "BlockMoments": "moments",
    "EvaluateConfig": "config",
    "Extracted": "extraction",
    "FrechetEstimate": "jackknife",
    "Gaussian": "frechet",
    "METRICS": "catalogue",
    "Moments": "moments",
    "PROTOCOLS": "protocols",
    "Protocol": "protocols",
    "Reference": "references",
    "Report": "report",
    "TrainingMetricConfig": "config",
    "audit": "memorisation",
    "check_folder": "writing",
    "density_coverage": "prdc",
    "draw_images": "drawing",
    "evaluate": "evaluation",
    "extract": "extraction",
    "frechet_difference": "jackknife",
    "frechet_distance": "frechet",
    "frechet_infinity": "infinity",
    "frechet_jackknife": "jackknife",
    "generator_distance": "drawing",
    "image_statistics": "spectrum",
    "inception_score": "score",
    "kernel_distance": "kernel",
    "manifolds": "prdc",
    "metric_for_training": "in_training",
    "open_network": "demo",
    "paired_measures": "paired",
    "per_class_frechet": "perclass",
    "perceptual_path_length": "path_length",
    "precision_recall": "prdc",
    "read_reference": "references",
    "save_reference": "referring",
    "subset_distance": "kernel",
    "write_reference": "references",
    "write_report": "writing",
}

__getattr__ = lazy_names(__name__, _HOMES)
__all__ = sorted(_HOMES)
