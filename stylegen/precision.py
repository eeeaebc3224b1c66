"""What is fixed of low precision, without torch.

The top resolutions compute in it; mapping, the sum of RGB images, the discriminator's last block,
losses and the sums of the regularisers stay in float32.

Four resolutions, and activations clipped at 256: Karras et al. 2020 (ADA), appendix D. Measured
on a CPU with bf16 (channel base 16384, batch 8), training with 0 to 6 resolutions low runs at
1.40, 2.24, 2.90, 3.11, 3.27, 3.25, 3.27 img/s at 64 px and 0.92, 1.41, 1.70, 2.07, 2.18, 2.23,
2.23 at 128 px: beyond four there is little to gain.
"""

from typing import Literal

Precision = Literal["auto", "fp32", "bf16", "fp16"]
PRECISIONS = ("auto", "fp32", "bf16", "fp16")

NUM_LOW_PRECISION_RES = 4  # how many of the top resolutions, none below 8 px
CONV_CLAMP = 256.0  # what activations are clipped to there
