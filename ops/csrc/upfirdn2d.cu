// upfirdn2d on CUDA: one thread per output sample, contiguous or channels_last.

#include "launch.cuh"

namespace stylegen {
namespace {

template <typename T>
struct Sample {
  const T* x;
  const acc_t<T>* f;
  Axis axis_y, axis_x;
  bool flip;
  Strides in;
  Layout out;
  T* y;

  __device__ void operator()(int64_t i) const {
    const Place at(i, out);
    const auto sample = [](T v) { return load(v); };
    y[i] = store<T>(filtered_sample(x + at.n * in.n + at.c * in.c, in.y, in.x, f, axis_y, axis_x,
                                    at.y, at.x, flip, sample));
  }
};

}  // namespace

void upfirdn2d(Type type, const void* x, const Layout& in, const void* f, const Axis& axis_y,
               const Axis& axis_x, bool flip, void* y, const Layout& out, cudaStream_t stream) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    const Sample<T> body{static_cast<const T*>(x), static_cast<const acc_t<T>*>(f), axis_y, axis_x,
                         flip, Strides(in), out, static_cast<T*>(y)};
    launch(body, out.batch * out.channels * out.height * out.width, stream);
  });
}

}  // namespace stylegen
