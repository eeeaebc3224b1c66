// The Python module of the CPU kernels: arguments are checked, layouts settled, outputs made.
//
// Arguments are those of ops/bias_act.py, ops/upfirdn2d.py and ops/epilogue.py: a negative clamp is
// none, pairs are (x, y), padding is (x0, x1, y0, y1).

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>

#include "kernels.h"

namespace stylegen {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;
using Pair = std::array<int64_t, 2>;
using Padding = std::array<int64_t, 4>;

Type type_of(const Tensor& x) {
  TORCH_CHECK(x.is_cpu(), "wanted a CPU tensor, not one on ", x.device());
  switch (x.scalar_type()) {
    case at::kFloat: return Type::float32;
    case at::kBFloat16: return Type::bfloat16;
    case at::kDouble: return Type::float64;
    default: TORCH_CHECK(false, "wanted float32, bfloat16 or float64, not ", x.dtype());
  }
}

// The type that the arithmetic is done in, and that scales, noise and biases have.
at::ScalarType wide(const Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// t in the layout of `like`, which is dense.
Tensor laid_out(const Tensor& t, const Tensor& like) {
  return t.strides() == like.strides() ? t : at::empty_like(like).copy_(t);
}

const void* pointer(const OptionalTensor& t) { return t ? t->const_data_ptr() : nullptr; }

void* pointer(OptionalTensor& t) { return t ? t->mutable_data_ptr() : nullptr; }

OptionalTensor widened(const OptionalTensor& t, const Tensor& x) {
  return t ? OptionalTensor(t->to(wide(x)).contiguous()) : t;
}

// Of the epilogue, whose activations are those with a slope that the output tells.
BiasAct<double> epilogue_parameters(int64_t act, double alpha, double gain, double clamp) {
  const Act code = static_cast<Act>(act);
  TORCH_CHECK(code == Act::linear || code == Act::lrelu, "activation code ", act,
              "; wanted linear or lrelu");
  return {code, alpha, gain, clamp};
}

BiasAct<double> parameters(int64_t act, double alpha, double gain, double clamp) {
  TORCH_CHECK(0 <= act && act < kActivations, "unknown activation code ", act);
  return {static_cast<Act>(act), alpha, gain, clamp};
}

void check_like(const Tensor& t, const Tensor& x, const char* name) {
  TORCH_CHECK(t.is_cpu() && t.dtype() == x.dtype() && t.sizes() == x.sizes(), name, " is ",
              t.dtype(), " ", t.sizes(), ", wanted ", x.dtype(), " ", x.sizes());
}

// `x` as (outer, channels, inner), by its strides; x is dense.
Rows rows_of(const Tensor& x, int64_t dim) {
  TORCH_CHECK(0 <= dim && dim < x.dim(), "dim ", dim, " of a ", x.dim(), "-D tensor");
  const int64_t channels = x.size(dim), inner = channels == 1 ? 1 : x.stride(dim);
  const int64_t size = x.numel();
  return {size == 0 ? 0 : size / (channels * inner), channels, inner};
}

OptionalTensor bias_for(const OptionalTensor& b, const Tensor& x, int64_t dim) {
  if (b)
    TORCH_CHECK(b->is_cpu() && b->dim() == 1 && b->size(0) == x.size(dim), "b has shape ",
                b->sizes(), ", wanted (", x.size(dim), ")");
  return widened(b, x);
}

Tensor bias_act_(const Tensor& x, const OptionalTensor& b, int64_t dim, int64_t act, double alpha,
                 double gain, double clamp) {
  const Tensor y = at::empty_like(x);
  const Rows rows = rows_of(y, dim);
  const OptionalTensor bias = bias_for(b, x, dim);
  bias_act(type_of(x), parameters(act, alpha, gain, clamp), rows, pointer(bias),
           laid_out(x, y).const_data_ptr(), y.mutable_data_ptr());
  return y;
}

Tensor bias_act_backward_(const Tensor& dy, const Tensor& ref, const OptionalTensor& b,
                          int64_t dim, int64_t act, double alpha, double gain, double clamp) {
  check_like(dy, ref, "dy");
  const Tensor dx = at::empty_like(ref);
  const Rows rows = rows_of(dx, dim);
  const OptionalTensor bias = bias_for(b, ref, dim);
  bias_act_backward(type_of(ref), parameters(act, alpha, gain, clamp), rows, pointer(bias),
                    laid_out(dy, dx).const_data_ptr(), laid_out(ref, dx).const_data_ptr(),
                    dx.mutable_data_ptr());
  return dx;
}

Tensor bias_act_backward2_(const Tensor& ddx, const Tensor& dy, const Tensor& ref,
                           const OptionalTensor& b, int64_t dim, int64_t act, double alpha,
                           double gain, double clamp) {
  check_like(ddx, ref, "ddx");
  check_like(dy, ref, "dy");
  const Tensor d = at::empty_like(ref);
  const Rows rows = rows_of(d, dim);
  const OptionalTensor bias = bias_for(b, ref, dim);
  bias_act_backward2(type_of(ref), parameters(act, alpha, gain, clamp), rows, pointer(bias),
                     laid_out(ddx, d).const_data_ptr(), laid_out(dy, d).const_data_ptr(),
                     laid_out(ref, d).const_data_ptr(), d.mutable_data_ptr());
  return d;
}

at::MemoryFormat format_of(const Tensor& x) {
  const bool last = !x.is_contiguous() && x.is_contiguous(at::MemoryFormat::ChannelsLast);
  return last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
}

Layout layout_of(const Tensor& x, at::MemoryFormat format) {
  return {x.size(0), x.size(1), x.size(2), x.size(3), format == at::MemoryFormat::ChannelsLast};
}

void check_images(const Tensor& x) {
  TORCH_CHECK(x.dim() == 4, "wanted (N, C, H, W), not ", x.sizes());
}

void check_term(const OptionalTensor& t, bool fits, const char* name, const Tensor& x) {
  TORCH_CHECK(!t || (t->is_cpu() && fits), name, " has shape ", t->sizes(), ", and x ", x.sizes());
}

Tensor epilogue_(const Tensor& x, const OptionalTensor& scale, const OptionalTensor& noise,
                 const OptionalTensor& b, int64_t act, double alpha, double gain, double clamp) {
  check_images(x);
  const int64_t batch = x.size(0), channels = x.size(1), area = x.size(2) * x.size(3);
  check_term(scale, scale && scale->sizes() == at::IntArrayRef({batch, channels}), "scale", x);
  check_term(b, b && b->sizes() == at::IntArrayRef({channels}), "b", x);
  const int64_t noises = noise ? noise->size(0) : 1;
  check_term(noise, noise && noise->numel() == noises * area && (noises == 1 || noises == batch),
             "noise", x);
  const auto format = format_of(x);
  const Tensor out = at::empty(x.sizes(), x.options(), format);
  const OptionalTensor s = widened(scale, x), n = widened(noise, x), bias = widened(b, x);
  epilogue(type_of(x), epilogue_parameters(act, alpha, gain, clamp), layout_of(x, format),
           {pointer(s), pointer(n), pointer(bias), noises > 1},
           laid_out(x, out).const_data_ptr(), out.mutable_data_ptr());
  return out;
}

using Gradients = std::tuple<Tensor, OptionalTensor, OptionalTensor, OptionalTensor>;

Gradients epilogue_backward_(const Tensor& dout, const Tensor& out, const OptionalTensor& x,
                             const OptionalTensor& scale, int64_t noise_batch, bool has_bias,
                             int64_t act, double alpha, double gain, double clamp) {
  check_images(out);
  check_like(dout, out, "dout");
  if (x) check_like(*x, out, "x");
  const int64_t batch = out.size(0), channels = out.size(1);
  check_term(scale, scale && scale->sizes() == at::IntArrayRef({batch, channels}), "scale", out);
  TORCH_CHECK(noise_batch == 0 || noise_batch == 1 || noise_batch == batch, "noise_batch is ",
              noise_batch, ", and out ", out.sizes());
  const auto format = format_of(out);
  const Tensor dx = at::empty(out.sizes(), out.options(), format);
  const auto options = out.options().dtype(wide(out));
  OptionalTensor dscale, dnoise, db;
  if (scale && x) dscale = at::empty({batch, channels}, options);
  if (noise_batch) dnoise = at::empty({batch, 1, out.size(2), out.size(3)}, options);
  if (has_bias) db = at::empty({channels}, options);
  const OptionalTensor s = widened(scale, out);
  const OptionalTensor in = x ? OptionalTensor(laid_out(*x, dx)) : x;
  epilogue_backward(type_of(out), epilogue_parameters(act, alpha, gain, clamp), layout_of(out, format),
                    laid_out(dout, dx).const_data_ptr(), laid_out(out, dx).const_data_ptr(),
                    pointer(in), pointer(s),
                    {dx.mutable_data_ptr(), pointer(dscale), pointer(dnoise), pointer(db)});
  if (noise_batch == 1 && batch != 1) dnoise = dnoise->sum(0, /*keepdim=*/true);
  return {dx, dscale, dnoise, db};
}

Axis axis_of(int64_t size, int64_t up, int64_t down, int64_t pad, int64_t taps) {
  return {size, static_cast<int>(up), static_cast<int>(down), static_cast<int>(pad),
          static_cast<int>(taps)};
}

void check_filter(const Tensor& x, const Tensor& f, Pair up, Pair down, Padding padding) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max() / 2;
  TORCH_CHECK(x.dim() == 4 && x.numel() > 0, "wanted a non-empty (N, C, H, W), not ", x.sizes());
  TORCH_CHECK(f.is_cpu() && f.dim() == 2 && f.numel() > 0 && f.numel() <= most,
              "wanted taps (fh, fw), not ", f.sizes());
  for (const int64_t factor : {up[0], up[1], down[0], down[1]})
    TORCH_CHECK(1 <= factor && factor <= most, "factor ", factor);
  for (const int64_t pad : padding) TORCH_CHECK(-most <= pad && pad <= most, "padding ", pad);
}

Tensor upfirdn2d_(const Tensor& x, const Tensor& f, Pair up, Pair down, Padding padding,
                  bool flip_filter, double gain) {
  check_filter(x, f, up, down, padding);
  const auto format = format_of(x);
  const Axis axis_x = axis_of(x.size(3), up[0], down[0], padding[0], f.size(1));
  const Axis axis_y = axis_of(x.size(2), up[1], down[1], padding[2], f.size(0));
  const int64_t width = out_size(axis_x, padding[1]), height = out_size(axis_y, padding[3]);
  TORCH_CHECK(width > 0 && height > 0, "the output would be ", height, " x ", width);
  const Tensor in = x.contiguous(format), taps = f.mul(gain).to(wide(x)).contiguous();
  const Tensor y = at::empty({x.size(0), x.size(1), height, width}, x.options(), format);
  upfirdn2d(type_of(x), in.const_data_ptr(), layout_of(x, format), taps.const_data_ptr(), axis_y,
            axis_x, flip_filter, y.mutable_data_ptr(), layout_of(y, format));
  return y;
}

// Checks w (outer, taps, inner) and returns its shape.
WeightShape weight_shape(const Tensor& w) {
  TORCH_CHECK(w.is_cpu() && w.dim() == 3 && w.is_contiguous() && w.scalar_type() == wide(w),
              "wanted contiguous weights (outer, taps, inner), not ", w.dtype(), " ", w.sizes());
  return {w.size(0), w.size(1), w.size(2)};
}

using Weights = std::tuple<OptionalTensor, OptionalTensor>;

Weights weights_(const Tensor& w, double gain, const std::optional<at::ScalarType>& dtype,
                 bool energy) {
  const WeightShape shape = weight_shape(w);
  OptionalTensor to, sums;
  if (dtype) to = at::empty(w.sizes(), w.options().dtype(*dtype));
  TORCH_CHECK(!to || wide(*to) == w.scalar_type(), "weights in ", w.dtype(), " cannot become ",
              to->dtype());
  if (energy) sums = at::empty({shape.outer, shape.inner}, w.options());
  weights(type_of(to ? *to : w), shape, gain, w.const_data_ptr(), pointer(to), pointer(sums));
  return {to, sums};
}

Tensor weights_backward_(const OptionalTensor& dto, const OptionalTensor& denergy, const Tensor& w,
                         double gain) {
  const WeightShape shape = weight_shape(w);
  const Tensor dw = at::empty(w.sizes(), w.options());
  TORCH_CHECK(!dto || (dto->sizes() == w.sizes() && wide(*dto) == w.scalar_type()),
              "the gradient does not fit weights ", w.sizes(), " in ", w.dtype());
  TORCH_CHECK(!denergy || denergy->sizes() == at::IntArrayRef({shape.outer, shape.inner}),
              "the energy's gradient does not fit weights ", w.sizes());
  const OptionalTensor from = dto ? OptionalTensor(dto->contiguous()) : dto;
  weights_backward(type_of(from ? *from : w), shape, gain, pointer(from),
                   pointer(widened(denergy, w)), w.const_data_ptr(), dw.mutable_data_ptr());
  return dw;
}

// dw, channels_last; x and dy are brought into that layout.
Tensor weight_gradient_(const Tensor& x, const Tensor& dy, int64_t taps, int64_t stride,
                        int64_t padding) {
  check_images(x);
  check_images(dy);
  TORCH_CHECK(x.dtype() == at::kFloat && dy.dtype() == at::kFloat && x.size(0) == dy.size(0),
              "wanted float32 images of one batch, not ", x.dtype(), " ", x.sizes(), " and ",
              dy.dtype(), " ", dy.sizes());
  TORCH_CHECK(taps >= 1 && stride >= 1 && 0 <= padding && padding < taps, "taps ", taps,
              ", stride ", stride, ", padding ", padding);
  for (const int64_t d : {2, 3})
    TORCH_CHECK(dy.size(d) == (x.size(d) + 2 * padding - taps) / stride + 1, "dy ", dy.sizes(),
                " is no gradient of what comes from x ", x.sizes());
  constexpr auto last = at::MemoryFormat::ChannelsLast;
  const Tensor in = x.contiguous(last), gradient = dy.contiguous(last);
  const Tensor dw = at::empty({dy.size(1), x.size(1), taps, taps}, x.options(), last);
  weight_gradient({x.size(0), x.size(2), x.size(3), x.size(1), dy.size(2), dy.size(3), dy.size(1),
                   taps, stride, padding},
                  in.const_data_ptr<float>(), gradient.const_data_ptr<float>(),
                  dw.mutable_data_ptr<float>());
  return dw;
}

}  // namespace
}  // namespace stylegen

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  const auto unlocked = pybind11::call_guard<pybind11::gil_scoped_release>();  // other threads run on
  m.def("bias_act", &stylegen::bias_act_, unlocked);
  m.def("bias_act_backward", &stylegen::bias_act_backward_, unlocked);
  m.def("bias_act_backward2", &stylegen::bias_act_backward2_, unlocked);
  m.def("epilogue", &stylegen::epilogue_, unlocked);
  m.def("epilogue_backward", &stylegen::epilogue_backward_, unlocked);
  m.def("upfirdn2d", &stylegen::upfirdn2d_, unlocked);
  m.def("weight_gradient", &stylegen::weight_gradient_, unlocked);
  m.def("weights", &stylegen::weights_, unlocked);
  m.def("weights_backward", &stylegen::weights_backward_, unlocked);
}
