"""Directions in w: found without labels or from them, kept as files, applied, and judged.

The names below are loaded when first used: importing this package costs nothing.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.editing.directions.applying import frames as frames
    from stylegen.editing.directions.applying import move as move
    from stylegen.editing.directions.applying import parse_strengths as parse_strengths
    from stylegen.editing.directions.applying import plane as plane
    from stylegen.editing.directions.applying import sheet as sheet
    from stylegen.editing.directions.applying import step as step
    from stylegen.editing.directions.applying import strengths as strengths
    from stylegen.editing.directions.applying import strip as strip
    from stylegen.editing.directions.applying import with_units as with_units
    from stylegen.editing.directions.boundary import Boundary as Boundary
    from stylegen.editing.directions.boundary import fit_boundary as fit_boundary
    from stylegen.editing.directions.config import BoundaryConfig as BoundaryConfig
    from stylegen.editing.directions.config import ReportConfig as ReportConfig
    from stylegen.editing.directions.direction import Direction as Direction
    from stylegen.editing.directions.direction import adopt as adopt
    from stylegen.editing.directions.direction import find_files as find_files
    from stylegen.editing.directions.factorising import sefa as sefa
    from stylegen.editing.directions.factors import from_factor as from_factor
    from stylegen.editing.directions.judging import Report as Report
    from stylegen.editing.directions.judging import report_directions as report_directions
    from stylegen.editing.directions.labelled import from_classes as from_classes
    from stylegen.editing.directions.labelled import from_labels as from_labels
    from stylegen.editing.directions.labels import read_labels as read_labels
    from stylegen.editing.directions.pathlength import NetworkSpace as NetworkSpace
    from stylegen.editing.directions.pathlength import PathLengths as PathLengths
    from stylegen.editing.directions.pathlength import path_lengths as path_lengths
    from stylegen.editing.directions.principal import pca as pca
    from stylegen.editing.directions.reading import FactorReader as FactorReader
    from stylegen.editing.directions.spread import Spread as Spread
    from stylegen.editing.directions.spread import measure_spread as measure_spread
    from stylegen.editing.directions.tables import report_table as report_table

_HOMES = {
    "Boundary": "boundary",
    "BoundaryConfig": "config",
    "Direction": "direction",
    "FactorReader": "reading",
    "NetworkSpace": "pathlength",
    "PathLengths": "pathlength",
    "Report": "judging",
    "ReportConfig": "config",
    "Spread": "spread",
    "adopt": "direction",
    "find_files": "direction",
    "fit_boundary": "boundary",
    "frames": "applying",
    "from_classes": "labelled",
    "from_factor": "factors",
    "from_labels": "labelled",
    "measure_spread": "spread",
    "move": "applying",
    "parse_strengths": "applying",
    "path_lengths": "pathlength",
    "pca": "principal",
    "plane": "applying",
    "read_labels": "labels",
    "report_directions": "judging",
    "report_table": "tables",
    "sefa": "factorising",
    "sheet": "applying",
    "step": "applying",
    "strengths": "applying",
    "strip": "applying",
    "with_units": "applying",
}

__getattr__ = lazy_names(__name__, _HOMES)
__all__ = sorted(_HOMES)
