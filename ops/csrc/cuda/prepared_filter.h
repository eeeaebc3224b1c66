// A filter as the kernels of upfirdn2d read it: scaled, in the order in which its taps meet the
// samples, and, for 4 x 4 taps, split into a column times a row where that is exact.

#pragma once

#include <cmath>
#include <cstdint>

#include "vectors.h"

namespace stylegen {

// In memory: whether the filter is the product (1 or 0), column[4], row[4], then all taps (y, x).
constexpr int kColumnAt = 1, kRowAt = 5, kTapsAt = 9;

template <typename A>
struct Filter4 {
  const A* prepared;

  STYLEGEN_HD explicit Filter4(const A* p) : prepared(p) {}
  STYLEGEN_HD bool separable() const { return prepared[0] > A(0); }
  STYLEGEN_HD A column(int k) const { return prepared[kColumnAt + k]; }
  STYLEGEN_HD A row(int k) const { return prepared[kRowAt + k]; }
  STYLEGEN_HD A tap(int ky, int kx) const { return prepared[kTapsAt + ky * 4 + kx]; }
};

// Phase 0 writes the taps, phase 1, by one thread of few instructions, the split. Where the largest
// tap lies, at (py, px), column = f[:, px] and row = f[py, :] / f[py, px].
template <typename A>
struct PreparedFilter {
  struct Shared {
    A taps[16];
  };
  struct Own {};

  const A* given;
  int64_t size;
  bool flip, is_4x4;
  A gain;
  A* prepared;

  PreparedFilter(const A* f, int taps_y, int taps_x, bool flipped, A scale, A* to)
      : given(f),
        size(int64_t(taps_y) * taps_x),
        flip(flipped),
        is_4x4(taps_y == 4 && taps_x == 4),
        gain(scale),
        prepared(to) {}

  STYLEGEN_HD int64_t blocks() const { return 1; }

  STYLEGEN_HD int phases(int64_t) const { return is_4x4 ? 2 : 1; }

  STYLEGEN_HD void run(int phase, int64_t, int thread, Shared& shared, Own&) const {
    if (phase == 1) {
      if (thread == 0) split(shared.taps);
      return;
    }
    for (int64_t i = thread; i < size; i += kThreads) {
      const A tap = given[flip ? i : size - 1 - i] * gain;
      prepared[kTapsAt + i] = tap;
      if (is_4x4) shared.taps[i] = tap;
    }
  }

  STYLEGEN_HD void split(const A* f) const {
    int peak = 0;
#pragma unroll
    for (int i = 1; i < 16; ++i)
      if (std::fabs(f[i]) > std::fabs(f[peak])) peak = i;
    const A most = f[peak], within = std::fabs(most) * A(sizeof(A) == 4 ? 4e-7 : 1e-15);
    bool exact = std::fabs(most) > A(0);
#pragma unroll
    for (int i = 0; i < 16; ++i) {
      const A row = f[peak / 4 * 4 + i % 4] / most, column = f[i / 4 * 4 + peak % 4];
      exact = exact && std::fabs(f[i] - column * row) <= within;
      prepared[kRowAt + i % 4] = row;
      prepared[kColumnAt + i / 4] = column;
    }
    prepared[0] = exact ? A(1) : A(0);
  }
};

}  // namespace stylegen
