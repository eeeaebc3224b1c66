// bias_act on CUDA: forward, backward and second backward, one thread per element.
//
// An element's channel follows from its place in memory, (i / stride) % channels, whatever the
// order of the dimensions, so that every dense layout is taken as it is.

#include <ATen/Dispatch.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAGuard.h>

#include <type_traits>

#include "activation.h"
#include "kernels.h"
#include "launch.h"

namespace stylegen {
namespace {

// The bias of each element; a null pointer is none.
template <typename T>
struct Bias {
  const T* b;
  int64_t stride, channels;

  __device__ acc_t<T> operator()(int64_t i) const {
    if (b == nullptr) return acc_t<T>(0);
    const int64_t row = divide(i, stride);
    return static_cast<acc_t<T>>(b[row - divide(row, channels) * channels]);
  }
};

template <typename T>
struct Forward {
  BiasAct<acc_t<T>> p;
  Bias<T> bias;
  const T* x;
  T* y;

  __device__ void operator()(int64_t i) const {
    y[i] = static_cast<T>(forward(p, static_cast<acc_t<T>>(x[i]), bias(i)));
  }
};

template <typename T>
struct Backward {
  BiasAct<acc_t<T>> p;
  Bias<T> bias;
  const T *dy, *ref;
  T* dx;

  __device__ void operator()(int64_t i) const {
    using A = acc_t<T>;
    dx[i] = static_cast<T>(backward(p, static_cast<A>(dy[i]), static_cast<A>(ref[i]), bias(i)));
  }
};

template <typename T>
struct Backward2 {
  BiasAct<acc_t<T>> p;
  Bias<T> bias;
  const T *ddx, *dy, *ref;
  T* d;

  __device__ void operator()(int64_t i) const {
    using A = acc_t<T>;
    d[i] = static_cast<T>(backward2(p, static_cast<A>(ddx[i]), static_cast<A>(dy[i]),
                                    static_cast<A>(ref[i]), bias(i)));
  }
};

// t in the layout of `like`, which is dense.
at::Tensor laid_out(const at::Tensor& t, const at::Tensor& like) {
  return t.strides() == like.strides() ? t : at::empty_like(like).copy_(t);
}

void check(const at::Tensor& x, const OptionalTensor& b, int64_t dim, int64_t act) {
  TORCH_CHECK(x.is_cuda(), "bias_act: wanted a CUDA tensor, not one on ", x.device());
  TORCH_CHECK(0 <= dim && dim < x.dim(), "bias_act: dim ", dim, " of a ", x.dim(), "-D tensor");
  TORCH_CHECK(0 <= act && act < kActivations, "bias_act: unknown activation code ", act);
  if (!b.has_value()) return;
  TORCH_CHECK(b->device() == x.device(), "bias_act: b is on ", b->device(), ", x on ", x.device());
  TORCH_CHECK(b->dim() == 1 && b->size(0) == x.size(dim), "bias_act: b has shape ", b->sizes(),
              ", wanted (", x.size(dim), ")");
}

void check_like(const at::Tensor& t, const at::Tensor& x, const char* name) {
  TORCH_CHECK(t.device() == x.device() && t.scalar_type() == x.scalar_type() &&
                  t.sizes() == x.sizes(),
              "bias_act: ", name, " is ", t.scalar_type(), " ", t.sizes(), " on ", t.device(),
              ", wanted ", x.scalar_type(), " ", x.sizes(), " on ", x.device());
}

// Calls run(BiasAct, Bias, pointer to out), typed for `out`, which also gives the layout.
// The clamp is rounded as a saved output is, so that a clamped one is recognised.
template <typename Run>
void dispatch(const at::Tensor& out, const OptionalTensor& b, int64_t dim, int64_t act,
              double alpha, double gain, double clamp, const Run& run) {
  if (out.numel() == 0) return;
  const auto type = out.scalar_type();
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, type, "bias_act", [&] {
    using A = acc_t<scalar_t>;
    const at::Tensor bias = b.has_value() ? b->to(type).contiguous() : at::Tensor();
    const scalar_t* data = bias.defined() ? bias.const_data_ptr<scalar_t>() : nullptr;
    const BiasAct<A> p{static_cast<Act>(act), static_cast<A>(alpha), static_cast<A>(gain),
                       static_cast<A>(static_cast<scalar_t>(clamp))};
    const Bias<scalar_t> of{data, std::max<int64_t>(out.stride(dim), 1), out.size(dim)};
    run(p, of, out.mutable_data_ptr<scalar_t>());
  });
}

template <typename Pointer>
using pointee_t = std::remove_pointer_t<Pointer>;

}  // namespace

at::Tensor bias_act(const at::Tensor& x, const OptionalTensor& b, int64_t dim, int64_t act,
                    double alpha, double gain, double clamp) {
  check(x, b, dim, act);
  const c10::cuda::CUDAGuard guard(x.device());
  const at::Tensor y = at::empty_like(x);
  const at::Tensor in = laid_out(x, y);
  dispatch(y, b, dim, act, alpha, gain, clamp, [&](auto p, auto bias, auto* out) {
    using T = pointee_t<decltype(out)>;
    launch(Forward<T>{p, bias, in.const_data_ptr<T>(), out}, y.numel());
  });
  return y;
}

at::Tensor bias_act_backward(const at::Tensor& dy, const at::Tensor& ref, const OptionalTensor& b,
                             int64_t dim, int64_t act, double alpha, double gain, double clamp) {
  check(dy, b, dim, act);
  check_like(ref, dy, "ref");
  const c10::cuda::CUDAGuard guard(dy.device());
  const at::Tensor dx = at::empty_like(dy);
  const at::Tensor in = laid_out(dy, dx), at_ref = laid_out(ref, dx);
  dispatch(dx, b, dim, act, alpha, gain, clamp, [&](auto p, auto bias, auto* out) {
    using T = pointee_t<decltype(out)>;
    launch(Backward<T>{p, bias, in.const_data_ptr<T>(), at_ref.const_data_ptr<T>(), out},
           dx.numel());
  });
  return dx;
}

at::Tensor bias_act_backward2(const at::Tensor& ddx, const at::Tensor& dy, const at::Tensor& ref,
                              const OptionalTensor& b, int64_t dim, int64_t act, double alpha,
                              double gain, double clamp) {
  check(ref, b, dim, act);
  check_like(ddx, ref, "ddx");
  check_like(dy, ref, "dy");
  const c10::cuda::CUDAGuard guard(ref.device());
  const at::Tensor d = at::empty_like(ref);
  const at::Tensor in = laid_out(ddx, d), in_dy = laid_out(dy, d), at_ref = laid_out(ref, d);
  dispatch(d, b, dim, act, alpha, gain, clamp, [&](auto p, auto bias, auto* out) {
    using T = pointee_t<decltype(out)>;
    launch(Backward2<T>{p, bias, in.const_data_ptr<T>(), in_dy.const_data_ptr<T>(),
                        at_ref.const_data_ptr<T>(), out},
           d.numel());
  });
  return d;
}

}  // namespace stylegen
