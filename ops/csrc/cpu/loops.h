// How work is cut into pieces that threads take, and how parameters are typed.

#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

#include "../activation.h"
#include "elements.h"

namespace stylegen {

constexpr int64_t kGrain = 1 << 14;  // elements below which a further thread does not pay

// Calls body(begin, end) for pieces of [0, count), of which each takes `cost` elements' time.
template <typename Body>
void in_parallel(int64_t count, int64_t cost, const Body& body) {
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(cost, 1));
  at::parallel_for(0, count, grain, body);
}

// The size, from `most` down to `least`, of blocks of `count` such that blocks times `others` pieces
// of work occupy all threads. Results must not depend on it.
inline int64_t block_for_threads(int64_t count, int64_t most, int64_t least, int64_t others) {
  int64_t block = std::min(most, count);
  const auto pieces = [&] { return (count + block - 1) / block * others; };
  while (block / 2 >= least && pieces() < at::get_num_threads()) block = (block + 1) / 2;
  return block;
}

// The parameters for elements of type T. The clamp is rounded as an output is when it is saved,
// so that a clamped one is recognised.
template <typename T>
BiasAct<acc_t<T>> typed(const BiasAct<double>& p) {
  using A = acc_t<T>;
  return {p.act, static_cast<A>(p.alpha), static_cast<A>(p.gain),
          load(store<T>(static_cast<A>(p.clamp)))};
}

// The parameters with an activation that the compiler knows, so that loops over it vectorise.
template <typename A, Act act>
struct KnownAct {
  BiasAct<A> p;
  BiasAct<A> operator()() const { return {act, p.alpha, p.gain, p.clamp}; }
};

template <typename A>
struct AnyAct {
  BiasAct<A> p;
  BiasAct<A> operator()() const { return p; }
};

// Calls run(q), where q() is `p`.
template <typename A, typename Run>
void with_act(const BiasAct<A>& p, const Run& run) {
  switch (p.act) {
    case Act::lrelu: return run(KnownAct<A, Act::lrelu>{p});
    case Act::linear: return run(KnownAct<A, Act::linear>{p});
    default: return run(AnyAct<A>{p});
  }
}

}  // namespace stylegen
