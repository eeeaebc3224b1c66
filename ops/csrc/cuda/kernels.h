// The kernels as the bindings call them: raw device pointers, typed by `Type`, and a stream.
//
// Torch's headers take nvcc half a minute, so the .cu files do without; shapes, layouts and devices
// are settled in the bindings. Images, and whatever lies along an image's channels or pixels, begin
// at multiples of 16 bytes. "Wide" is the type of the arithmetic: float64 for float64 elements,
// else float32. Parameters are given in double, whatever the type of the arithmetic.

#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "../activation.h"
#include "../layout.h"
#include "../taps.h"

namespace stylegen {

enum class Type { float32, float16, bfloat16, float64 };

// The bias (wide; a null pointer is none) of element i is b[i / inner % channels].
struct BiasOf {
  const void* b;
  int64_t inner, channels;
};

void bias_act(Type type, const BiasAct<double>& params, const BiasOf& bias, const void* x, void* y,
              int64_t size, cudaStream_t stream);

void bias_act_backward(Type type, const BiasAct<double>& params, const BiasOf& bias,
                       const void* dy, const void* ref, void* dx, int64_t size,
                       cudaStream_t stream);

void bias_act_backward2(Type type, const BiasAct<double>& params, const BiasOf& bias,
                        const void* ddx, const void* dy, const void* ref, void* d, int64_t size,
                        cudaStream_t stream);

// A filter as given: taps (y, x), wide, to be scaled, and to be read backwards unless `flip`.
struct FilterOf {
  const void* taps;
  double gain;
  bool flip;
};

// The places, in elements, that a filter of so many taps takes once it is prepared.
int64_t prepared_size(const Axis& axis_y, const Axis& axis_x);

// `prepared` is room for the filter, wide, at a multiple of 16 bytes.
void upfirdn2d(Type type, const void* x, const Layout& in, const FilterOf& filter, void* prepared,
               const Axis& axis_y, const Axis& axis_x, void* y, const Layout& out,
               cudaStream_t stream);

// What the epilogue adds and scales with, wide; null where there is none. scale: (batch, channels);
// noise: (1 or batch, pixels); b: (channels,).
struct EpilogueTerms {
  const void *scale, *noise, *b;
  bool noise_per_sample;
};

// act is linear or leaky ReLU.
void epilogue(Type type, const BiasAct<double>& params, const Layout& layout,
              const EpilogueTerms& terms, const void* x, void* out, cudaStream_t stream);

// How many partial sums the backward pass leaves for each sum: by pieces of each sample's channels
// (for the noise) and of its pixels (for the scale and the bias).
struct EpiloguePieces {
  int64_t of_channels, of_pixels;
};

EpiloguePieces epilogue_pieces(Type type, const Layout& layout);

// Where the gradients go: dx, and the partial sums, wide; null where none is wanted.
// scale, bias: (batch, of_pixels, channels); noise: (batch, of_channels, pixels).
struct EpilogueGradients {
  void *dx, *scale, *noise, *bias;
};

// x and scale may be null; only with both is there a gradient for the scale.
void epilogue_backward(Type type, const BiasAct<double>& params, const Layout& layout,
                       const void* dout, const void* out, const void* x, const void* scale,
                       const EpilogueGradients& gradients, cudaStream_t stream);

}  // namespace stylegen
