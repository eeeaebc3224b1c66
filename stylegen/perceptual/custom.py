"""A feature network of one's own: a TorchScript archive, a safetensors file, or a module at hand.

How images are prepared for it stands in a description, a JSON object of :class:`Preparation`'s
fields. A TorchScript archive may hold it as an extra file ``stylegen.json``; without one the
network takes uint8 images of any size, as torch-fidelity's and NVIDIA's do. A safetensors file
holds the state dict of one of torchvision's classifiers, and must hold the description as metadata
``stylegen``: its ``architecture`` and ``layer`` say which one, and where its features are.

N images, S pixels of a side, D feature width.
"""

import contextlib
import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from stylegen.configs import from_dict
from stylegen.errors import InputError
from stylegen.perceptual.base import FeatureNetwork, Features
from stylegen.perceptual.locating import SCRIPT, without_scheme
from stylegen.perceptual.names import RESIZES, Arithmetic, Resize
from stylegen.perceptual.resizing import resized, standardised
from stylegen.perceptual.scripts import load_script
from stylegen.perceptual.weights import (
    file_digest,
    is_torchscript,
    load_built,
    load_tensors,
    require_file,
)
from stylegen.perceptual.weights_table import FLAG

EXTRA_FILE = "stylegen.json"
METADATA = "stylegen"
_TRIAL_PX = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preparation:
    """How uint8 images become what a network of one's own takes.

    Attributes:
        side_px: side of the square that images are resized to; None: they go in as they are.
        resize: how, one of :data:`~stylegen.perceptual.names.RESIZES`.
        means: of the channels, 0 to 255, subtracted; None with ``deviations`` None: the network
            takes the numbers 0 to 255 themselves.
        deviations: of the channels, in the same units, divided by.
        as_bytes: hand over uint8, not float32; only for images as they are.
        architecture: for a safetensors file: torchvision's name of the network.
        layer: name of the part whose output the features are; None: the whole network's.
    """

    side_px: int | None = None
    resize: Resize = "tf1"
    means: tuple[float, ...] | None = None
    deviations: tuple[float, ...] | None = None
    as_bytes: bool = False
    architecture: str | None = None
    layer: str | None = None

    def __post_init__(self) -> None:
        if self.resize not in RESIZES:
            raise InputError(f"no resize is called {self.resize!r}; known: {', '.join(RESIZES)}")
        if self.side_px is not None and self.side_px < 1:
            raise InputError(f"side_px is {self.side_px}; wanted at least 1")
        pair = (self.means, self.deviations)
        if any(x is not None and len(x) != 3 for x in pair) or pair.count(None) == 1:
            raise InputError("means and deviations are given together, three numbers each")
        if self.deviations is not None and min(self.deviations) <= 0:
            raise InputError(f"deviations are {self.deviations}; wanted numbers above 0")
        if self.as_bytes and pair != (None, None):
            raise InputError("as_bytes hands over bytes: leave out means and deviations")
        if self.as_bytes and self.side_px is not None:
            raise InputError("as_bytes hands over images as they are: leave out side_px")


BYTES = Preparation(as_bytes=True)


def _description(text: str | bytes, path: Path) -> Preparation:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InputError(f"the description in {path} is no JSON: {error}") from error
    return from_dict(Preparation, values, f"the description in {path}")


def _open_script(path: Path) -> tuple[nn.Module, Preparation]:
    module, text = load_script(path, EXTRA_FILE)
    return module, _description(text, path) if text else BYTES


def _metadata(path: Path) -> str:
    with contextlib.suppress(SafetensorError, OSError), safe_open(path, framework="pt") as file:
        found = (file.metadata() or {}).get(METADATA)
        if found is not None:
            return str(found)
    raise InputError(
        f"{path} does not say what network its tensors are of: write it with the metadata "
        f"{METADATA!r}, a JSON object with architecture (torchvision's name), layer, side_px, "
        f"means and deviations; or name a TorchScript archive with {SCRIPT}FILE"
    )


def _architecture(name: str, path: Path) -> nn.Module:
    from torchvision.models import get_model, list_models

    if name not in list_models():
        raise InputError(f"{path} is of the architecture {name!r}, which torchvision does not have")
    with torch.device("meta"):
        network: nn.Module = get_model(name, weights=None)
    return network


def _open_tensors(path: Path) -> tuple[nn.Module, Preparation]:
    how = _description(_metadata(path), path)
    if how.architecture is None or how.layer is None:
        raise InputError(f"the description in {path} lacks architecture or layer")
    network = _architecture(how.architecture, path)
    load_built(network, load_tensors(path), f"the tensors in {path}")
    return network, how


def _open(weights: str | Path) -> tuple[nn.Module, Preparation]:
    path = without_scheme(weights)
    require_file(path)
    if str(weights).startswith(SCRIPT):
        return _open_script(path)
    if path.suffix == ".safetensors":
        return _open_tensors(path)
    if is_torchscript(path):
        raise InputError(
            f"{path} is a TorchScript archive, which holds code beside its tensors: to run it, "
            f"name it {SCRIPT}{path}"
        )
    raise InputError(
        f"{path} is neither: a network of your own is a TorchScript archive, named {SCRIPT}FILE, "
        "or a .safetensors file that describes itself"
    )


class _Tap:
    """Keeps what a part of a network gives."""

    def __init__(self, network: nn.Module, layer: str) -> None:
        try:
            part = network.get_submodule(layer)
        except AttributeError as error:
            names = [name for name, _ in network.named_children()]
            raise InputError(
                f"the network has no layer {layer!r}; its parts: {', '.join(names)}"
            ) from error
        self.kept: Any = None
        part.register_forward_hook(self._keep)

    def _keep(self, _: nn.Module, __: Any, output: Any) -> None:
        self.kept = output

    def take(self) -> Any:
        kept, self.kept = self.kept, None
        return kept


def _pooled(found: Any, count: int) -> Tensor:
    """Return features (N, D) float32; maps (N, D, h, w) are averaged over space."""
    if isinstance(found, Tensor) and found.is_floating_point() and len(found) == count:
        if found.dim() == 2:
            return found.float()
        if found.dim() == 4:
            return found.float().mean((2, 3))
    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    raise InputError(
        f"of {count} images the network of your own gives {shape}; wanted floating-point features "
        "(N, D) or (N, D, h, w)"
    )


class Custom(FeatureNetwork):
    """Features of a network of one's own.

    Args:
        weights: ``torchscript:FILE``, or a .safetensors file that describes itself.
        arithmetic: one of :data:`~stylegen.perceptual.names.ARITHMETICS`.
        module: instead of a file: a module; it is copied.
        preparation: with a module: how images are prepared for it.
        weights_digest: with a module: what tells its weights from others.

    Raises:
        InputError: the file is absent, not one of those, or does not describe itself; or the
            network does not give features.
    """

    means: Tensor
    deviations: Tensor

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        arithmetic: Arithmetic = "fp32",
        module: nn.Module | None = None,
        preparation: Preparation = BYTES,
        weights_digest: str | None = None,
    ) -> None:
        if weights is not None:
            module, preparation = _open(weights)
            weights_digest = file_digest(without_scheme(weights))
        elif module is not None:
            module = copy.deepcopy(module)  # it is frozen here, and not where it comes from
        if module is None or weights_digest is None:
            raise InputError(
                f"a network of your own has to be named: {FLAG} {SCRIPT}FILE, or {FLAG} "
                "FILE.safetensors with a description in it"
            )
        super().__init__("custom", weights_digest, arithmetic=arithmetic, dim=-1)
        self.preparation, self.network = preparation, module
        self.register_buffer("means", torch.tensor(preparation.means or (0.0,) * 3))
        self.register_buffer("deviations", torch.tensor(preparation.deviations or (1.0,) * 3))
        self._tap = _Tap(module, preparation.layer) if preparation.layer else None
        self.settle(module)
        self.dim = self._width()

    @torch.no_grad()
    def _width(self) -> int:
        """Find D by a trial."""
        shades = torch.arange(2 * 3 * _TRIAL_PX**2).reshape(2, 3, _TRIAL_PX, _TRIAL_PX) % 256
        try:
            return self.features(shades.to(torch.uint8)).pool.shape[1]
        except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1][:160]
            raise InputError(
                f"the network of your own does not take two images prepared as described "
                f"({self.preparation}): {reason}"
            ) from error

    def facts(self) -> dict[str, Any]:
        """Return what tells these features from others, as plain values."""
        return {**super().facts(), "preparation": dataclasses.asdict(self.preparation)}

    def features(self, images: Tensor) -> Features:
        """Compute the features of (N, 3, H, W) uint8."""
        how = self.preparation
        x = images
        if not how.as_bytes:
            x = images.float() if how.side_px is None else resized(images, how.side_px, how.resize)
            x = self.laid_out(standardised(x, self.means, self.deviations))
        run: Callable[[Tensor], Any] = self.network
        found = run(x)
        if self._tap is not None:
            found = self._tap.take()
        return Features(_pooled(found, len(images)), None)
