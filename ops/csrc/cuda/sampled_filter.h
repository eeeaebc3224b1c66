// upfirdn2d of any kind, one thread for an output sample.

#pragma once

#include "../layout.h"
#include "../taps.h"
#include "prepared_filter.h"
#include "vectors.h"

namespace stylegen {

// The images and the prepared filter of a call.
template <typename T>
struct Filtering {
  const T* x;
  Layout in;
  const acc_t<T>* prepared;
  Axis axis_y, axis_x;
  T* y;
  Layout out;
};

template <typename T>
struct SampledFilter {
  const T* x;
  const acc_t<T>* f;
  Axis axis_y, axis_x;
  Strides in;
  Layout out;
  T* y;

  explicit SampledFilter(const Filtering<T>& c)
      : x(c.x),
        f(c.prepared + kTapsAt),
        axis_y(c.axis_y),
        axis_x(c.axis_x),
        in(c.in),
        out(c.out),
        y(c.y) {}

  STYLEGEN_HD int64_t size() const { return out.batch * out.channels * out.height * out.width; }

  STYLEGEN_HD int64_t blocks() const { return (size() + kThreads - 1) / kThreads; }

  STYLEGEN_HD void one(int64_t i) const {
    const Place at(i, out);
    const auto sample = [](T v) { return load(v); };
    y[i] = store<T>(filtered_sample(x + at.n * in.n + at.c * in.c, in.y, in.x, f, axis_y, axis_x,
                                    at.y, at.x, true, sample));
  }

  STYLEGEN_HD void operator()(int64_t block, int64_t blocks, int thread) const {
    for (int64_t i = block * kThreads + thread; i < size(); i += blocks * kThreads) one(i);
  }
};

}  // namespace stylegen
