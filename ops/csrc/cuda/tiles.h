// How upfirdn2d is cut into tiles, for filters of 4 x 4 taps: the arithmetic of the kernel in
// tiled_filter.h.
//
// A block computes a tile of the outputs of one plane from the samples that it copies to shared
// memory. What is copied are cells: vectors of 16 bytes of channels (channels_last), or single
// elements. Per axis, tiles begin where an output's first tap meets a sample, so that within a tile
// the taps and samples of an output depend on its place in the tile alone.

#pragma once

#include <cstdint>

#include "../layout.h"
#include "vectors.h"

namespace stylegen {

constexpr int kTaps = 4;  // along each axis

// Numbers of a tile that the compiler knows, by up and down. A thread computes `rows` outputs that
// lie one above the other; `lanes` threads side by side do so for one strip of rows, at most.
template <int up, int down>
struct TileShape;

template <>
struct TileShape<1, 1> {
  static constexpr int rows = 8, lanes = 128, cells = 8, shared = 2888;
};

template <>
struct TileShape<2, 1> {
  static constexpr int rows = 8, lanes = 128, cells = 8, shared = 800;
};

template <>
struct TileShape<1, 2> {
  static constexpr int rows = 2, lanes = 64, cells = 4, shared = 2448;
};

// Output i of a tile sees `seen` samples of the tile, from first_sample(i) on, of which the first
// meets the tap first_tap(i) and the next ones those `up` apart.
template <int up, int down>
struct TileAxis {
  static_assert(kTaps % up == 0, "each output sees as many samples");
  static constexpr int seen = kTaps / up;

  STYLEGEN_HD static constexpr int first_sample(int i) { return (i * down + up - 1) / up; }

  STYLEGEN_HD static constexpr int first_tap(int i) { return first_sample(i) * up - i * down; }

  // The samples of a tile of so many outputs.
  STYLEGEN_HD static constexpr int samples(int outputs) {
    return first_sample(outputs - 1) + seen;
  }

  // How far before output 0 the first tile begins, for this padding.
  STYLEGEN_HD static int shift(int pad) { return ((pad % up) + up) % up; }

  // The first output of a tile, and its first sample; both may lie outside of the image.
  STYLEGEN_HD static int64_t first_output(int64_t tile, int outputs, int pad) {
    return tile * outputs - shift(pad);
  }

  STYLEGEN_HD static int64_t first_sample_of(int64_t first_output, int pad) {
    return (first_output * down - pad) / up;  // without a remainder
  }

  STYLEGEN_HD static int64_t tiles(int64_t size, int outputs, int pad) {
    return (size + shift(pad) + outputs - 1) / outputs;
  }
};

// Planes of cells: the samples of N (channels_last) or of N and C together (contiguous).
struct Planes {
  int64_t count, plane, y, x;  // strides in elements
  int64_t cells;               // of a pixel

  Planes(const Layout& l, int vector)
      : count(l.channels_last ? l.batch : l.batch * l.channels),
        plane((l.channels_last ? l.channels : 1) * l.height * l.width),
        y(Strides(l).y),
        x(Strides(l).x),
        cells(l.channels_last ? l.channels / vector : 1) {}
};

// The tiles of a call.
struct Tiling {
  int lanes, strips;             // threads: strips of lanes
  int cells, columns, rows;      // outputs of a tile: rows of columns of cells
  int in_columns, in_rows;       // its samples
  int64_t cell_tiles, column_tiles, row_tiles;
  Divisor by_lanes, by_cells, by_row;  // by_row: cells of a row of samples

  int samples() const { return in_rows * in_columns * cells; }
};

// Narrow images take fewer lanes, so that none are idle; channels are cut evenly.
template <int up, int down>
Tiling tiling(const Planes& planes, const Layout& out, int pad_y, int pad_x) {
  using Shape = TileShape<up, down>;
  using Axis = TileAxis<up, down>;
  Tiling t;
  const int64_t parts = (planes.cells + Shape::cells - 1) / Shape::cells;
  t.cells = static_cast<int>((planes.cells + parts - 1) / parts);
  t.lanes = planes.cells > 1 ? Shape::lanes : (out.width > 32 ? 64 : 32);
  t.strips = kThreads / t.lanes;
  t.columns = t.lanes / t.cells / up * up;
  t.rows = t.strips * Shape::rows;
  t.in_columns = Axis::samples(t.columns);
  t.in_rows = Axis::samples(t.rows);
  t.cell_tiles = parts;
  t.column_tiles = Axis::tiles(out.width, t.columns, pad_x);
  t.row_tiles = Axis::tiles(out.height, t.rows, pad_y);
  t.by_lanes = Divisor(t.lanes);
  t.by_cells = Divisor(t.cells);
  t.by_row = Divisor(int64_t(t.in_columns) * t.cells);
  return t;
}

}  // namespace stylegen
