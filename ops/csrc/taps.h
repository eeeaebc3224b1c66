// The arithmetic of one sample of upfirdn2d, for the host and the device.
//
// Along one axis, output o sees the taps k = 0 .. taps - 1 at the positions o * down - pad + k of
// the upsampled signal, of which only multiples of `up` within [0, size * up) hold a sample. So
// the samples first_sample, first_sample + 1, ... meet the taps first_tap, first_tap + up, ...

#pragma once

#include <cstdint>

#include "hd.h"

namespace stylegen {

// One axis of the operator; pad is what lies before the first sample (negative: cropped).
struct Axis {
  int64_t size;
  int up, down, pad, taps;
};

// The samples that one output sees along one axis.
struct TapRange {
  int64_t first_sample;
  int first_tap, count;
};

STYLEGEN_HD int64_t out_size(const Axis& a, int pad_after) {
  return (a.size * a.up + a.pad + pad_after - a.taps) / a.down + 1;
}

STYLEGEN_HD TapRange tap_range(const Axis& a, int64_t out) {
  const int64_t base = out * a.down - a.pad;
  const int64_t first = base > 0 ? (base + a.up - 1) / a.up : 0;
  const int64_t end = base + a.taps - 1;  // the position of the last tap
  if (end < 0) return {0, 0, 0};
  const int64_t last = end / a.up < a.size - 1 ? end / a.up : a.size - 1;
  if (last < first) return {0, 0, 0};
  return {first, static_cast<int>(first * a.up - base), static_cast<int>(last - first + 1)};
}

// The sum over the taps for one output: x points to the plane, whose samples lie stride_y and
// stride_x apart and are widened by load(); f holds the taps (y.taps, x.taps), read backwards
// unless `flip` (correlation).
template <typename Acc, typename T, typename Load>
STYLEGEN_HD Acc filtered_sample(const T* x, int64_t stride_y, int64_t stride_x, const Acc* f,
                                const Axis& axis_y, const Axis& axis_x, int64_t out_y,
                                int64_t out_x, bool flip, const Load& load) {
  const TapRange ry = tap_range(axis_y, out_y);
  const TapRange rx = tap_range(axis_x, out_x);
  Acc sum = Acc(0);
  for (int j = 0; j < ry.count; ++j) {
    const int ky = ry.first_tap + j * axis_y.up;
    const Acc* row_f = f + static_cast<int64_t>(flip ? ky : axis_y.taps - 1 - ky) * axis_x.taps;
    const T* row_x = x + (ry.first_sample + j) * stride_y + rx.first_sample * stride_x;
    for (int i = 0; i < rx.count; ++i) {
      const int kx = rx.first_tap + i * axis_x.up;
      sum += load(row_x[i * stride_x]) * row_f[flip ? kx : axis_x.taps - 1 - kx];
    }
  }
  return sum;
}

}  // namespace stylegen
