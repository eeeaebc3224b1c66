// Where elements lie in memory, for the host and the device: (N, C, H, W) images, contiguous or
// channels_last, and the channel of an element of any dense tensor.

#pragma once

#include <cstdint>

#include "hd.h"

namespace stylegen {

// a / b for a >= 0, b > 0: on a GPU, 64-bit division is many times slower, and seldom needed.
STYLEGEN_HD int64_t divide(int64_t a, int64_t b) {
  return ((a | b) >> 32) == 0 ? static_cast<uint32_t>(a) / static_cast<uint32_t>(b) : a / b;
}

// The index, along a dimension of this stride and size, of the element at place i in memory.
STYLEGEN_HD int64_t index_along(int64_t i, int64_t stride, int64_t size) {
  const int64_t row = divide(i, stride);
  return row - divide(row, size) * size;
}

// A dense tensor of images.
struct Layout {
  int64_t batch, channels, height, width;
  bool channels_last;
};

struct Strides {
  int64_t n, c, y, x;

  STYLEGEN_HD explicit Strides(const Layout& l)
      : n(l.channels * l.height * l.width),
        c(l.channels_last ? 1 : l.height * l.width),
        y(l.channels_last ? l.channels * l.width : l.width),
        x(l.channels_last ? l.channels : 1) {}
};

// The coordinates of the sample at place i in memory.
struct Place {
  int64_t n, c, y, x;

  STYLEGEN_HD Place(int64_t i, const Layout& l) {
    const int64_t area = l.height * l.width;
    n = divide(i, l.channels * area);
    const int64_t rest = i - n * l.channels * area;
    const int64_t inner_size = l.channels_last ? l.channels : area;
    const int64_t outer = divide(rest, inner_size), inner = rest - outer * inner_size;
    c = l.channels_last ? inner : outer;
    const int64_t pixel = l.channels_last ? outer : inner;
    y = divide(pixel, l.width);
    x = pixel - y * l.width;
  }
};

}  // namespace stylegen
