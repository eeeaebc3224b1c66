// The weights of a convolution on the CPU: scaled and narrowed, with their energy, in one pass.
//
// A weight lies in memory as (outer, taps, inner): inner are input or output channels.

#include "kernels.h"
#include "loops.h"

namespace stylegen {
namespace {

template <typename A, typename T>
void scale_row(const A* __restrict w, int64_t size, A gain, T* __restrict to) {
  for (int64_t i = 0; i < size; ++i) to[i] = store<T>(w[i] * gain);
}

template <typename A>
void add_squares(const A* __restrict w, int64_t size, A* __restrict energy) {
  for (int64_t i = 0; i < size; ++i) energy[i] += w[i] * w[i];
}

template <typename A, typename T>
void gradient_row(const T* __restrict dto, int64_t size, A gain, A* __restrict dw) {
  for (int64_t i = 0; i < size; ++i) dw[i] = load(dto[i]) * gain;
}

template <typename A>
void add_energy_gradient(const A* __restrict w, const A* __restrict denergy, int64_t size,
                         A* __restrict dw) {
  for (int64_t i = 0; i < size; ++i) dw[i] += A(2) * w[i] * denergy[i];
}

}  // namespace

void weights(Type type, const WeightShape& s, double gain, const void* w, void* to, void* energy) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    using A = acc_t<T>;
    in_parallel(s.outer, s.taps * s.inner, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        A* sum = energy ? static_cast<A*>(energy) + o * s.inner : nullptr;
        if (sum) std::fill(sum, sum + s.inner, A(0));
        for (int64_t k = 0; k < s.taps; ++k) {
          const int64_t at = (o * s.taps + k) * s.inner;
          const A* row = static_cast<const A*>(w) + at;
          if (to) scale_row(row, s.inner, static_cast<A>(gain), static_cast<T*>(to) + at);
          if (sum) add_squares(row, s.inner, sum);
        }
      }
    });
  });
}

void weights_backward(Type type, const WeightShape& s, double gain, const void* dto,
                      const void* denergy, const void* w, void* dw) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    using A = acc_t<T>;
    in_parallel(s.outer, s.taps * s.inner, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin * s.taps; row < end * s.taps; ++row) {
        A* to = static_cast<A*>(dw) + row * s.inner;
        if (dto)
          gradient_row(static_cast<const T*>(dto) + row * s.inner, s.inner, static_cast<A>(gain), to);
        else
          std::fill(to, to + s.inner, A(0));
        if (denergy)
          add_energy_gradient(static_cast<const A*>(w) + row * s.inner,
                              static_cast<const A*>(denergy) + row / s.taps * s.inner, s.inner, to);
      }
    });
  });
}

}  // namespace stylegen
