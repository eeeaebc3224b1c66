// The Python module of the CUDA kernels: arguments are checked, layouts settled, outputs made.
//
// Arguments are those of ops/bias_act.py and ops/upfirdn2d.py: a negative clamp is none, pairs are
// (x, y), padding is (x0, x1, y0, y1).

#include <algorithm>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "kernels.h"

namespace stylegen {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;
using Pair = std::array<int64_t, 2>;
using Padding = std::array<int64_t, 4>;

Type type_of(const Tensor& x) {
  switch (x.scalar_type()) {
    case at::kFloat: return Type::float32;
    case at::kHalf: return Type::float16;
    case at::kBFloat16: return Type::bfloat16;
    case at::kDouble: return Type::float64;
    default: TORCH_CHECK(false, "wanted float32, float16, bfloat16 or float64, not ", x.dtype());
  }
}

// t in the layout of `like`, which is dense.
Tensor laid_out(const Tensor& t, const Tensor& like) {
  return t.strides() == like.strides() ? t : at::empty_like(like).copy_(t);
}

void check(const Tensor& x, const OptionalTensor& b, int64_t dim, int64_t act) {
  TORCH_CHECK(x.is_cuda(), "bias_act: wanted a CUDA tensor, not one on ", x.device());
  TORCH_CHECK(0 <= dim && dim < x.dim(), "bias_act: dim ", dim, " of a ", x.dim(), "-D tensor");
  TORCH_CHECK(0 <= act && act < kActivations, "bias_act: unknown activation code ", act);
  if (!b.has_value()) return;
  TORCH_CHECK(b->device() == x.device(), "bias_act: b is on ", b->device(), ", x on ", x.device());
  TORCH_CHECK(b->dim() == 1 && b->size(0) == x.size(dim), "bias_act: b has shape ", b->sizes(),
              ", wanted (", x.size(dim), ")");
}

void check_like(const Tensor& t, const Tensor& x, const char* name) {
  TORCH_CHECK(t.device() == x.device() && t.dtype() == x.dtype() && t.sizes() == x.sizes(),
              "bias_act: ", name, " is ", t.dtype(), " ", t.sizes(), " on ", t.device(),
              ", wanted ", x.dtype(), " ", x.sizes(), " on ", x.device());
}

// The bias in the type of the elements, or an undefined tensor.
Tensor typed_bias(const OptionalTensor& b, const Tensor& x) {
  return b.has_value() ? b->to(x.scalar_type()).contiguous() : Tensor();
}

// Where the bias of an element of `out` is found: its channel follows from its place in memory,
// whatever the order of the dimensions, so that every dense layout is taken as it is.
BiasOf bias_of(const Tensor& bias, const Tensor& out, int64_t dim) {
  const void* data = bias.defined() ? bias.const_data_ptr() : nullptr;
  return {data, std::max<int64_t>(out.stride(dim), 1), out.size(dim)};
}

// What a call of bias_act or one of its derivatives needs besides its tensors. `main` gives the
// layout and the device, which is the current one as long as this lives.
struct Call {
  c10::cuda::CUDAGuard guard;
  Tensor out, bias;
  Type type;
  BiasAct<double> p;
  BiasOf of;
  int64_t size;
  cudaStream_t stream;

  Call(const Tensor& main, const OptionalTensor& b, int64_t dim, int64_t act, double alpha,
       double gain, double clamp)
      : guard(main.device()),
        out(at::empty_like(main)),
        bias(typed_bias(b, main)),
        type(type_of(main)),
        p{static_cast<Act>(act), alpha, gain, clamp},
        of(bias_of(bias, out, dim)),
        size(out.numel()),
        stream(c10::cuda::getCurrentCUDAStream()) {}
};

Tensor bias_act_(const Tensor& x, const OptionalTensor& b, int64_t dim, int64_t act, double alpha,
                 double gain, double clamp) {
  check(x, b, dim, act);
  const Call call(x, b, dim, act, alpha, gain, clamp);
  if (call.size == 0) return call.out;
  const Tensor in = laid_out(x, call.out);
  bias_act(call.type, call.p, call.of, in.const_data_ptr(), call.out.mutable_data_ptr(), call.size,
           call.stream);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return call.out;
}

Tensor bias_act_backward_(const Tensor& dy, const Tensor& ref, const OptionalTensor& b,
                          int64_t dim, int64_t act, double alpha, double gain, double clamp) {
  check(ref, b, dim, act);
  check_like(dy, ref, "dy");
  const Call call(ref, b, dim, act, alpha, gain, clamp);
  if (call.size == 0) return call.out;
  const Tensor in_dy = laid_out(dy, call.out), in_ref = laid_out(ref, call.out);
  bias_act_backward(call.type, call.p, call.of, in_dy.const_data_ptr(), in_ref.const_data_ptr(),
                    call.out.mutable_data_ptr(), call.size, call.stream);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return call.out;
}

Tensor bias_act_backward2_(const Tensor& ddx, const Tensor& dy, const Tensor& ref,
                           const OptionalTensor& b, int64_t dim, int64_t act, double alpha,
                           double gain, double clamp) {
  check(ref, b, dim, act);
  check_like(ddx, ref, "ddx");
  check_like(dy, ref, "dy");
  const Call call(ref, b, dim, act, alpha, gain, clamp);
  if (call.size == 0) return call.out;
  const Tensor in_ddx = laid_out(ddx, call.out), in_dy = laid_out(dy, call.out);
  const Tensor in_ref = laid_out(ref, call.out);
  bias_act_backward2(call.type, call.p, call.of, in_ddx.const_data_ptr(), in_dy.const_data_ptr(),
                     in_ref.const_data_ptr(), call.out.mutable_data_ptr(), call.size, call.stream);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return call.out;
}

void check(const Tensor& x, const Tensor& f, Pair up, Pair down, Padding padding) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max() / 2;
  TORCH_CHECK(x.is_cuda(), "upfirdn2d: wanted a CUDA tensor, not one on ", x.device());
  TORCH_CHECK(x.dim() == 4 && x.numel() > 0, "upfirdn2d: wanted a non-empty (N, C, H, W), not ",
              x.sizes());
  TORCH_CHECK(f.dim() == 2 && f.numel() > 0 && f.numel() <= most,
              "upfirdn2d: wanted taps (fh, fw), not ", f.sizes());
  TORCH_CHECK(f.device() == x.device(), "upfirdn2d: f is on ", f.device(), ", x on ", x.device());
  for (const int64_t factor : {up[0], up[1], down[0], down[1]})
    TORCH_CHECK(1 <= factor && factor <= most, "upfirdn2d: factor ", factor);
  for (const int64_t pad : padding)
    TORCH_CHECK(-most <= pad && pad <= most, "upfirdn2d: padding ", pad);
}

Axis axis_of(int64_t size, int64_t up, int64_t down, int64_t pad, int64_t taps) {
  return {size, static_cast<int>(up), static_cast<int>(down), static_cast<int>(pad),
          static_cast<int>(taps)};
}

Layout layout_of(const Tensor& x, bool channels_last) {
  return {x.size(0), x.size(1), x.size(2), x.size(3), channels_last};
}

Tensor upfirdn2d_(const Tensor& x, const Tensor& f, Pair up, Pair down, Padding padding,
                  bool flip_filter, double gain) {
  check(x, f, up, down, padding);
  const c10::cuda::CUDAGuard guard(x.device());
  const bool last = !x.is_contiguous() && x.is_contiguous(at::MemoryFormat::ChannelsLast);
  const auto format = last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  const Axis axis_x = axis_of(x.size(3), up[0], down[0], padding[0], f.size(1));
  const Axis axis_y = axis_of(x.size(2), up[1], down[1], padding[2], f.size(0));
  const int64_t width = out_size(axis_x, padding[1]), height = out_size(axis_y, padding[3]);
  TORCH_CHECK(width > 0 && height > 0, "upfirdn2d: the output would be ", height, " x ", width);

  const Type type = type_of(x);
  const auto acc = type == Type::float64 ? at::kDouble : at::kFloat;
  const Tensor in = x.contiguous(format), taps = f.mul(gain).to(acc).contiguous();
  const Tensor y = at::empty({x.size(0), x.size(1), height, width}, x.options(), format);
  upfirdn2d(type, in.const_data_ptr(), layout_of(x, last), taps.const_data_ptr(), axis_y, axis_x,
            flip_filter, y.mutable_data_ptr(), layout_of(y, last),
            c10::cuda::getCurrentCUDAStream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return y;
}

}  // namespace
}  // namespace stylegen

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("bias_act", &stylegen::bias_act_);
  m.def("bias_act_backward", &stylegen::bias_act_backward_);
  m.def("bias_act_backward2", &stylegen::bias_act_backward2_);
  m.def("upfirdn2d", &stylegen::upfirdn2d_);
}
