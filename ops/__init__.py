"""Custom operators: the few image-space primitives that StyleGAN2 is made of.

Each operator is one file with its reference in plain torch, its autograd formula and its public
switch ``impl``:

* ``"auto"``: the operator with its own gradient formula, on what the device and build allow;
* ``"reference"``: plain torch operations, differentiated by torch itself;
* ``"cpu"``, ``"cuda"``: the operator on that device's own code, or an error if it cannot run.

Nothing is compiled when this package is imported.
"""

from stylegen.ops.activations import ACTIVATIONS
from stylegen.ops.bias_act import bias_act
from stylegen.ops.conv2d import conv2d, conv2d_transpose, no_weight_gradients
from stylegen.ops.dispatch import Impl, forced
from stylegen.ops.epilogue import epilogue
from stylegen.ops.filters import downsample2d, filter2d, setup_filter, upsample2d
from stylegen.ops.layout import layout_of
from stylegen.ops.modulated_conv2d import Prepare, modulated_conv2d
from stylegen.ops.resampled_conv2d import conv2d_down, conv2d_up
from stylegen.ops.upfirdn2d import upfirdn2d
from stylegen.ops.weights import PreparedWeight, scaled_weight, weight_and_energy

__all__ = [
    "ACTIVATIONS",
    "Impl",
    "Prepare",
    "PreparedWeight",
    "bias_act",
    "conv2d",
    "conv2d_down",
    "conv2d_transpose",
    "conv2d_up",
    "downsample2d",
    "epilogue",
    "filter2d",
    "forced",
    "layout_of",
    "modulated_conv2d",
    "no_weight_gradients",
    "scaled_weight",
    "setup_filter",
    "upfirdn2d",
    "upsample2d",
    "weight_and_energy",
]
