// The arithmetic of one element of the epilogue, for the host and the device.
//
//     out = clip(gain * act(z), -clamp, clamp),   z = x * scale + noise + b
//
// scale is per sample and channel, noise per sample and pixel, b per channel. act is linear or
// leaky ReLU, so that the slope follows from the output alone and has no derivative of its own:
//
//     dz = dout * gain * act' * inside,   dx = dz * scale
//     dscale = sum over pixels of dz * x,   dnoise = sum over channels of dz,   db = sum of dz

#pragma once

#include "activation.h"

namespace stylegen {

template <typename T>
STYLEGEN_HD T epilogue(const BiasAct<T>& p, T x, T scale, T noise, T b) {
  return forward(p, x * scale + noise, b);
}

// dz of one element, from the saved output.
template <typename T>
STYLEGEN_HD T epilogue_slope_times(const BiasAct<T>& p, T dout, T out) {
  return backward(p, dout, out, T(0));
}

}  // namespace stylegen
