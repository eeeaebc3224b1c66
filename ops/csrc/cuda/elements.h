// Element types and the arithmetic that each is computed in. What runs on the GPU stands in headers
// that a C++ compiler reads too, with the CPU's element types in place of these.

#pragma once

#ifndef __CUDACC__
#include "../cpu/elements.h"
#else

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "../hd.h"

namespace stylegen {

// An element type T: A is the type of its arithmetic.
template <typename T>
struct Element;

template <>
struct Element<float> {
  using A = float;
  STYLEGEN_HD static float load(float x) { return x; }
  STYLEGEN_HD static float store(float x) { return x; }
};

template <>
struct Element<double> {
  using A = double;
  STYLEGEN_HD static double load(double x) { return x; }
  STYLEGEN_HD static double store(double x) { return x; }
};

template <>
struct Element<__half> {
  using A = float;
  STYLEGEN_HD static float load(__half x) { return __half2float(x); }
  STYLEGEN_HD static __half store(float x) { return __float2half(x); }
};

template <>
struct Element<__nv_bfloat16> {
  using A = float;
  STYLEGEN_HD static float load(__nv_bfloat16 x) { return __bfloat162float(x); }
  STYLEGEN_HD static __nv_bfloat16 store(float x) { return __float2bfloat16(x); }
};

template <typename T>
using acc_t = typename Element<T>::A;

template <typename T>
STYLEGEN_HD acc_t<T> load(T x) {
  return Element<T>::load(x);
}

template <typename T>
STYLEGEN_HD T store(acc_t<T> x) {
  return Element<T>::store(x);
}

}  // namespace stylegen

#endif
