// The tiled kernel of upfirdn2d, for 4 x 4 taps at up 2, at down 2, and at neither.
//
// Rank 1 or not: for such a filter, two passes of 4 taps take 8 multiplications for an output and
// channel (up 2: 3, down 2: 12) where 16 (4, 16) take twice the time; with 16-bit elements that
// would be as long as the memory needs for them. Every StyleGAN filter has rank 1, but only the
// device knows the taps, and asking it would halt the host. So a small kernel (prepared_filter.h)
// splits the filter and says whether that is exact; this kernel then takes one of two ways, the
// same for all threads. The pass along x goes straight from shared memory to registers, where the
// rows wait that the next outputs along y need.

#pragma once

#include "prepared_filter.h"
#include "sampled_filter.h"
#include "tiles.h"

namespace stylegen {

// V: elements of a cell.
template <typename T, int V, int up, int down>
struct TiledFilter {
  using A = acc_t<T>;
  using Axis = TileAxis<up, down>;
  using Cell = Pack<T, V>;
  static constexpr int kRows = TileShape<up, down>::rows, kSeen = Axis::seen;

  struct Shared {
    Cell samples[TileShape<up, down>::shared];
  };
  struct Own {};

  Tiling tiling;
  Planes in, out;
  int64_t in_height, in_width, out_height, out_width;
  int pad_y, pad_x;
  const T* x;
  const A* prepared;
  T* y;

  explicit TiledFilter(const Filtering<T>& c)
      : tiling(stylegen::tiling<up, down>(Planes(c.out, V), c.out, c.axis_y.pad, c.axis_x.pad)),
        in(c.in, V),
        out(c.out, V),
        in_height(c.in.height),
        in_width(c.in.width),
        out_height(c.out.height),
        out_width(c.out.width),
        pad_y(c.axis_y.pad),
        pad_x(c.axis_x.pad),
        x(c.x),
        prepared(c.prepared),
        y(c.y) {}

  STYLEGEN_HD int64_t blocks() const {
    return out.count * tiling.row_tiles * tiling.column_tiles * tiling.cell_tiles;
  }

  STYLEGEN_HD int phases(int64_t) const { return 2; }

  // The tile of a block: the cells of a pixel vary fastest, then tiles along x, y and planes.
  struct Tile {
    int64_t plane, cell, out_y, out_x, in_y, in_x;
  };

  STYLEGEN_HD Tile tile(int64_t block) const {
    const int64_t columns = divide(block, tiling.cell_tiles);
    const int64_t rows = divide(columns, tiling.column_tiles);
    Tile t;
    t.plane = divide(rows, tiling.row_tiles);
    t.cell = (block - columns * tiling.cell_tiles) * tiling.cells;
    t.out_x = Axis::first_output(columns - rows * tiling.column_tiles, tiling.columns, pad_x);
    t.out_y = Axis::first_output(rows - t.plane * tiling.row_tiles, tiling.rows, pad_y);
    t.in_x = Axis::first_sample_of(t.out_x, pad_x);
    t.in_y = Axis::first_sample_of(t.out_y, pad_y);
    return t;
  }

  // Sample i of a tile, zero outside of the image.
  STYLEGEN_HD Cell sample(const Tile& t, const T* plane, int i) const {
    const int row = tiling.by_row.small(i);
    const int rest = i - row * tiling.in_columns * tiling.cells;
    const int column = tiling.by_cells.small(rest);
    const int64_t at_y = t.in_y + row, at_x = t.in_x + column;
    const int64_t cell = t.cell + rest - column * tiling.cells;
    if (at_y < 0 || at_y >= in_height || at_x < 0 || at_x >= in_width || cell >= in.cells)
      return Cell{};
    return read<V>(plane + at_y * in.y + at_x * in.x + cell * V);
  }

  STYLEGEN_HD void copy(const Tile& t, int thread, Cell* samples) const {
    constexpr int at_once = 4;
    const T* plane = x + t.plane * in.plane;
    const int count = tiling.in_rows * tiling.in_columns * tiling.cells;
    for (int first = thread; first < count; first += at_once * kThreads) {
      Cell cells[at_once];
#pragma unroll
      for (int u = 0; u < at_once; ++u)
        cells[u] = first + u * kThreads < count ? sample(t, plane, first + u * kThreads) : Cell{};
#pragma unroll
      for (int u = 0; u < at_once; ++u)
        if (first + u * kThreads < count) samples[first + u * kThreads] = cells[u];
    }
  }

  // The outputs of a thread lie at column, cell and the rows from `row` on, within the tile.
  struct Place {
    int row, column, cell;
    bool used;
  };

  STYLEGEN_HD Place place(const Tile& t, int thread) const {
    const int strip = tiling.by_lanes.small(thread), lane = thread - strip * tiling.lanes;
    const int column = tiling.by_cells.small(lane), cell = lane - column * tiling.cells;
    const int64_t at_x = t.out_x + column;
    const bool used = column < tiling.columns && at_x >= 0 && at_x < out_width &&
                      t.cell + cell < out.cells;
    return {strip * kRows, column, cell, used};
  }

  // The first cell that the output in this row of the tile sees.
  STYLEGEN_HD const Cell* seen_from(const Cell* samples, const Place& p, int in_row) const {
    const int at = in_row * tiling.in_columns + Axis::first_sample(p.column);
    return samples + at * tiling.cells + p.cell;
  }

  STYLEGEN_HD void put(const Tile& t, const Place& p, int r, const A (&sum)[V]) const {
    const int64_t at_y = t.out_y + p.row + r, at_x = t.out_x + p.column;
    if (at_y < 0 || at_y >= out_height) return;
    Pack<T, V> pack;
#pragma unroll
    for (int v = 0; v < V; ++v) pack.at[v] = store<T>(sum[v]);
    write(y + t.plane * out.plane + at_y * out.y + at_x * out.x + (t.cell + p.cell) * V, pack);
  }

  // The pass along x for one row of samples.
  STYLEGEN_HD void along_x(const Cell* first, const A (&taps)[kSeen], A (&sum)[V]) const {
#pragma unroll
    for (int j = 0; j < kSeen; ++j) {
      const Cell cell = first[j * tiling.cells];
#pragma unroll
      for (int v = 0; v < V; ++v)
        sum[v] = j == 0 ? taps[0] * load(cell.at[v]) : sum[v] + taps[j] * load(cell.at[v]);
    }
  }

  STYLEGEN_HD void in_two_passes(const Tile& t, const Place& p, const Cell* samples) const {
    const Filter4<A> f(prepared);
    A taps_x[kSeen], taps_y[kTaps], rows[Axis::samples(kRows)][V];
    const int tap = Axis::first_tap(p.column);
#pragma unroll
    for (int j = 0; j < kSeen; ++j) taps_x[j] = f.row(tap + j * up);
#pragma unroll
    for (int k = 0; k < kTaps; ++k) taps_y[k] = f.column(k);
    const Cell* first = seen_from(samples, p, Axis::first_sample(p.row));
#pragma unroll
    for (int k = 0; k < Axis::samples(kRows); ++k) {
      along_x(first + k * tiling.in_columns * tiling.cells, taps_x, rows[k]);
#pragma unroll
      for (int r = 0; r < kRows; ++r)  // the outputs that this row completes
        if (Axis::first_sample(r) + kSeen - 1 == k) along_y(t, p, taps_y, r, rows);
    }
  }

  STYLEGEN_HD void along_y(const Tile& t, const Place& p, const A (&taps)[kTaps], int r,
                           const A (&rows)[Axis::samples(kRows)][V]) const {
    A sum[V];
#pragma unroll
    for (int v = 0; v < V; ++v) {
      sum[v] = taps[Axis::first_tap(r)] * rows[Axis::first_sample(r)][v];
#pragma unroll
      for (int j = 1; j < kSeen; ++j)
        sum[v] += taps[Axis::first_tap(r) + j * up] * rows[Axis::first_sample(r) + j][v];
    }
    put(t, p, r, sum);
  }

  STYLEGEN_HD void at_once(const Tile& t, const Place& p, const Cell* samples) const {
    const Filter4<A> f(prepared);
    const int tap_x = Axis::first_tap(p.column);
#pragma unroll 1
    for (int r = 0; r < kRows; ++r) {
      const Cell* first = seen_from(samples, p, Axis::first_sample(p.row + r));
      A sum[V] = {};
#pragma unroll 1
      for (int i = 0; i < kSeen; ++i)
#pragma unroll
        for (int j = 0; j < kSeen; ++j) {
          const A tap = f.tap(Axis::first_tap(r) + i * up, tap_x + j * up);
          const Cell cell = first[(i * tiling.in_columns + j) * tiling.cells];
#pragma unroll
          for (int v = 0; v < V; ++v) sum[v] += tap * load(cell.at[v]);
        }
      put(t, p, r, sum);
    }
  }

  STYLEGEN_HD void run(int phase, int64_t block, int thread, Shared& shared, Own&) const {
    const Tile t = tile(block);
    if (phase == 0) return copy(t, thread, shared.samples);
    const Place p = place(t, thread);
    if (!p.used) return;
    if (Filter4<A>(prepared).separable()) in_two_passes(t, p, shared.samples);
    else at_once(t, p, shared.samples);
  }
};

}  // namespace stylegen
