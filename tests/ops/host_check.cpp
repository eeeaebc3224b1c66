// The arithmetic of the CUDA kernels, compiled for the host and called through ctypes: what the
// GPU computes for an element is then checked where there is no GPU.

#include <cstdint>

#include "activation.h"
#include "layout.h"
#include "taps.h"

using stylegen::Act;
using stylegen::Axis;
using stylegen::BiasAct;
using stylegen::Layout;
using stylegen::Place;
using stylegen::Strides;

namespace {

template <typename T>
BiasAct<T> typed(int act, double alpha, double gain, double clamp) {
  return {static_cast<Act>(act), static_cast<T>(alpha), static_cast<T>(gain),
          static_cast<T>(clamp)};
}

// b holds one bias for each element.
template <typename T>
void bias_act(int act, double alpha, double gain, double clamp, const T* x, const T* b, T* y,
              int64_t size) {
  const auto p = typed<T>(act, alpha, gain, clamp);
  for (int64_t i = 0; i < size; ++i) y[i] = stylegen::forward(p, x[i], b[i]);
}

template <typename T>
void bias_act_backward(int act, double alpha, double gain, double clamp, const T* dy, const T* ref,
                       const T* b, T* dx, int64_t size) {
  const auto p = typed<T>(act, alpha, gain, clamp);
  for (int64_t i = 0; i < size; ++i) dx[i] = stylegen::backward(p, dy[i], ref[i], b[i]);
}

template <typename T>
void bias_act_backward2(int act, double alpha, double gain, double clamp, const T* ddx,
                        const T* dy, const T* ref, const T* b, T* d, int64_t size) {
  const auto p = typed<T>(act, alpha, gain, clamp);
  for (int64_t i = 0; i < size; ++i) d[i] = stylegen::backward2(p, ddx[i], dy[i], ref[i], b[i]);
}

// geometry: size, up, down, padding before, padding after, taps; of x, then of y. Returns the
// number of samples written, or what would be if y is null.
template <typename T>
int64_t upfirdn2d(const T* x, int64_t batch, int64_t channels, int last, const T* f,
                  const int* geometry, int flip, T* y) {
  const int *gx = geometry, *gy = geometry + 6;
  const Axis ax{gx[0], gx[1], gx[2], gx[3], gx[5]}, ay{gy[0], gy[1], gy[2], gy[3], gy[5]};
  const int64_t width = stylegen::out_size(ax, gx[4]), height = stylegen::out_size(ay, gy[4]);
  const auto load = [](T v) { return v; };
  const Layout out{batch, channels, height, width, last != 0};
  const Strides in(Layout{batch, channels, ay.size, ax.size, last != 0});
  const int64_t size = batch * channels * height * width;
  for (int64_t i = 0; y != nullptr && i < size; ++i) {
    const Place at(i, out);
    y[i] = stylegen::filtered_sample(x + at.n * in.n + at.c * in.c, in.y, in.x, f, ay, ax, at.y,
                                     at.x, flip != 0, load);
  }
  return size;
}

}  // namespace

#define STYLEGEN_FOR(T, suffix)                                                                   \
  extern "C" void bias_act_##suffix(int act, double alpha, double gain, double clamp, const T* x, \
                                    const T* b, T* y, int64_t size) {                             \
    bias_act(act, alpha, gain, clamp, x, b, y, size);                                             \
  }                                                                                               \
  extern "C" void bias_act_backward_##suffix(int act, double alpha, double gain, double clamp,    \
                                             const T* dy, const T* ref, const T* b, T* dx,        \
                                             int64_t size) {                                      \
    bias_act_backward(act, alpha, gain, clamp, dy, ref, b, dx, size);                             \
  }                                                                                               \
  extern "C" void bias_act_backward2_##suffix(int act, double alpha, double gain, double clamp,   \
                                              const T* ddx, const T* dy, const T* ref,            \
                                              const T* b, T* d, int64_t size) {                   \
    bias_act_backward2(act, alpha, gain, clamp, ddx, dy, ref, b, d, size);                        \
  }                                                                                               \
  extern "C" int64_t upfirdn2d_##suffix(const T* x, int64_t batch, int64_t channels, int last,    \
                                        const T* f, const int* geometry, int flip, T* y) {        \
    return upfirdn2d(x, batch, channels, last, f, geometry, flip, y);                             \
  }

extern "C" int64_t index_along(int64_t i, int64_t stride, int64_t size) {
  return stylegen::index_along(i, stride, size);
}

STYLEGEN_FOR(float, float32)
STYLEGEN_FOR(double, float64)
