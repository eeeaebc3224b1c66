// The gradient of a convolution by its weight on the CPU, as small matrix products.
//
//     dw[o, ky, kx, i] = sum over n, yo, xo of dy[n, yo, xo, o] x[n, yo s + ky - p, xo s + kx - p, i]
//
// Along x, write kx - p = s q + r with 0 <= r < s: then x s-th samples from r on, j = xo + q, meet
// dy at xo = j - q. So for each row of dy and each tap one product adds to dw, of dy's row
// transposed (O, J), zero beyond its ends, by every s-th pixel of a row of x (J, I). No patches are
// laid out, and nothing is computed twice. Torch's block matrix product does the arithmetic.
//
// For strides above 1, where torch's own way is up to twice as slow.

#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <vector>

#include "kernels.h"
#include "loops.h"

namespace stylegen {
namespace {

constexpr int64_t kMostBlockO = 256, kBlockI = 64;  // of dw: 9 taps of a block stay in the cache
constexpr int64_t kLeastBlockO = 32;

int64_t floor_divide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// How the rows lie in the packed copies.
struct Plan {
  const WeightGradient& g;
  int64_t q_least, q_most, samples, columns;

  explicit Plan(const WeightGradient& g_)
      : g(g_),
        q_least(floor_divide(-g_.padding, g_.stride)),
        q_most(floor_divide(g_.taps - 1 - g_.padding, g_.stride)),
        samples((g_.width + g_.stride - 1) / g_.stride),
        columns(samples - q_least + std::max<int64_t>(q_most, 0)) {}

  // The column of dy's row, packed, that sample 0 meets at this tap.
  int64_t column(int64_t q) const { return std::max<int64_t>(q_most, 0) - q; }
};

// dy as rows (N Ho, O, columns): sample xo lies in column q_most + xo, all others are zero.
std::vector<float> transposed_rows(const Plan& plan, const float* dy) {
  const WeightGradient& g = plan.g;
  const int64_t rows = g.batch * g.out_height, row_size = g.out_channels * plan.columns;
  std::vector<float> packed(rows * row_size, 0.f);
  in_parallel(rows, row_size, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t x = 0; x < g.out_width; ++x) {
        const float* __restrict from = dy + (row * g.out_width + x) * g.out_channels;
        float* __restrict to = packed.data() + row * row_size + plan.column(-x);
        for (int64_t o = 0; o < g.out_channels; ++o) to[o * plan.columns] = from[o];
      }
  });
  return packed;
}

// How many samples of phase r a row of x has.
int64_t samples_of(const WeightGradient& g, int64_t r) {
  return (g.width - r + g.stride - 1) / g.stride;
}

// Adds up all taps of a block of dw: sums (taps, taps, block_o, block_i).
void add_block(const Plan& plan, const float* dy, const float* x, int64_t o, int64_t i,
               int64_t block_o, int64_t block_i, float* sums) {
  const WeightGradient& g = plan.g;
  const int64_t pixel = g.in_channels, row_of_x = g.width * pixel;
  for (int64_t row = 0; row < g.batch * g.out_height; ++row) {
    const int64_t n = row / g.out_height, yo = row - n * g.out_height;
    const float* a = dy + (row * g.out_channels + o) * plan.columns;
    for (int64_t ky = 0; ky < g.taps; ++ky) {
      const int64_t y = yo * g.stride + ky - g.padding;
      if (y < 0 || y >= g.height) continue;
      const float* b = x + (n * g.height + y) * row_of_x + i;
      for (int64_t kx = 0; kx < g.taps; ++kx) {
        const int64_t q = floor_divide(kx - g.padding, g.stride);
        const int64_t r = kx - g.padding - q * g.stride;
        const int64_t samples = samples_of(g, r);
        if (samples == 0) continue;
        at::native::cpublas::brgemm(block_o, block_i, samples, plan.columns, g.stride * pixel,
                                    block_i, true, a + plan.column(q), b + r * pixel,
                                    sums + (ky * g.taps + kx) * block_o * block_i);
      }
    }
  }
}

void write_block(const WeightGradient& g, const float* sums, int64_t o, int64_t i, int64_t block_o,
                 int64_t block_i, float* dw) {
  const int64_t taps = g.taps * g.taps;
  for (int64_t tap = 0; tap < taps; ++tap)
    for (int64_t row = 0; row < block_o; ++row) {
      const float* from = sums + (tap * block_o + row) * block_i;
      std::copy(from, from + block_i, dw + ((o + row) * taps + tap) * g.in_channels + i);
    }
}

}  // namespace

void weight_gradient(const WeightGradient& g, const float* x, const float* dy, float* dw) {
  const Plan plan(g);
  const std::vector<float> rows = transposed_rows(plan, dy);
  const int64_t blocks_i = (g.in_channels + kBlockI - 1) / kBlockI;
  const int64_t width = block_for_threads(g.out_channels, kMostBlockO, kLeastBlockO, blocks_i);
  const int64_t blocks_o = (g.out_channels + width - 1) / width;
  at::parallel_for(0, blocks_o * blocks_i, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> sums;
    for (int64_t block = begin; block < end; ++block) {
      const int64_t o = block / blocks_i * width, i = block % blocks_i * kBlockI;
      const int64_t block_o = std::min(width, g.out_channels - o);
      const int64_t block_i = std::min(kBlockI, g.in_channels - i);
      sums.assign(g.taps * g.taps * block_o * block_i, 0.f);
      add_block(plan, rows.data(), x, o, i, block_o, block_i, sums.data());
      write_block(g, sums.data(), o, i, block_o, block_i, dw);
    }
    at::native::cpublas::brgemm_release(false);
  });
}

}  // namespace stylegen
