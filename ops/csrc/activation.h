// The arithmetic of one element of bias_act, for the host and the device.
//
//     y = clip(gain * act(x + b), -clamp, clamp)
//
// slope() is act' and curvature() its derivative, as functions of the output a = act(z) wherever
// that is possible, else of the input z (see from_output). T is the type of the arithmetic, float
// or double. The codes and the formulas are those of ops/activations.py, which is the reference.

#pragma once

#include <cmath>

#include "hd.h"

namespace stylegen {

enum class Act : int { linear, relu, lrelu, tanh, sigmoid, elu, selu, softplus, swish };

constexpr int kActivations = 9;
constexpr double kSeluScale = 1.0507009873554805;
constexpr double kSeluAlpha = 1.6732632423543772;

// What is the same for all elements. A negative clamp is none.
template <typename T>
struct BiasAct {
  Act act;
  T alpha, gain, clamp;
};

STYLEGEN_HD bool from_output(Act act) { return act != Act::swish; }

template <typename T>
STYLEGEN_HD T sigmoid(T z) {
  return T(1) / (T(1) + std::exp(-z));
}

// act(z). Comparisons are written so that NaN stays NaN.
template <typename T>
STYLEGEN_HD T value(Act act, T z, T alpha) {
  switch (act) {
    case Act::linear: return z;
    case Act::relu: return z < T(0) ? T(0) : z;
    case Act::lrelu: return z < T(0) ? z * alpha : z;
    case Act::tanh: return std::tanh(z);
    case Act::sigmoid: return sigmoid(z);
    case Act::elu: return z < T(0) ? std::expm1(z) : z;
    case Act::selu: return T(kSeluScale) * (z < T(0) ? T(kSeluAlpha) * std::expm1(z) : z);
    case Act::softplus: return (z < T(0) ? T(0) : z) + std::log1p(std::exp(-std::fabs(z)));
    case Act::swish: return z * sigmoid(z);
  }
  return z;
}

// act'(z), by the reference point r: a = act(z), or z where not from_output(act).
template <typename T>
STYLEGEN_HD T slope(Act act, T r, T alpha) {
  switch (act) {
    case Act::linear: return T(1);
    case Act::relu: return r > T(0) ? T(1) : T(0);
    case Act::lrelu: return r > T(0) ? T(1) : alpha;
    case Act::tanh: return T(1) - r * r;
    case Act::sigmoid: return r * (T(1) - r);
    case Act::elu: return r > T(0) ? T(1) : T(1) + r;
    case Act::selu: return r > T(0) ? T(kSeluScale) : r + T(kSeluScale * kSeluAlpha);
    case Act::softplus: return -std::expm1(-r);
    case Act::swish: {
      const T s = sigmoid(r);
      return s * (T(1) + r * (T(1) - s));
    }
  }
  return T(1);
}

// The derivative of slope() by its reference point.
template <typename T>
STYLEGEN_HD T curvature(Act act, T r) {
  switch (act) {
    case Act::tanh: return T(-2) * r;
    case Act::sigmoid: return T(1) - T(2) * r;
    case Act::elu:
    case Act::selu: return r > T(0) ? T(0) : T(1);
    case Act::softplus: return std::exp(-r);
    case Act::swish: {
      const T s = sigmoid(r);
      return s * (T(1) - s) * (T(2) + r * (T(1) - T(2) * s));
    }
    default: return T(0);
  }
}

// The point at which slope() and curvature() are taken, from the saved ref: y, or x (swish).
template <typename T>
STYLEGEN_HD T reference_point(const BiasAct<T>& p, T ref, T b) {
  return from_output(p.act) ? ref / p.gain : ref + b;
}

// Whether the clamp lets the gradient through. Without a branch, so that loops vectorise.
template <typename T>
STYLEGEN_HD bool inside(const BiasAct<T>& p, T ref, T point) {
  const T y = from_output(p.act) ? ref : p.gain * value(Act::swish, point, p.alpha);
  return bool(int(p.clamp < T(0)) | int(std::fabs(y) < p.clamp));
}

// y of one element.
template <typename T>
STYLEGEN_HD T forward(const BiasAct<T>& p, T x, T b) {
  const T y = p.gain * value(p.act, x + b, p.alpha);
  if (p.clamp < T(0)) return y;
  return y > p.clamp ? p.clamp : (y < -p.clamp ? -p.clamp : y);
}

// dx = dy * gain * act' * inside of one element.
template <typename T>
STYLEGEN_HD T backward(const BiasAct<T>& p, T dy, T ref, T b) {
  const T point = reference_point(p, ref, b);
  return inside(p, ref, point) ? dy * p.gain * slope(p.act, point, p.alpha) : T(0);
}

// backward() for leaky ReLU, and for the identity as its case alpha = 1: the slope follows from the
// sign of y, without a division.
template <typename T>
STYLEGEN_HD T backward_lrelu(const BiasAct<T>& p, T dy, T y) {
  const bool above = p.gain > T(0) ? y > T(0) : y < T(0);
  const bool lets_through = bool(int(p.clamp < T(0)) | int(std::fabs(y) < p.clamp));
  return lets_through ? dy * p.gain * (above ? T(1) : p.alpha) : T(0);
}

// The derivative of ddx * backward(dy, ref) by ref: by y the gain cancels, by x it does not.
template <typename T>
STYLEGEN_HD T backward2(const BiasAct<T>& p, T ddx, T dy, T ref, T b) {
  const T point = reference_point(p, ref, b);
  const T scale = from_output(p.act) ? T(1) : p.gain;
  return inside(p, ref, point) ? ddx * dy * scale * curvature(p.act, point) : T(0);
}

}  // namespace stylegen
