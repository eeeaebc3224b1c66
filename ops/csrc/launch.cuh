// What the kernels share: types and their arithmetic, and the loop over elements.

#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cstdint>

#include "hd.h"
#include "kernels.h"

namespace stylegen {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = int64_t(1) << 20;

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

// Calls run(T()) with the element type T.
template <typename Run>
void with_type(Type type, const Run& run) {
  switch (type) {
    case Type::float32: return run(float());
    case Type::float16: return run(__half());
    case Type::bfloat16: return run(__nv_bfloat16());
    case Type::float64: return run(double());
  }
}

template <typename Body>
__global__ void __launch_bounds__(kThreads) each(Body body, int64_t size) {
  const int64_t step = int64_t(gridDim.x) * kThreads;
  for (int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x; i < size; i += step) body(i);
}

// Calls body(i) for all i below size. Errors are left for the caller to ask for.
template <typename Body>
void launch(const Body& body, int64_t size, cudaStream_t stream) {
  const int64_t blocks = std::min((size + kThreads - 1) / kThreads, kMaxBlocks);
  each<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(body, size);
}

}  // namespace stylegen
