"""What a snapshot says of where it comes from."""

from typing import Any

import torch

from stylegen.devices import choose_precision, precision_name
from stylegen.training.run import Run
from stylegen.version import __version__


def provenance(run: Run) -> dict[str, Any]:
    """Return what a snapshot says of where it comes from."""
    data, loop = run.config.data, run.config.loop
    dtype = choose_precision(loop.precision, run.trainer.device)
    return {
        "run": run.config.name,
        "data": run.images.name,
        "data_digest": run.images.digest,
        "data_images": len(run.images),
        "data_filter": data.filter,
        "data_background": data.background,
        "xflip": data.xflip,
        "augment": run.moment.augment,
        "augment_p": run.view.p,
        "seed": loop.seed,
        "precision": precision_name(dtype),
        "stylegen": __version__,
        "torch": torch.__version__,
    }
