// The epilogue of one element with its scale, noise and bias, and where these lie.

#pragma once

#include "../epilogue.h"
#include "../layout.h"
#include "vectors.h"

namespace stylegen {

// An image's place in memory is row * fast + low, with (pixel, channel) as (row, low) in
// channels_last and (channel, pixel) else, and all rows of a sample together.
struct Order {
  Divisor fast, slow;
  bool channels_last;

  explicit Order(const Layout& l)
      : fast(l.channels_last ? l.channels : l.height * l.width),
        slow(l.channels_last ? l.height * l.width : l.channels),
        channels_last(l.channels_last) {}

  struct Place {
    int64_t n, channel, pixel;
  };

  STYLEGEN_HD Place place(int64_t i) const {
    const int64_t row = fast.quotient(i), low = i - row * fast.size();
    const int64_t n = slow.quotient(row), high = row - n * slow.size();
    return channels_last ? Place{n, low, high} : Place{n, high, low};
  }

  STYLEGEN_HD int64_t channels() const { return channels_last ? fast.size() : slow.size(); }

  STYLEGEN_HD int64_t area() const { return channels_last ? slow.size() : fast.size(); }
};

template <typename A>
struct Term {
  A scale, noise, b;
};

// Op of Elementwise. Vectors lie along the channels or the pixels, where whole ones fill a row.
template <typename T>
struct EpilogueForward {
  using A = acc_t<T>;
  using Terms = Term<A>;
  static constexpr int kInputs = 1, kVector = kWide<T>;
  static constexpr int kAtOnce = kVector > 4 ? 1 : 2;  // so that all terms stay in registers

  BiasAct<A> p;  // of leaky ReLU
  Order order;
  const A *scale, *noise, *b;  // null: 1, 0, 0
  bool noise_per_sample;

  STYLEGEN_HD A value(const A (&x)[1], const Terms& t) const {
    return epilogue(BiasAct<A>{Act::lrelu, p.alpha, p.gain, p.clamp}, x[0], t.scale, t.noise, t.b);
  }

  STYLEGEN_HD int64_t scale_at(const Order::Place& at) const {
    return at.n * order.channels() + at.channel;
  }

  STYLEGEN_HD int64_t noise_at(const Order::Place& at) const {
    return (noise_per_sample ? at.n * order.area() : 0) + at.pixel;
  }

  STYLEGEN_HD bool in_vectors() const { return order.fast.size() % kVector == 0; }

  STYLEGEN_HD Terms terms(int64_t i) const {
    const Order::Place at = order.place(i);
    return {scale == nullptr ? A(1) : scale[scale_at(at)],
            noise == nullptr ? A(0) : noise[noise_at(at)], b == nullptr ? A(0) : b[at.channel]};
  }

  STYLEGEN_HD void terms(int64_t i, Terms (&t)[kVector]) const {
    if (order.channels_last) along_channels(order.place(i), t);
    else along_pixels(order.place(i), t);
  }

  STYLEGEN_HD void along_channels(const Order::Place& at, Terms (&t)[kVector]) const {
    Pack<A, kVector> scales, biases;
    if (scale != nullptr) scales = read<kVector>(scale + scale_at(at));
    if (b != nullptr) biases = read<kVector>(b + at.channel);
    const A same = noise == nullptr ? A(0) : noise[noise_at(at)];
#pragma unroll
    for (int e = 0; e < kVector; ++e)
      t[e] = {scale == nullptr ? A(1) : scales.at[e], same, b == nullptr ? A(0) : biases.at[e]};
  }

  STYLEGEN_HD void along_pixels(const Order::Place& at, Terms (&t)[kVector]) const {
    Pack<A, kVector> noises;
    if (noise != nullptr) noises = read<kVector>(noise + noise_at(at));
    const A factor = scale == nullptr ? A(1) : scale[scale_at(at)];
    const A bias = b == nullptr ? A(0) : b[at.channel];
#pragma unroll
    for (int e = 0; e < kVector; ++e)
      t[e] = {factor, noise == nullptr ? A(0) : noises.at[e], bias};
  }
};

}  // namespace stylegen
