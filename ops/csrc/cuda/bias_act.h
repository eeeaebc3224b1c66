// bias_act of one element with its bias, and where the bias of an element lies.

#pragma once

#include "../activation.h"
#include "vectors.h"

namespace stylegen {

// The bias of the element at place i is b[i / inner % channels]; a null b is zero. A vector of
// elements may lie along the channels (channels_last), have one bias, or neither.
template <typename A>
class Bias {
 public:
  // vector: the elements of one.
  Bias(const A* b, int64_t inner, int64_t channels, int vector)
      : b_(b), inner_(inner), channels_(channels), kind_(Kind::each) {
    if (b == nullptr) kind_ = Kind::none;
    else if (inner == 1 && channels % vector == 0) kind_ = Kind::along;
    else if (channels == 1 || inner % vector == 0) kind_ = Kind::same;
  }

  STYLEGEN_HD A operator()(int64_t i) const {
    return kind_ == Kind::none ? A(0) : b_[channel(i)];
  }

  STYLEGEN_HD bool in_vectors() const { return kind_ != Kind::each; }

  // Of the N elements of a vector, from i on; in_vectors() only.
  template <int N>
  STYLEGEN_HD void operator()(int64_t i, A (&b)[N]) const {
    if (kind_ == Kind::along) {
      const Pack<A, N> pack = read<N>(b_ + channel(i));
#pragma unroll
      for (int e = 0; e < N; ++e) b[e] = pack.at[e];
    } else {
      const A value = (*this)(i);
#pragma unroll
      for (int e = 0; e < N; ++e) b[e] = value;
    }
  }

 private:
  enum class Kind { none, along, same, each };

  STYLEGEN_HD int64_t channel(int64_t i) const {
    const int64_t row = inner_.quotient(i);
    return row - channels_.quotient(row) * channels_.size();
  }

  const A* b_;
  Divisor inner_, channels_;
  Kind kind_;
};

// The parameters for elements of type T. The clamp is rounded as an output is when it is saved,
// so that a clamped one is recognised.
template <typename T>
BiasAct<acc_t<T>> typed(const BiasAct<double>& p) {
  using A = acc_t<T>;
  return {p.act, static_cast<A>(p.alpha), static_cast<A>(p.gain),
          load(store<T>(static_cast<A>(p.clamp)))};
}

// The parameters with leaky ReLU known to the compiler; the identity is the one of slope 1.
template <typename A>
struct Lrelu {
  static constexpr bool kSimple = true;
  BiasAct<A> p;

  explicit Lrelu(const BiasAct<A>& given) : p(given) {
    if (p.act == Act::linear) p.alpha = A(1);
  }

  STYLEGEN_HD A forward(A x, A b) const {
    return stylegen::forward(BiasAct<A>{Act::lrelu, p.alpha, p.gain, p.clamp}, x, b);
  }

  STYLEGEN_HD A backward(A dy, A ref, A) const { return backward_lrelu(p, dy, ref); }
};

template <typename A>
struct AnyAct {
  static constexpr bool kSimple = false;
  BiasAct<A> p;

  STYLEGEN_HD A forward(A x, A b) const { return stylegen::forward(p, x, b); }

  STYLEGEN_HD A backward(A dy, A ref, A b) const { return stylegen::backward(p, dy, ref, b); }
};

// Calls run(p) with the parameters for elements of type T.
template <typename T, typename Run>
void with_act(const BiasAct<double>& params, const Run& run) {
  const auto p = typed<T>(params);
  if (p.act == Act::lrelu || p.act == Act::linear) run(Lrelu<acc_t<T>>(p));
  else run(AnyAct<acc_t<T>>{p});
}

// What the three operators share as `Op` of Elementwise.
template <typename T>
struct Biased {
  using A = acc_t<T>;
  using Terms = A;
  Bias<A> bias;

  STYLEGEN_HD bool in_vectors() const { return bias.in_vectors(); }

  STYLEGEN_HD A terms(int64_t i) const { return bias(i); }

  STYLEGEN_HD void terms(int64_t i, A (&b)[kWide<T>]) const { bias(i, b); }
};

template <typename T, typename P>
struct Forward : Biased<T> {
  using A = acc_t<T>;
  static constexpr int kInputs = 1, kAtOnce = P::kSimple ? 2 : 1;
  P p;

  Forward(const Bias<A>& bias, const P& params) : Biased<T>{bias}, p(params) {}

  STYLEGEN_HD A value(const A (&x)[1], A b) const { return p.forward(x[0], b); }
};

// Inputs: dy, ref.
template <typename T, typename P>
struct Backward : Biased<T> {
  using A = acc_t<T>;
  static constexpr int kInputs = 2, kAtOnce = P::kSimple ? 2 : 1;
  P p;

  Backward(const Bias<A>& bias, const P& params) : Biased<T>{bias}, p(params) {}

  STYLEGEN_HD A value(const A (&x)[2], A b) const { return p.backward(x[0], x[1], b); }
};

// Inputs: ddx, dy, ref.
template <typename T>
struct Backward2 : Biased<T> {
  using A = acc_t<T>;
  static constexpr int kInputs = 3, kAtOnce = 1;
  BiasAct<A> p;

  Backward2(const Bias<A>& bias, const BiasAct<A>& params) : Biased<T>{bias}, p(params) {}

  STYLEGEN_HD A value(const A (&x)[3], A b) const { return backward2(p, x[0], x[1], x[2], b); }
};

}  // namespace stylegen
