// The Python module of the CUDA kernels: arguments are checked, layouts settled, outputs made.
//
// Arguments are those of ops/bias_act.py, ops/upfirdn2d.py and ops/epilogue.py: a negative clamp is
// none, pairs are (x, y), padding is (x0, x1, y0, y1).

#include <ATen/ops/zeros.h>
#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "tensors.h"

namespace stylegen {
namespace {

using Pair = std::array<int64_t, 2>;
using Padding = std::array<int64_t, 4>;

void check_bias(const Tensor& x, const OptionalTensor& b, int64_t dim) {
  check_cuda(x);
  TORCH_CHECK(0 <= dim && dim < x.dim(), "dim ", dim, " of a ", x.dim(), "-D tensor");
  if (!b) return;
  TORCH_CHECK(b->device() == x.device(), "b is on ", b->device(), ", x on ", x.device());
  TORCH_CHECK(b->dim() == 1 && b->size(0) == x.size(dim), "b has shape ", b->sizes(),
              ", wanted (", x.size(dim), ")");
}

// What a call of bias_act or one of its derivatives needs besides its tensors. `main` gives the
// layout and the device, which is the current one as long as this lives. The channel of an element
// follows from its place in memory, whatever the order of the dimensions.
struct Call {
  BiasAct<double> params;
  Type type;
  c10::cuda::CUDAGuard guard;
  Tensor out;
  OptionalTensor bias;
  BiasOf of;
  int64_t size;
  cudaStream_t stream;

  Call(const Tensor& main, const OptionalTensor& b, int64_t dim, const BiasAct<double>& p)
      : params(p),
        type(type_of(main)),
        guard(main.device()),
        out(at::empty_like(main)),
        bias(widened(b, main)),
        of{pointer(std::as_const(bias)), std::max<int64_t>(out.stride(dim), 1), out.size(dim)},
        size(out.numel()),
        stream(c10::cuda::getCurrentCUDAStream()) {}
};

Tensor bias_act_(const Tensor& x, const OptionalTensor& b, int64_t dim, int64_t act, double alpha,
                 double gain, double clamp) {
  check_bias(x, b, dim);
  const Call call(x, b, dim, parameters(act, alpha, gain, clamp));
  if (call.size == 0) return call.out;
  const Tensor in = laid_out(x, call.out);
  bias_act(call.type, call.params, call.of, in.const_data_ptr(), call.out.mutable_data_ptr(),
           call.size, call.stream);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return call.out;
}

Tensor bias_act_backward_(const Tensor& dy, const Tensor& ref, const OptionalTensor& b,
                          int64_t dim, int64_t act, double alpha, double gain, double clamp) {
  check_bias(ref, b, dim);
  check_like(dy, ref, "dy");
  const Call call(ref, b, dim, parameters(act, alpha, gain, clamp));
  if (call.size == 0) return call.out;
  const Tensor in_dy = laid_out(dy, call.out), in_ref = laid_out(ref, call.out);
  bias_act_backward(call.type, call.params, call.of, in_dy.const_data_ptr(),
                    in_ref.const_data_ptr(), call.out.mutable_data_ptr(), call.size, call.stream);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return call.out;
}

Tensor bias_act_backward2_(const Tensor& ddx, const Tensor& dy, const Tensor& ref,
                           const OptionalTensor& b, int64_t dim, int64_t act, double alpha,
                           double gain, double clamp) {
  check_bias(ref, b, dim);
  check_like(ddx, ref, "ddx");
  check_like(dy, ref, "dy");
  const Call call(ref, b, dim, parameters(act, alpha, gain, clamp));
  if (call.size == 0) return call.out;
  const Tensor in_ddx = laid_out(ddx, call.out), in_dy = laid_out(dy, call.out);
  const Tensor in_ref = laid_out(ref, call.out);
  bias_act_backward2(call.type, call.params, call.of, in_ddx.const_data_ptr(),
                     in_dy.const_data_ptr(), in_ref.const_data_ptr(), call.out.mutable_data_ptr(),
                     call.size, call.stream);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return call.out;
}

void check_filter(const Tensor& x, const Tensor& f, Pair up, Pair down, Padding padding) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max() / 2;
  check_images(x);
  TORCH_CHECK(x.numel() > 0, "wanted a non-empty (N, C, H, W), not ", x.sizes());
  TORCH_CHECK(f.dim() == 2 && f.numel() > 0 && f.numel() <= most, "wanted taps (fh, fw), not ",
              f.sizes());
  TORCH_CHECK(f.device() == x.device(), "f is on ", f.device(), ", x on ", x.device());
  for (const int64_t factor : {up[0], up[1], down[0], down[1]})
    TORCH_CHECK(1 <= factor && factor <= most, "wanted a factor of at least 1, not ", factor);
  for (const int64_t pad : padding)
    TORCH_CHECK(-most <= pad && pad <= most, "a padding of ", pad, " is too large");
}

Axis axis_of(int64_t size, int64_t up, int64_t down, int64_t pad, int64_t taps) {
  return {size, static_cast<int>(up), static_cast<int>(down), static_cast<int>(pad),
          static_cast<int>(taps)};
}

Tensor upfirdn2d_(const Tensor& x, const Tensor& f, Pair up, Pair down, Padding padding,
                  bool flip_filter, double gain) {
  check_filter(x, f, up, down, padding);
  const c10::cuda::CUDAGuard guard(x.device());
  const Axis axis_x = axis_of(x.size(3), up[0], down[0], padding[0], f.size(1));
  const Axis axis_y = axis_of(x.size(2), up[1], down[1], padding[2], f.size(0));
  const int64_t width = out_size(axis_x, padding[1]), height = out_size(axis_y, padding[3]);
  TORCH_CHECK(width > 0 && height > 0, "the output would be ", height, " x ", width);

  const auto format = format_of(x);
  const bool same_type = f.scalar_type() == wide(x);  // else it is scaled in its own
  const Tensor taps = (same_type ? f : f.mul(gain).to(wide(x))).contiguous();
  const Tensor prepared = at::empty({prepared_size(axis_y, axis_x)}, taps.options());
  const Tensor in = dense(x, format);
  const Tensor y = at::empty({x.size(0), x.size(1), height, width}, x.options(), format);
  upfirdn2d(type_of(x), in.const_data_ptr(), layout_of(x, format),
            {taps.const_data_ptr(), same_type ? gain : 1.0, flip_filter},
            prepared.mutable_data_ptr(), axis_y, axis_x, y.mutable_data_ptr(),
            layout_of(y, format), c10::cuda::getCurrentCUDAStream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return y;
}

void check_term(const OptionalTensor& t, bool fits, const char* name, const Tensor& x) {
  if (!t) return;
  TORCH_CHECK(fits, name, " has shape ", t->sizes(), ", which does not fit x ", x.sizes());
  TORCH_CHECK(t->device() == x.device(), name, " is on ", t->device(), ", x on ", x.device());
}

BiasAct<double> piecewise_linear(int64_t act, double alpha, double gain, double clamp) {
  const auto params = parameters(act, alpha, gain, clamp);
  TORCH_CHECK(params.act == Act::linear || params.act == Act::lrelu,
              "the epilogue takes linear or lrelu, not the activation of code ", act);
  return params;
}

Tensor epilogue_(const Tensor& x, const OptionalTensor& scale, const OptionalTensor& noise,
                 const OptionalTensor& b, int64_t act, double alpha, double gain, double clamp) {
  check_images(x);
  const int64_t batch = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  const int64_t noises = noise && noise->dim() == 4 ? noise->size(0) : 0;
  check_term(scale, scale && scale->sizes() == at::IntArrayRef({batch, channels}), "scale", x);
  check_term(b, b && b->sizes() == at::IntArrayRef({channels}), "b", x);
  const bool noise_fits = noise && (noises == 1 || noises == batch) &&
                          noise->sizes() == at::IntArrayRef({noises, 1, height, width});
  check_term(noise, noise_fits, "noise", x);
  const auto params = piecewise_linear(act, alpha, gain, clamp);
  const c10::cuda::CUDAGuard guard(x.device());
  const auto format = format_of(x);
  const Tensor out = at::empty(x.sizes(), x.options(), format);
  if (x.numel() == 0) return out;
  const OptionalTensor s = widened(scale, x), n = widened(noise, x), bias = widened(b, x);
  const Tensor in = dense(x, format);
  epilogue(type_of(x), params, layout_of(x, format),
           {pointer(s), pointer(n), pointer(bias), noises > 1}, in.const_data_ptr(),
           out.mutable_data_ptr(), c10::cuda::getCurrentCUDAStream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// (batch, pieces, size) to (batch, size), or to (size,), in a fixed order.
Tensor added_up(const Tensor& partial, bool over_batch) {
  if (over_batch && partial.size(0) != 1) return partial.sum(at::IntArrayRef({0, 1}));
  const Tensor sums = partial.size(1) > 1 ? partial.sum(1) : partial.select(1, 0);
  return over_batch ? sums.select(0, 0) : sums;
}

using Gradients = std::tuple<Tensor, OptionalTensor, OptionalTensor, OptionalTensor>;

// Room for partial sums, or for the sums over nothing.
OptionalTensor sums(bool wanted, const Tensor& like, int64_t pieces, int64_t size) {
  if (!wanted) return {};
  const auto options = like.options().dtype(wide(like));
  const std::array<int64_t, 3> sizes{like.size(0), pieces, size};
  return like.numel() > 0 ? at::empty(sizes, options) : at::zeros(sizes, options);
}

void check_backward(const Tensor& dout, const Tensor& out, const OptionalTensor& x,
                    const OptionalTensor& scale, int64_t noise_batch) {
  check_images(out);
  check_like(dout, out, "dout");
  if (x) check_like(*x, out, "x");
  const int64_t batch = out.size(0), channels = out.size(1);
  check_term(scale, scale && scale->sizes() == at::IntArrayRef({batch, channels}), "scale", out);
  TORCH_CHECK(noise_batch == 0 || noise_batch == 1 || noise_batch == batch, "noise_batch is ",
              noise_batch, ", wanted 0, 1 or ", batch);
}

Gradients epilogue_backward_(const Tensor& dout, const Tensor& out, const OptionalTensor& x,
                             const OptionalTensor& scale, int64_t noise_batch, bool has_bias,
                             int64_t act, double alpha, double gain, double clamp) {
  check_backward(dout, out, x, scale, noise_batch);
  const auto params = piecewise_linear(act, alpha, gain, clamp);
  const c10::cuda::CUDAGuard guard(out.device());
  const auto format = format_of(out);
  const Layout layout = layout_of(out, format);
  const bool any = out.numel() > 0;
  const auto pieces = any ? epilogue_pieces(type_of(out), layout) : EpiloguePieces{1, 1};
  const int64_t channels = out.size(1), height = out.size(2), width = out.size(3);
  const Tensor dx = at::empty(out.sizes(), out.options(), format);
  OptionalTensor dscale = sums(scale && x, out, pieces.of_pixels, channels);
  OptionalTensor dbias = sums(has_bias, out, pieces.of_pixels, channels);
  OptionalTensor dnoise = sums(noise_batch > 0, out, pieces.of_channels, height * width);
  if (any) {
    const Tensor in_dout = dense(dout, format), in_out = dense(out, format);
    const OptionalTensor in_x = dscale ? OptionalTensor(dense(*x, format)) : std::nullopt;
    const OptionalTensor s = widened(scale, out);
    epilogue_backward(type_of(out), params, layout, in_dout.const_data_ptr(),
                      in_out.const_data_ptr(), pointer(in_x), pointer(s),
                      {dx.mutable_data_ptr(), pointer(dscale), pointer(dnoise), pointer(dbias)},
                      c10::cuda::getCurrentCUDAStream());
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  }
  if (dscale) dscale = added_up(*dscale, false);
  if (dbias) dbias = added_up(*dbias, true);
  if (dnoise) dnoise = added_up(*dnoise, noise_batch == 1).reshape({noise_batch, 1, height, width});
  return {dx, dscale, dnoise, dbias};
}

}  // namespace
}  // namespace stylegen

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  const auto unlocked = pybind11::call_guard<pybind11::gil_scoped_release>();  // other threads run on
  m.def("bias_act", &stylegen::bias_act_, unlocked);
  m.def("bias_act_backward", &stylegen::bias_act_backward_, unlocked);
  m.def("bias_act_backward2", &stylegen::bias_act_backward2_, unlocked);
  m.def("upfirdn2d", &stylegen::upfirdn2d_, unlocked);
  m.def("epilogue", &stylegen::epilogue_, unlocked);
  m.def("epilogue_backward", &stylegen::epilogue_backward_, unlocked);
}
