"""What is fixed of low precision, without torch.

The top resolutions compute in it; mapping, the sum of RGB images, the discriminator's last block,
losses and the sums of the regularisers stay in float32.

Source: Karras et al. 2020 (ADA), appendix D: four resolutions, activations clipped at 256.
"""

from typing import Literal

Precision = Literal["auto", "fp32", "bf16", "fp16"]
PRECISIONS = ("auto", "fp32", "bf16", "fp16")

NUM_LOW_PRECISION_RES = 4  # how many of the top resolutions, none below 8 px
CONV_CLAMP = 256.0  # what activations are clipped to there
