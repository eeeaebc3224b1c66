// Element types on the CPU, and the arithmetic that each is computed in. The loops over them are
// written so that the compiler vectorises them.

#pragma once

#include <cstdint>
#include <cstring>

namespace stylegen {

enum class Type { float32, bfloat16, float64 };

struct BFloat16 {
  uint16_t bits;
};

template <typename T>
struct Element;

template <>
struct Element<float> {
  using A = float;
  static float load(float x) { return x; }
  static float store(float x) { return x; }
};

template <>
struct Element<double> {
  using A = double;
  static double load(double x) { return x; }
  static double store(double x) { return x; }
};

// The upper half of a float32, rounded to nearest, ties to even; a NaN stays one.
template <>
struct Element<BFloat16> {
  using A = float;

  static float load(BFloat16 x) {
    const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

  static BFloat16 store(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    const uint32_t rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
    return {static_cast<uint16_t>((x != x ? 0x7FC00000u : rounded) >> 16)};
  }
};

template <typename T>
using acc_t = typename Element<T>::A;

template <typename T>
inline acc_t<T> load(T x) {
  return Element<T>::load(x);
}

template <typename T>
inline T store(acc_t<T> x) {
  return Element<T>::store(x);
}

// Calls run(T()) with the element type T.
template <typename Run>
void with_type(Type type, const Run& run) {
  switch (type) {
    case Type::float32: return run(float());
    case Type::bfloat16: return run(BFloat16());
    case Type::float64: return run(double());
  }
}

}  // namespace stylegen
