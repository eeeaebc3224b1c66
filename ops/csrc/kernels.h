// What the CUDA sources offer to the bindings. Arguments are those of ops/bias_act.py and
// ops/upfirdn2d.py; a negative clamp is none, pairs are (x, y), padding is (x0, x1, y0, y1).

#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>

namespace stylegen {

using Pair = std::array<int64_t, 2>;
using Padding = std::array<int64_t, 4>;
using OptionalTensor = std::optional<at::Tensor>;

at::Tensor bias_act(const at::Tensor& x, const OptionalTensor& b, int64_t dim, int64_t act,
                    double alpha, double gain, double clamp);

// dy * gain * act' where the clamp lets it through; ref is the output y, or the input x (swish).
at::Tensor bias_act_backward(const at::Tensor& dy, const at::Tensor& ref, const OptionalTensor& b,
                             int64_t dim, int64_t act, double alpha, double gain, double clamp);

// The derivative of sum(ddx * bias_act_backward(dy, ref)) by ref.
at::Tensor bias_act_backward2(const at::Tensor& ddx, const at::Tensor& dy, const at::Tensor& ref,
                              const OptionalTensor& b, int64_t dim, int64_t act, double alpha,
                              double gain, double clamp);

at::Tensor upfirdn2d(const at::Tensor& x, const at::Tensor& f, Pair up, Pair down, Padding padding,
                     bool flip_filter, double gain);

}  // namespace stylegen
