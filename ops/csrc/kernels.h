// The kernels as the bindings call them: raw device pointers, typed by `Type`, and a stream.
//
// Torch's headers take nvcc half a minute, so the .cu files do without; shapes, layouts and
// devices are settled in bindings.cpp.

#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "activation.h"
#include "layout.h"
#include "taps.h"

namespace stylegen {

enum class Type { float32, float16, bfloat16, float64 };

// The bias (a null pointer is none) of element i is b[index_along(i, stride, channels)]; b has the
// type of the elements.
struct BiasOf {
  const void* b;
  int64_t stride, channels;
};

// The parameters are given in double, whatever the type of the arithmetic.
void bias_act(Type type, const BiasAct<double>& p, const BiasOf& bias, const void* x, void* y,
              int64_t size, cudaStream_t stream);

void bias_act_backward(Type type, const BiasAct<double>& p, const BiasOf& bias, const void* dy,
                       const void* ref, void* dx, int64_t size, cudaStream_t stream);

void bias_act_backward2(Type type, const BiasAct<double>& p, const BiasOf& bias, const void* ddx,
                        const void* dy, const void* ref, void* d, int64_t size,
                        cudaStream_t stream);

// f: taps (y.taps, x.taps), float64 for float64 images, else float32, scaled by the gain.
void upfirdn2d(Type type, const void* x, const Layout& in, const void* f, const Axis& axis_y,
               const Axis& axis_x, bool flip, void* y, const Layout& out, cudaStream_t stream);

}  // namespace stylegen
