// Which kernel of upfirdn2d takes a call: tiles for what StyleGAN does, one thread per output
// sample for everything else.

#pragma once

#include <climits>

#include "sampled_filter.h"
#include "tiled_filter.h"

namespace stylegen {
namespace detail {

template <int V, int up, int down, typename T, typename Run>
bool with_tiles(const Filtering<T>& c, const Run& run) {
  const TiledFilter<T, V, up, down> body(c);
  if (body.blocks() > INT_MAX) return false;
  run(body);
  return true;
}

// 16-byte cells where whole ones lie along the channels.
template <int up, int down, typename T, typename Run>
bool with_cells(const Filtering<T>& c, const Run& run) {
  const bool fits = c.axis_y.up == up && c.axis_x.up == up && c.axis_y.down == down &&
                    c.axis_x.down == down;
  if (!fits) return false;
  if (c.out.channels_last && c.out.channels % kWide<T> == 0)
    return with_tiles<kWide<T>, up, down>(c, run);
  return with_tiles<1, up, down>(c, run);
}

}  // namespace detail

// Calls run(body) with the tiled kernel for this call and returns true, or returns false. Images
// that would fill but a small part of a tile are left to the other kernel, as is float64.
template <typename T, typename Run>
bool with_tiled_filter(const Filtering<T>& c, const Run& run) {
  if constexpr (sizeof(T) == 8) {
    return false;
  } else {
    const bool is_4x4 = c.axis_y.taps == kTaps && c.axis_x.taps == kTaps;
    if (!is_4x4 || c.out.width < 12 || c.out.height < 8) return false;
    return detail::with_cells<1, 1>(c, run) || detail::with_cells<2, 1>(c, run) ||
           detail::with_cells<1, 2>(c, run);
  }
}

}  // namespace stylegen
