// The kernels as the bindings call them: raw pointers, typed by `Type`. All of them run in
// parallel, and give the same bits for any number of threads.

#pragma once

#include <cstdint>

#include "../activation.h"
#include "../layout.h"
#include "../taps.h"
#include "elements.h"

namespace stylegen {

// A dense tensor as (outer, channels, inner): channels_last images have inner 1.
struct Rows {
  int64_t outer, channels, inner;

  int64_t size() const { return outer * channels * inner; }
};

// b: one value per channel, of the arithmetic's type, or null. Parameters are given in double.
void bias_act(Type type, const BiasAct<double>& p, const Rows& rows, const void* b, const void* x,
              void* y);

void bias_act_backward(Type type, const BiasAct<double>& p, const Rows& rows, const void* b,
                       const void* dy, const void* ref, void* dx);

void bias_act_backward2(Type type, const BiasAct<double>& p, const Rows& rows, const void* b,
                        const void* ddx, const void* dy, const void* ref, void* d);

// What the epilogue adds and scales with, of the arithmetic's type; null where there is none.
// scale: (batch, channels); noise: (1 or batch, pixels); b: (channels,).
struct EpilogueTerms {
  const void *scale, *noise, *b;
  bool noise_per_sample;
};

void epilogue(Type type, const BiasAct<double>& p, const Layout& layout, const EpilogueTerms& terms,
              const void* x, void* out);

// Where the gradients go; null where none is wanted. dnoise is per sample.
struct EpilogueGradients {
  void *dx, *dscale, *dnoise, *db;
};

// x and scale may be null.
void epilogue_backward(Type type, const BiasAct<double>& p, const Layout& layout, const void* dout,
                       const void* out, const void* x, const void* scale,
                       const EpilogueGradients& gradients);

// f: taps (y.taps, x.taps) of the arithmetic's type, scaled by the gain.
void upfirdn2d(Type type, const void* x, const Layout& in, const void* f, const Axis& axis_y,
               const Axis& axis_x, bool flip, void* y, const Layout& out);

// A weight as it lies in memory.
struct WeightShape {
  int64_t outer, taps, inner;
};

// to = gain * w, of type `type`; energy (outer, inner) = the sum of w^2 over the taps. Either may
// be null. w and energy are of the arithmetic's type.
void weights(Type type, const WeightShape& shape, double gain, const void* w, void* to,
             void* energy);

// dw = gain * dto + 2 w denergy; dto and denergy may be null.
void weights_backward(Type type, const WeightShape& shape, double gain, const void* dto,
                      const void* denergy, const void* w, void* dw);

// A convolution whose weight (O, taps, taps, I) is to be derived by; images are channels_last.
struct WeightGradient {
  int64_t batch, height, width, in_channels, out_height, out_width, out_channels;
  int64_t taps, stride, padding;
};

// dw from the image x and the gradient dy.
void weight_gradient(const WeightGradient& g, const float* x, const float* dy, float* dw);

}  // namespace stylegen
