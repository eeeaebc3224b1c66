"""Image sets: folders and zips of pictures with labels, ready zips, the built-in cartoon faces.

The names below are loaded when first used: importing this package costs nothing.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.data.building import BuildReport as BuildReport
    from stylegen.data.building import build as build
    from stylegen.data.checking import CheckReport as CheckReport
    from stylegen.data.checking import check as check
    from stylegen.data.config import DataConfig as DataConfig
    from stylegen.data.decoded import load_decoded as load_decoded
    from stylegen.data.faces import render_face as render_face
    from stylegen.data.factors import FACTORS as FACTORS
    from stylegen.data.factors import FaceFactors as FaceFactors
    from stylegen.data.factors import sample_factors as sample_factors
    from stylegen.data.imageset import ImageSet as ImageSet
    from stylegen.data.imageset import open_images as open_images
    from stylegen.data.mending import MendReport as MendReport
    from stylegen.data.mending import mend as mend
    from stylegen.data.sizes import Resolution as Resolution
    from stylegen.data.sizes import parse_resolution as parse_resolution
    from stylegen.data.synth import synth_images as synth_images
    from stylegen.data.synth import write_synth as write_synth

_HOMES = {
    "FACTORS": "factors",
    "BuildReport": "building",
    "CheckReport": "checking",
    "DataConfig": "config",
    "FaceFactors": "factors",
    "ImageSet": "imageset",
    "MendReport": "mending",
    "Resolution": "sizes",
    "build": "building",
    "check": "checking",
    "load_decoded": "decoded",
    "mend": "mending",
    "open_images": "imageset",
    "parse_resolution": "sizes",
    "render_face": "faces",
    "sample_factors": "factors",
    "synth_images": "synth",
    "write_synth": "synth",
}

__getattr__ = lazy_names(__name__, _HOMES)
__all__ = sorted(_HOMES)
