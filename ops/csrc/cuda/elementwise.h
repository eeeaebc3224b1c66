// The loop of the kernels that compute each element from those at the same place: vectors of 16
// bytes, several of them read before the first is used, then the elements that fill no vector.

#pragma once

#include "vectors.h"

namespace stylegen {

// Op gives, for elements of type T:
//     kInputs               the number of tensors read
//     kAtOnce               how many vectors of each a thread reads before it uses the first
//     terms(i)              what else the element at place i needs, a struct
//     in_vectors()          whether a vector's terms can be had at once; else, as where rows of odd
//                           length have a bias each, elements are taken one by one
//     terms(i, t)           the terms of the vector of elements from i on, into t[kWide<T>]
//     value(x, t)           the element, from the inputs x[kInputs] and its terms
// All tensors are dense, of one layout, and begin at multiples of 16 bytes.
template <typename T, typename Op>
struct Elementwise {
  using A = acc_t<T>;
  using Terms = typename Op::Terms;
  static constexpr int kInputs = Op::kInputs, kAtOnce = Op::kAtOnce, kVector = kWide<T>;
  static constexpr int kSpan = kThreads * kAtOnce;  // vectors of a block at once

  Op op;
  const T* in[kInputs];
  T* out;
  int64_t size;

  STYLEGEN_HD int64_t vectors() const { return size / kVector; }

  STYLEGEN_HD int64_t blocks() const {
    return vectors() == 0 ? 1 : (vectors() + kSpan - 1) / kSpan;
  }

  STYLEGEN_HD void one(int64_t i) const {
    A x[kInputs];
    for (int k = 0; k < kInputs; ++k) x[k] = load(in[k][i]);
    out[i] = store<T>(op.value(x, op.terms(i)));
  }

  STYLEGEN_HD void many(int64_t i, const Pack<T, kVector> (&packs)[kInputs]) const {
    Terms terms[kVector];
    op.terms(i, terms);
    Pack<T, kVector> y;
#pragma unroll
    for (int e = 0; e < kVector; ++e) {
      A x[kInputs];
#pragma unroll
      for (int k = 0; k < kInputs; ++k) x[k] = load(packs[k].at[e]);
      y.at[e] = store<T>(op.value(x, terms[e]));
    }
    write(out + i, y);
  }

  // The vectors first, first + kThreads, ...
  STYLEGEN_HD void at_once(int64_t first) const {
    Pack<T, kVector> packs[kAtOnce][kInputs] = {};
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      const int64_t vector = first + u * kThreads;
      if (vector >= vectors()) continue;
#pragma unroll
      for (int k = 0; k < kInputs; ++k) packs[u][k] = read<kVector>(in[k] + vector * kVector);
    }
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      const int64_t vector = first + u * kThreads;
      if (vector < vectors()) many(vector * kVector, packs[u]);
    }
  }

  // What a thread of a block does, out of so many blocks. The elements after the last vector, fewer
  // than there are threads, are the first block's.
  STYLEGEN_HD void operator()(int64_t block, int64_t blocks, int thread) const {
    if (!op.in_vectors()) {
      for (int64_t i = block * kThreads + thread; i < size; i += blocks * kThreads) one(i);
      return;
    }
    for (int64_t first = block * kSpan; first < vectors(); first += blocks * kSpan)
      at_once(first + thread);
    const int64_t rest = vectors() * kVector + thread;
    if (block == 0 && rest < size) one(rest);
  }
};

}  // namespace stylegen
