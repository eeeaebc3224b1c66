// How kernels are launched. Errors are left for the caller to ask for.

#pragma once

#include <algorithm>
#include <cstdint>

#include "elements.h"
#include "kernels.h"
#include "vectors.h"

namespace stylegen {

constexpr int64_t kMaxBlocks = int64_t(1) << 20;
constexpr int kBlocksAtOnce = 3;  // on a multiprocessor: while one reads, others compute

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
__global__ void __launch_bounds__(kThreads, 4) blockwise(const __grid_constant__ Body body) {
  body(static_cast<int64_t>(blockIdx.x), static_cast<int64_t>(gridDim.x),
       static_cast<int>(threadIdx.x));
}

// Calls body(block, blocks, thread) for all threads of body.blocks() blocks, or of the most that
// there may be: a body goes on from its block by the number of blocks.
template <typename Body>
void launch(const Body& body, cudaStream_t stream) {
  const int64_t blocks = std::min(body.blocks(), kMaxBlocks);
  blockwise<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(body);
}

template <typename Body>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce)
    phasewise(const __grid_constant__ Body body) {
  __shared__ typename Body::Shared shared;
  typename Body::Own own;
  const int phases = body.phases(static_cast<int64_t>(blockIdx.x));
  for (int phase = 0; phase < phases; ++phase) {
    if (phase > 0) __syncthreads();
    body.run(phase, static_cast<int64_t>(blockIdx.x), static_cast<int>(threadIdx.x), shared, own);
  }
}

// Calls body.run(phase, block, thread, shared, own) for all threads of body.blocks() blocks, phase
// by phase. The threads of a block share `shared`, and meet between phases; `own` is each one's.
template <typename Body>
void launch_phases(const Body& body, cudaStream_t stream) {
  phasewise<<<static_cast<unsigned>(body.blocks()), kThreads, 0, stream>>>(body);
}

}  // namespace stylegen
