"""What every augmentation is, to the training step.

N batch, C channels, H height, W width.
"""

from torch import Tensor

from stylegen.training.draws import Draws


class Augment:
    """Changes images before the discriminator sees them. This one leaves them as they are.

    Attributes:
        left_out: in words, what has no meaning for these images and is not done.
    """

    left_out: tuple[str, ...] = ()

    def __call__(self, images: Tensor, p: float | Tensor, draws: Draws) -> Tensor:
        """Return the images, changed; differentiable any number of times.

        Args:
            images: (N, C, H, W), float32 or float64, [-1, 1].
            p: probability of each operation, in [0, 1]; a number, or a scalar tensor.
            draws: where the random numbers come from; each sample has its own.

        Returns:
            (N, C, H, W), the layout of ``images``; values may leave [-1, 1].
        """
        return images
