"""A run that begins from the weights of another's snapshot.

Source: Mo et al. 2020 (Freeze-D), section 3, for layers of the discriminator that stay.
"""

from pathlib import Path

from torch import Tensor, nn

from stylegen.checkpoints import read_info, read_tensors
from stylegen.checkpoints.checksums import verify_checksum
from stylegen.checkpoints.official import load_strictly
from stylegen.errors import InputError
from stylegen.networks import Discriminator, Generator
from stylegen.training.config import TransferConfig


def _fitted(network: nn.Module, given: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Return the network's own state with all that is given under the same names.

    Returns:
        The state, and the layers of which nothing is given.
    """
    own = network.state_dict()
    shared = {name: value for name, value in given.items() if name in own}
    return own | shared, sorted({name.rsplit(".", 1)[0] for name in own if name not in shared})


def freeze_top(discriminator: Discriminator, count: int, top: int) -> None:
    """Keep so many of the discriminator's top resolutions from being trained.

    Args:
        discriminator: of a run.
        count: how many.
        top: the resolution that the run began with, from which they are counted: blocks that grew
            since are trained.

    Raises:
        InputError: nothing would be left to train.
    """
    resolutions = sorted((r for r, _ in discriminator.blocks() if r <= top), reverse=True)
    if count >= len(resolutions):
        raise InputError(
            f"freeze_d is {count}, but the discriminator begins with {len(resolutions)} "
            "resolutions, and one at least should be trained"
        )
    for r in resolutions[:count]:
        discriminator.get_submodule(f"b{r}").requires_grad_(False)


def transfer_weights(
    config: TransferConfig, generator: Generator, discriminator: Discriminator
) -> list[str]:
    """Begin from a snapshot: its averaged generator, and its discriminator.

    Args:
        config: which, and how strictly.
        generator: gets the weights.
        discriminator: gets the weights.

    Returns:
        What begins anew, a sentence for each network that has such layers.

    Raises:
        InputError: the file is no snapshot, or weights do not fit; each is listed.
    """
    path = str(Path(config.snapshot))
    read_info(path)
    verify_checksum(path)
    said = []
    for network, prefix in ((generator, "G_ema."), (discriminator, "D.")):
        given = read_tensors(path, prefix)
        if config.match == "resolution":
            given, new = _fitted(network, given)
            if new:
                said.append(f"{path}: {type(network).__name__} begins anew in {', '.join(new)}")
        load_strictly(network, given, path)
    return said
