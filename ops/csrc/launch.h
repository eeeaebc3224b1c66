// How the kernels of this folder are launched: a functor, called for each element by its index in
// a loop over the grid.

#pragma once

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <cstdint>

namespace stylegen {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = int64_t(1) << 20;

// float for the narrower types, double for double.
template <typename T>
struct Arithmetic {
  using type = float;
};
template <>
struct Arithmetic<double> {
  using type = double;
};
template <typename T>
using acc_t = typename Arithmetic<T>::type;

// a / b for a >= 0, b > 0: 64-bit division is many times slower, and seldom needed.
__device__ __forceinline__ int64_t divide(int64_t a, int64_t b) {
  return ((a | b) >> 32) == 0 ? static_cast<uint32_t>(a) / static_cast<uint32_t>(b) : a / b;
}

template <typename Element>
__global__ void __launch_bounds__(kThreads) each(Element element, int64_t size) {
  const int64_t step = int64_t(gridDim.x) * kThreads;
  for (int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x; i < size; i += step) element(i);
}

// Calls element(i) for all i below size on the current stream.
template <typename Element>
void launch(const Element& element, int64_t size) {
  const int64_t blocks = std::min((size + kThreads - 1) / kThreads, kMaxBlocks);
  each<<<static_cast<unsigned>(blocks), kThreads, 0, c10::cuda::getCurrentCUDAStream()>>>(element,
                                                                                         size);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace stylegen
