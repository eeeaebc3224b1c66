// The backward pass of the epilogue: dx, and the sums over pixels and over channels, in one pass.
//
// A sample is a matrix in memory: rows of `fast` elements (channels_last: a row for each pixel, of
// channels; contiguous: a row for each channel, of pixels). A block takes a piece of it: `lanes`
// threads side by side, each with a vector of V columns that stays its own, and `groups` of them
// one above the other, which step down the rows. Sums down the columns thus grow in registers, and
// end in one partial sum for each piece; sums along the rows go through shared memory, a chunk of
// rows at a time. The partial sums are added up afterwards. Every sum has a fixed order.

#pragma once

#include <type_traits>

#include "../epilogue.h"
#include "../layout.h"
#include "vectors.h"

namespace stylegen {

// How a matrix for each sample is cut into pieces.
struct Pieces {
  static constexpr int kSteps = 8;           // rows of a thread in a chunk
  static constexpr int kMostLanes = 128;
  static constexpr int64_t kWanted = 2048;   // pieces in all: some for each multiprocessor
  static constexpr int kShares = kThreads * kSteps * 3 / 2;  // room, most for two lanes: 3 for 2

  int64_t batch, fast, slow;    // elements of a row, rows
  int lanes, groups;            // threads
  int64_t fast_pieces;          // of lanes * vector columns
  int64_t slow_pieces, chunks;  // of chunks * chunk_rows() rows

  Pieces(const Layout& l, int vector) : batch(l.batch) {
    const int64_t area = l.height * l.width;
    fast = l.channels_last ? l.channels : area;
    slow = l.channels_last ? area : l.channels;
    const int64_t columns = fast / vector;
    fast_pieces = (columns + kMostLanes - 1) / kMostLanes;
    lanes = static_cast<int>((columns + fast_pieces - 1) / fast_pieces);
    groups = kThreads / lanes;
    const int64_t all = (slow + chunk_rows() - 1) / chunk_rows();
    const int64_t most = kWanted / (batch * fast_pieces);
    const int64_t wanted = most < 1 ? 1 : (most < all ? most : all);
    chunks = (all + wanted - 1) / wanted;
    slow_pieces = (all + chunks - 1) / chunks;
  }

  STYLEGEN_HD int chunk_rows() const { return groups * kSteps; }

  STYLEGEN_HD int64_t count() const { return batch * fast_pieces * slow_pieces; }
};

// The layout tells which sums are of columns: channels_last has dscale and dbias there and dnoise
// of rows, contiguous the other way round. V: 1, or kWide<T> where that divides a row.
template <typename T, int V, bool channels_last>
struct EpilogueBackward {
  using A = acc_t<T>;
  static constexpr int kSteps = Pieces::kSteps;
  static constexpr int kOfPixels = 2;  // sums over pixels: of dz, and of dz * x
  static constexpr int kOfColumns = channels_last ? kOfPixels : 1;
  static constexpr int kOfRows = channels_last ? 1 : kOfPixels;

  union Shared {
    A rows[kOfRows][Pieces::kShares];
    A columns[kOfColumns][kThreads * V];
  };

  // A thread's sums down its columns.
  struct Own {
    A sums[kOfColumns][V];
  };

  BiasAct<A> p;
  Pieces pieces;
  const T *dout, *out, *x;  // x null: no dscale
  const A* scale;  // null: 1
  T* dx;
  A *of_columns[kOfColumns], *of_rows[kOfRows];  // null: not wanted

  // Of the partial sums, of_pixels are the bias's and the scale's, and of_channels the noise's.
  EpilogueBackward(const BiasAct<A>& params, const Layout& l, const T* given, const T* saved,
                   const T* in, const A* factors, T* gradient, A* const (&of_pixels)[2],
                   A* of_channels)
      : p(params), pieces(l, V), dout(given), out(saved), x(in), scale(factors), dx(gradient) {
    A** sums_of_pixels = channels_last ? of_columns : of_rows;
    sums_of_pixels[0] = of_pixels[0];
    sums_of_pixels[1] = of_pixels[1];
    (channels_last ? of_rows : of_columns)[0] = of_channels;
  }

  STYLEGEN_HD int64_t blocks() const { return pieces.count(); }

  // For each chunk its elements and its rows' sums, then the columns' sums, laid out and added.
  STYLEGEN_HD int phases(int64_t) const { return static_cast<int>(2 * pieces.chunks + 2); }

  // Where a thread of a block works.
  struct Place {
    int64_t n, fast_piece, slow_piece, column, row;
    int lane, group;
    bool used;
  };

  STYLEGEN_HD Place place(int64_t block, int thread) const {
    Place at;
    const int64_t rest = divide(block, pieces.fast_pieces);
    at.fast_piece = block - rest * pieces.fast_pieces;
    at.n = divide(rest, pieces.slow_pieces);
    at.slow_piece = rest - at.n * pieces.slow_pieces;
    at.group = thread / pieces.lanes;
    at.lane = thread - at.group * pieces.lanes;
    at.column = (at.fast_piece * pieces.lanes + at.lane) * V;
    at.row = at.slow_piece * pieces.chunks * pieces.chunk_rows();
    at.used = at.group < pieces.groups && at.column < pieces.fast;
    return at;
  }

  // One vector: dx, additions to the sums of its columns, and into `sums` those along its row.
  STYLEGEN_HD void vector(const Place& at, int64_t row, Own& own, A (&sums)[kOfRows]) const {
    const int64_t i = (at.n * pieces.slow + row) * pieces.fast + at.column;
    const Pack<T, V> douts = read<V>(dout + i), outs = read<V>(out + i);
    Pack<T, V> xs = {}, dxs;
    if (x != nullptr) xs = read<V>(x + i);
    A factors[V];
    scales(at, row, factors);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const A dz = backward_lrelu(p, load(douts.at[v]), load(outs.at[v]));
      dxs.at[v] = store<T>(dz * factors[v]);
      const A terms[2] = {dz, dz * load(xs.at[v])};
#pragma unroll
      for (int k = 0; k < kOfColumns; ++k) own.sums[k][v] += terms[k];
#pragma unroll
      for (int k = 0; k < kOfRows; ++k) sums[k] += terms[k];
    }
    write(dx + i, dxs);
  }

  STYLEGEN_HD void scales(const Place& at, int64_t row, A (&factors)[V]) const {
    Pack<A, V> pack;
    const int64_t channel = channels_last ? at.column : row;
    const int64_t channels = channels_last ? pieces.fast : pieces.slow;
    const A* from = scale == nullptr ? nullptr : scale + at.n * channels + channel;
    if (from != nullptr && channels_last) pack = read<V>(from);
    const A same = from == nullptr ? A(1) : *from;
#pragma unroll
    for (int v = 0; v < V; ++v)
      factors[v] = from != nullptr && channels_last ? pack.at[v] : same;
  }

  // Where in `rows` a lane's share of a chunk's row stands: rows are an odd number of places apart,
  // so that threads that each add up a row read different banks.
  STYLEGEN_HD int share(int row, int lane) const { return row * (pieces.lanes | 1) + lane; }

  STYLEGEN_HD void elements(const Place& at, int64_t first_row, Shared& shared, Own& own) const {
#pragma unroll 2
    for (int step = 0; step < kSteps; ++step) {
      const int row = step * pieces.groups + at.group;
      A sums[kOfRows] = {};
      if (at.used && first_row + row < pieces.slow) vector(at, first_row + row, own, sums);
      if (at.group >= pieces.groups) continue;
#pragma unroll
      for (int k = 0; k < kOfRows; ++k) shared.rows[k][share(row, at.lane)] = sums[k];
    }
  }

  STYLEGEN_HD void row_sums(const Place& at, int64_t first_row, int thread,
                            const Shared& shared) const {
    for (int row = thread; row < pieces.chunk_rows(); row += kThreads) {
      if (first_row + row >= pieces.slow) continue;
#pragma unroll
      for (int k = 0; k < kOfRows; ++k) {
        if (of_rows[k] == nullptr) continue;
        A sum = A(0);
        for (int lane = 0; lane < pieces.lanes; ++lane) sum += shared.rows[k][share(row, lane)];
        const int64_t line = at.n * pieces.fast_pieces + at.fast_piece;
        of_rows[k][line * pieces.slow + first_row + row] = sum;
      }
    }
  }

  STYLEGEN_HD void lay_out(int thread, Shared& shared, const Own& own) const {
#pragma unroll
    for (int k = 0; k < kOfColumns; ++k)
#pragma unroll
      for (int v = 0; v < V; ++v) shared.columns[k][thread * V + v] = own.sums[k][v];
  }

  STYLEGEN_HD void column_sums(const Place& at, int thread, const Shared& shared) const {
    const int width = pieces.lanes * V;
    for (int i = thread; i < width; i += kThreads) {
      const int64_t column = at.fast_piece * width + i;
      if (column >= pieces.fast) continue;
#pragma unroll
      for (int k = 0; k < kOfColumns; ++k) {
        if (of_columns[k] == nullptr) continue;
        A sum = A(0);
        for (int g = 0; g < pieces.groups; ++g) sum += shared.columns[k][g * width + i];
        const int64_t line = at.n * pieces.slow_pieces + at.slow_piece;
        of_columns[k][line * pieces.fast + column] = sum;
      }
    }
  }

  STYLEGEN_HD void run(int phase, int64_t block, int thread, Shared& shared, Own& own) const {
    const Place at = place(block, thread);
    const int64_t chunk = phase / 2, first_row = at.row + chunk * pieces.chunk_rows();
    if (phase == 0) own = Own{};
    if (chunk < pieces.chunks) {
      if (phase % 2 == 0) elements(at, first_row, shared, own);
      else row_sums(at, first_row, thread, shared);
    } else if (phase % 2 == 0) {
      lay_out(thread, shared, own);
    } else {
      column_sums(at, thread, shared);
    }
  }
};

// The elements of a vector, for a type of so many bytes: whole vectors shall fill a row, else
// single elements are taken, as they are for float64.
inline int epilogue_vector(int bytes, const Layout& l) {
  const int wide = bytes == 8 ? 1 : 16 / bytes;
  const int64_t row = l.channels_last ? l.channels : l.height * l.width;
  return row % wide == 0 ? wide : 1;
}

// Calls run(v, last) with the vector and the layout as numbers that the compiler knows.
template <typename T, typename Run>
void with_epilogue_layout(const Layout& l, const Run& run) {
  constexpr int wide = sizeof(T) == 8 ? 1 : kWide<T>;
  using Wide = std::integral_constant<int, wide>;
  using One = std::integral_constant<int, 1>;
  const bool vectors = epilogue_vector(sizeof(T), l) == wide;
  if (l.channels_last && vectors) run(Wide{}, std::true_type{});
  else if (l.channels_last) run(One{}, std::true_type{});
  else if (vectors) run(Wide{}, std::false_type{});
  else run(One{}, std::false_type{});
}

}  // namespace stylegen
