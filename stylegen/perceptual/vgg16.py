"""VGG-16's second hidden layer: the features of improved precision and recall.

Images are resized to 224 pixels and standardised with ImageNet's means and deviations; features
are the second fully connected layer's after its ReLU (D = 4096), as torch-fidelity takes them.

Source: Simonyan and Zisserman 2015, arXiv:1409.1556; Kynkaanniemi et al. 2019, arXiv:1904.06991,
section 3, for their use.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from stylegen.perceptual.base import FeatureNetwork, Features
from stylegen.perceptual.locating import find_weights, published_notes
from stylegen.perceptual.names import Arithmetic, Resize
from stylegen.perceptual.resizing import resized, standardised
from stylegen.perceptual.weights import file_digest, load_built, load_tensors
from stylegen.perceptual.weights_table import WEIGHTS

SIDE_PX = 224
IMAGENET_MEANS = (255 * 0.485, 255 * 0.456, 255 * 0.406)
IMAGENET_DEVIATIONS = (255 * 0.229, 255 * 0.224, 255 * 0.225)
_LAYERS_KEPT = 5  # of the classifier: linear, ReLU, dropout, linear, ReLU
_HEAD = "classifier.6."


def _build(values: dict[str, Tensor], path: Path) -> nn.Module:
    from torchvision.models import vgg16

    with torch.device("meta"):
        network: nn.Module = vgg16(weights=None, init_weights=False)
    network.classifier = nn.Sequential(*list(network.classifier)[:_LAYERS_KEPT])  # type: ignore[arg-type]
    own = {k: v for k, v in values.items() if not k.startswith(_HEAD)}
    load_built(network, own, f"the tensors in {path}")
    return network


class VGG16(FeatureNetwork):
    """Features of VGG-16.

    Args:
        weights: torchvision's state dict; by default the one that STYLEGEN_WEIGHTS_VGG16 names,
            or torchvision's in torch.hub's folder, downloaded when it is absent (553 MB).
        resize: "tf1" as torch-fidelity.
        arithmetic: one of :data:`~stylegen.perceptual.names.ARITHMETICS`.

    Raises:
        InputError: the weights are absent, cut off, or another network's.
    """

    means: Tensor
    deviations: Tensor

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        resize: Resize | None = None,
        arithmetic: Arithmetic = "fp32",
    ) -> None:
        path = find_weights("vgg16", weights)
        values = load_tensors(path, full_bytes=WEIGHTS["vgg16"].size_bytes)
        digest = file_digest(path)
        super().__init__(
            "vgg16", digest, published_notes("vgg16", digest), resize=resize, arithmetic=arithmetic
        )
        self.network = _build(values, path)
        self.register_buffer("means", torch.tensor(IMAGENET_MEANS))
        self.register_buffer("deviations", torch.tensor(IMAGENET_DEVIATIONS))
        self.settle(self.network)

    def features(self, images: Tensor) -> Features:
        """Compute the second hidden layer of (N, 3, H, W) uint8."""
        x = resized(images, SIDE_PX, self.resize or "tf1")
        x = standardised(x, self.means, self.deviations)
        return Features(self.network(self.laid_out(x)).float(), None)
