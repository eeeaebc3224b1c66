"""What transfer, adaptation and blending can be told, as plain values.

r nominal resolution of a block.
"""

from dataclasses import dataclass
from typing import Literal

from stylegen.errors import InputError

MatchColour = Literal["content", "style"]
MATCHED = ("content", "style")


@dataclass(frozen=True, kw_only=True)
class TransferConfig:
    """How much of a style goes into a content.

    Attributes:
        layers: which take the style, such as "fine", "8-" or "RES:16-32"; None:
            :func:`~stylegen.editing.transferring.style_layers`.
        strength: 0 leaves the content as it is, 1 takes the style in these layers.
        style_weights: one number for each style, of which one style is made, their weighted mean;
            None: each style for itself.
        match_colour: give each picture the colour statistics of its content's or its style's
            picture; None: of neither.
    """

    layers: str | None = None
    strength: float = 1.0
    style_weights: tuple[float, ...] | None = None
    match_colour: MatchColour | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise InputError(f"strength is {self.strength!r}; wanted 0 to 1")
        if self.match_colour not in (None, *MATCHED):
            raise InputError(
                f"match_colour is {self.match_colour!r}; wanted {' or '.join(MATCHED)}"
            )


@dataclass(frozen=True, kw_only=True)
class AdaptConfig:
    """How a generator is tuned to draw its samples in the manner of one image.

    Attributes:
        steps: of Adam on the synthesis network.
        layers: which of the style's code are replaced by random ones; None:
            :func:`~stylegen.editing.mixtures.replaced_layers`.
        share: how far they are replaced: 1 wholly, 0 not at all.
        keep_color: learn the style's lights and darks only, not its colours.
        chroma_weight: of the loss that holds the colours, for keep_color.
        batch: random codes of each step.
        lr: Adam's learning rate.
        beta1: decay of its mean of gradients.
        beta2: decay of its mean of their squares.
        seed: of the random codes and noise.
    """

    steps: int = 300
    layers: str | None = None
    share: float = 1.0
    keep_color: bool = False
    chroma_weight: float = 1.0
    batch: int = 4
    lr: float = 2e-3
    beta1: float = 0.0
    beta2: float = 0.99
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)!r}; wanted {least} or more")
        if self.seed >= 2**63:
            raise InputError(f"seed is {self.seed}; wanted at most {2**63 - 1}")
        if not 0 <= self.share <= 1:
            raise InputError(f"share is {self.share!r}; wanted 0 to 1")
        if not self.lr > 0:
            raise InputError(f"lr is {self.lr!r}; wanted a positive number")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise InputError(f"betas are {self.beta1} and {self.beta2}; wanted 0 to below 1")


@dataclass(frozen=True, kw_only=True)
class BlendConfig:
    """How much of the fine network goes into each block: either ``at`` or ``weights``.

    Attributes:
        at: from this resolution on, blocks are the fine network's.
        width: so many convolutions around that place lie between the two, in even steps; 0 swaps
            whole blocks.
        weights: pairs (r, weight from 0 to 1); a resolution that is not named has the weight of
            the nearest one below that is, or 0.
    """

    at: int | None = None
    width: int = 0
    weights: tuple[tuple[int, float], ...] | None = None

    def __post_init__(self) -> None:
        if (self.at is None) == (not self.weights):
            raise InputError("a blend takes either the resolution of the swap or weights, not both")
        if self.width < 0 or (self.width and self.at is None):
            raise InputError(
                f"width is {self.width}; wanted 0 or more, and with the resolution of a swap only"
            )
        for r, weight in self.weights or ():
            if not 0 <= weight <= 1:
                raise InputError(f"the weight at {r} px is {weight}; wanted 0 to 1")
