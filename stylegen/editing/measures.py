"""How much two images differ; see :mod:`stylegen.images.measures`."""

from stylegen.images.measures import psnr as psnr
from stylegen.images.measures import ssim as ssim
