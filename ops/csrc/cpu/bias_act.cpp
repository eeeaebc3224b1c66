// bias_act on the CPU: forward, backward and second backward.

#include "kernels.h"
#include "loops.h"

namespace stylegen {
namespace {

// Calls element(i, b) for each place i in memory with its bias.
template <typename A, typename Body>
void each_with_bias(const Rows& rows, const A* b, const Body& element) {
  const auto bias = [b](int64_t c) { return b == nullptr ? A(0) : b[c]; };
  if (rows.inner == 1) {
    in_parallel(rows.outer, rows.channels, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t c = 0; c < rows.channels; ++c) element(row * rows.channels + c, bias(c));
    });
  } else {
    in_parallel(rows.outer * rows.channels, rows.inner, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const A value = bias(row % rows.channels);
        for (int64_t i = 0; i < rows.inner; ++i) element(row * rows.inner + i, value);
      }
    });
  }
}

// Calls run(t, q) with an element t and q, which gives the parameters: to be called for each
// element, so that the compiler knows them.
template <typename Run>
void specialised(Type type, const BiasAct<double>& p, const Run& run) {
  with_type(type, [&](auto t) {
    with_act(typed<decltype(t)>(p), [&](auto q) { run(t, q); });
  });
}

}  // namespace

void bias_act(Type type, const BiasAct<double>& p, const Rows& rows, const void* b, const void* x,
              void* y) {
  specialised(type, p, [&](auto t, auto q) {
    using T = decltype(t);
    const T* __restrict in = static_cast<const T*>(x);
    T* __restrict out = static_cast<T*>(y);
    each_with_bias(rows, static_cast<const acc_t<T>*>(b), [=](int64_t i, acc_t<T> bias) {
      out[i] = store<T>(forward(q(), load(in[i]), bias));
    });
  });
}

void bias_act_backward(Type type, const BiasAct<double>& p, const Rows& rows, const void* b,
                       const void* dy, const void* ref, void* dx) {
  specialised(type, p, [&](auto t, auto q) {
    using T = decltype(t);
    const T* __restrict in = static_cast<const T*>(dy);
    const T* __restrict at = static_cast<const T*>(ref);
    T* __restrict out = static_cast<T*>(dx);
    each_with_bias(rows, static_cast<const acc_t<T>*>(b), [=](int64_t i, acc_t<T> bias) {
      out[i] = store<T>(backward(q(), load(in[i]), load(at[i]), bias));
    });
  });
}

void bias_act_backward2(Type type, const BiasAct<double>& p, const Rows& rows, const void* b,
                        const void* ddx, const void* dy, const void* ref, void* d) {
  specialised(type, p, [&](auto t, auto q) {
    using T = decltype(t);
    const T* __restrict in_ddx = static_cast<const T*>(ddx);
    const T* __restrict in_dy = static_cast<const T*>(dy);
    const T* __restrict at = static_cast<const T*>(ref);
    T* __restrict out = static_cast<T*>(d);
    each_with_bias(rows, static_cast<const acc_t<T>*>(b), [=](int64_t i, acc_t<T> bias) {
      out[i] = store<T>(backward2(q(), load(in_ddx[i]), load(in_dy[i]), load(at[i]), bias));
    });
  });
}

}  // namespace stylegen
