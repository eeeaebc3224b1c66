// upfirdn2d on the CPU.
//
// A filter of rank 1, as every StyleGAN filter is, runs as two passes: the rows of the input that
// an output row needs are filtered along x and kept in a ring, then weighted along y. Others see
// all their taps at once. contiguous images are treated as many images of one channel.

#include <cmath>
#include <vector>

#include "kernels.h"
#include "loops.h"

namespace stylegen {
namespace {

constexpr int64_t kRing = 1 << 17;  // elements of a ring of rows that stays in the cache
constexpr int64_t kLeastBlock = 16;  // channels that are worth a loop

// For each output along an axis: the samples that it sees and the weight of each.
template <typename A>
struct Plan {
  std::vector<TapRange> ranges;
  std::vector<A> weights;  // `most` per output
  int64_t most;
  int64_t inner_begin = 0, inner_end = 0;  // outputs that see all taps, each a sample further on

  Plan(const Axis& axis, int64_t size, const std::vector<A>& taps, bool flip)
      : most((axis.taps + axis.up - 1) / axis.up) {
    for (int64_t o = 0; o < size; ++o) {
      ranges.push_back(tap_range(axis, o));
      const TapRange& range = ranges.back();
      for (int i = 0; i < most; ++i) {
        const int k = range.first_tap + i * axis.up;
        weights.push_back(i < range.count ? taps[flip ? k : axis.taps - 1 - k] : A(0));
      }
    }
    if (axis.up != 1 || axis.down != 1) return;
    while (inner_begin < size && ranges[inner_begin].count < axis.taps) ++inner_begin;
    inner_end = inner_begin;
    while (inner_end < size && ranges[inner_end].count == axis.taps) ++inner_end;
  }

  const A* of(int64_t o) const { return weights.data() + o * most; }
};

// Splits f (taps_y, taps_x) into column and row with f = column * row^T; false if it has rank > 1.
template <typename A>
bool split(const A* f, int64_t taps_y, int64_t taps_x, std::vector<A>& column,
           std::vector<A>& row) {
  const int64_t size = taps_y * taps_x;
  int64_t peak = 0;
  for (int64_t i = 1; i < size; ++i)
    if (std::fabs(f[i]) > std::fabs(f[peak])) peak = i;
  const int64_t py = peak / taps_x, px = peak - py * taps_x;
  const A most = f[peak];
  if (!(std::fabs(most) > A(0))) return false;
  for (int64_t y = 0; y < taps_y; ++y) column.push_back(f[y * taps_x + px]);
  for (int64_t x = 0; x < taps_x; ++x) row.push_back(f[py * taps_x + x] / most);
  const A tolerance = std::fabs(most) * A(sizeof(A) == 4 ? 1e-7 : 1e-15);
  for (int64_t i = 0; i < size; ++i)
    if (!(std::fabs(f[i] - column[i / taps_x] * row[i % taps_x]) <= tolerance)) return false;
  return true;
}

// out[i] = the weighted sum over K rows of x.
template <int K, typename A, typename T, typename U>
void blend_rows(const T* const* rows, const A* weights, int64_t size, U* __restrict out) {
  const T* x[K];
  A w[K];
  for (int k = 0; k < K; ++k) x[k] = rows[k], w[k] = weights[k];
  for (int64_t i = 0; i < size; ++i) {
    A sum = w[0] * load(x[0][i]);
    for (int k = 1; k < K; ++k) sum += w[k] * load(x[k][i]);
    out[i] = store<U>(sum);
  }
}

// The same for `count` rows, of which row_of(k) is the first element of one.
template <typename A, typename T, typename U, typename RowOf>
void blend(const RowOf& row_of, int count, const A* weights, int64_t size, U* out) {
  const T* rows[4] = {};
  for (int k = 0; k < std::min(count, 4); ++k) rows[k] = row_of(k);
  switch (count) {
    case 0: std::fill(out, out + size, U{}); return;
    case 1: return blend_rows<1>(rows, weights, size, out);
    case 2: return blend_rows<2>(rows, weights, size, out);
    case 3: return blend_rows<3>(rows, weights, size, out);
    case 4: return blend_rows<4>(rows, weights, size, out);
  }
  for (int64_t i = 0; i < size; ++i) {
    A sum = A(0);
    for (int k = 0; k < count; ++k) sum += weights[k] * load(row_of(k)[i]);
    out[i] = store<U>(sum);
  }
}

// One image, or a block of the channels of one: pointers to the first sample, strides in elements.
template <typename T>
struct Piece {
  const T* x;
  T* y;
  int64_t channels, in_row, out_row, pixel;
};

template <typename T>
class SeparablePass {
  using A = acc_t<T>;

 public:
  SeparablePass(const Axis& axis_y, const Axis& axis_x, int64_t height, int64_t width,
                const std::vector<A>& column, const std::vector<A>& row, bool flip)
      : plan_y_(axis_y, height, column, flip),
        plan_x_(axis_x, width, row, flip),
        height_(height),
        width_(width) {}

  void run(const Piece<T>& p) const {
    const int64_t row_size = width_ * p.channels, most = plan_y_.most;
    std::vector<A> ring(most * row_size);
    std::vector<int64_t> held(most, -1);
    for (int64_t oy = 0; oy < height_; ++oy) {
      const TapRange range = plan_y_.ranges[oy];
      for (int64_t s = range.first_sample; s < range.first_sample + range.count; ++s) {
        if (held[s % most] == s) continue;
        filter_row(p, p.x + s * p.in_row, ring.data() + s % most * row_size);
        held[s % most] = s;
      }
      write_row(p, range, plan_y_.of(oy), ring.data(), p.y + oy * p.out_row);
    }
  }

 private:
  // Filters a row of the input along x.
  void filter_row(const Piece<T>& p, const T* row, A* to) const {
    if (p.channels == 1) return filter_plain_row(row, p.pixel, to);
    for (int64_t ox = 0; ox < width_; ++ox) {
      const TapRange& range = plan_x_.ranges[ox];
      const T* first = row + range.first_sample * p.pixel;
      blend<A, T>([&](int k) { return first + k * p.pixel; }, range.count, plan_x_.of(ox),
                  p.channels, to + ox * p.channels);
    }
  }

  // The same for one channel: what lies between the edges of a contiguous row in one go.
  void filter_plain_row(const T* row, int64_t pixel, A* to) const {
    const int64_t begin = plan_x_.inner_begin, end = pixel == 1 ? plan_x_.inner_end : begin;
    if (begin < end) {
      const T* first = row + plan_x_.ranges[begin].first_sample;
      blend<A, T>([&](int k) { return first + k; }, plan_x_.ranges[begin].count,
                  plan_x_.of(begin), end - begin, to + begin);
    }
    for (int64_t ox = 0; ox < width_; ++ox) {
      if (ox == begin && begin < end) ox = end;
      if (ox == width_) break;
      const TapRange& range = plan_x_.ranges[ox];
      A sum = A(0);
      for (int k = 0; k < range.count; ++k)
        sum += plan_x_.of(ox)[k] * load(row[(range.first_sample + k) * pixel]);
      to[ox] = sum;
    }
  }

  // Weights the rows of the ring along y; where a piece has all channels, as one long row.
  void write_row(const Piece<T>& p, const TapRange& range, const A* weights, const A* ring,
                 T* to) const {
    const int64_t row_size = width_ * p.channels;
    const int64_t run = p.pixel == p.channels ? row_size : p.channels;
    for (int64_t i = 0, at = 0; i < row_size; i += run, at += p.pixel) {
      const auto row_of = [&](int k) {
        return ring + (range.first_sample + k) % plan_y_.most * row_size + i;
      };
      blend<A, A>(row_of, range.count, weights, run, to + at);
    }
  }

  Plan<A> plan_y_, plan_x_;
  int64_t height_, width_;
};

// Cuts the tensor into pieces and calls run(piece) for each, in parallel.
template <typename T, typename Run>
void each_piece(const T* x, const Layout& in, T* y, const Layout& out, const Run& run) {
  const Strides from(in), to(out);
  const int64_t fits = std::max<int64_t>(64, kRing / (4 * out.width));
  const int64_t block =
      in.channels_last ? block_for_threads(in.channels, fits, kLeastBlock, in.batch) : 1;
  const int64_t blocks = (in.channels + block - 1) / block;
  in_parallel(in.batch * blocks, out.height * out.width * block, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / blocks, c = (i - n * blocks) * block;
      run(Piece<T>{x + n * from.n + c * from.c, y + n * to.n + c * to.c,
                   std::min(block, in.channels - c), from.y, to.y, from.x});
    }
  });
}

template <typename T>
void direct(const Piece<T>& p, const acc_t<T>* f, const Axis& axis_y, const Axis& axis_x,
            const Layout& out, bool flip) {
  const auto widen = [](T v) { return load(v); };
  for (int64_t oy = 0; oy < out.height; ++oy)
    for (int64_t ox = 0; ox < out.width; ++ox)
      for (int64_t c = 0; c < p.channels; ++c)
        p.y[oy * p.out_row + ox * p.pixel + c] = store<T>(filtered_sample(
            p.x + c, p.in_row, p.pixel, f, axis_y, axis_x, oy, ox, flip, widen));
}

}  // namespace

void upfirdn2d(Type type, const void* x, const Layout& in, const void* f, const Axis& axis_y,
               const Axis& axis_x, bool flip, void* y, const Layout& out) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    using A = acc_t<T>;
    const T* from = static_cast<const T*>(x);
    const A* taps = static_cast<const A*>(f);
    std::vector<A> column, row;
    if (split(taps, axis_y.taps, axis_x.taps, column, row)) {
      const SeparablePass<T> pass(axis_y, axis_x, out.height, out.width, column, row, flip);
      each_piece(from, in, static_cast<T*>(y), out, [&](const Piece<T>& p) { pass.run(p); });
    } else {
      each_piece(from, in, static_cast<T*>(y), out, [&](const Piece<T>& p) {
        direct(p, taps, axis_y, axis_x, out, flip);
      });
    }
  });
}

}  // namespace stylegen
