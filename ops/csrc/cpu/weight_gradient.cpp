// The gradient of a convolution by its weight on the CPU, as small matrix products.
//
//     dw[o, ky, kx, i] = sum over n, yo, xo of dy[n, yo, xo, o] x[n, yo s + ky - p, xo s + kx - p, i]
//
// Along x, write kx - p = s q + r with 0 <= r < s: then x s-th samples from r on, j = xo + q, meet
// dy at xo = j - q. So for each row of dy and each tap one product adds to dw, of dy's row
// transposed (O, J), zero beyond its ends, by every s-th pixel of a row of x (J, I). No patches are
// laid out, and nothing is computed twice; sums are float32.
//
// Torch's block matrix product does the arithmetic; in bfloat16 it takes pairs of rows interleaved.

#include <ATen/native/CPUBlas.h>
#include <c10/util/BFloat16.h>

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
  int64_t q_least, q_most, columns, samples;

  explicit Plan(const WeightGradient& g_)
      : g(g_),
        q_least(floor_divide(-g_.padding, g_.stride)),
        q_most(floor_divide(g_.taps - 1 - g_.padding, g_.stride)),
        samples((g_.width + g_.stride - 1) / g_.stride) {
    samples += samples % 2;  // an even number, for pairs
    columns = samples - q_least + std::max<int64_t>(q_most, 0);
  }

  // The column of dy's row, packed, that sample 0 meets at this tap.
  int64_t column(int64_t q) const { return std::max<int64_t>(q_most, 0) - q; }
};

// dy as rows (N Ho, O, columns): sample xo lies in column q_most + xo, all others are zero.
template <typename T>
std::vector<T> transposed_rows(const Plan& plan, const T* dy) {
  const WeightGradient& g = plan.g;
  const int64_t rows = g.batch * g.out_height, row_size = g.out_channels * plan.columns;
  std::vector<T> packed(rows * row_size, T{});
  in_parallel(rows, row_size, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t x = 0; x < g.out_width; ++x) {
        const T* __restrict from = dy + (row * g.out_width + x) * g.out_channels;
        T* __restrict to = packed.data() + row * row_size + plan.column(-x);
        for (int64_t o = 0; o < g.out_channels; ++o) to[o * plan.columns] = from[o];
      }
  });
  return packed;
}

// x as rows (N H, stride, samples / 2, I, 2): of each row every stride-th pixel, in pairs.
std::vector<BFloat16> paired_rows(const Plan& plan, const BFloat16* x) {
  const WeightGradient& g = plan.g;
  const int64_t rows = g.batch * g.height, row_size = g.stride * plan.samples * g.in_channels;
  std::vector<BFloat16> packed(rows * row_size, BFloat16{});
  in_parallel(rows, row_size, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t column = 0; column < g.width; ++column) {
        const int64_t j = column / g.stride, r = column - j * g.stride;
        const BFloat16* __restrict from = x + (row * g.width + column) * g.in_channels;
        BFloat16* __restrict to = packed.data() + row * row_size +
                                  (r * plan.samples + j - j % 2) * g.in_channels + j % 2;
        for (int64_t i = 0; i < g.in_channels; ++i) to[2 * i] = from[i];
      }
  });
  return packed;
}

// A row of x as the product reads it: where sample 0 of phase r lies, and the distance of samples.
struct RowsOfX {
  const void* x;
  int64_t row_size, phase_size, sample_size;
};

void multiply(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
              int64_t ldb, float* c) {
  at::native::cpublas::brgemm(m, n, k, lda, ldb, n, true, a, b, c);
}

void multiply(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t lda, const BFloat16* b,
              int64_t ldb, float* c) {
  at::native::cpublas::brgemm(m, n, k, lda, ldb, n, true,
                              reinterpret_cast<const at::BFloat16*>(a),
                              reinterpret_cast<const at::BFloat16*>(b), c);
}

// How many samples of phase r a row of x has; the pairs of bfloat16 are filled up with zeros.
template <typename T>
int64_t samples_of(const Plan& plan, int64_t r) {
  if (sizeof(T) == 2) return plan.samples;
  return (plan.g.width - r + plan.g.stride - 1) / plan.g.stride;
}

// Adds up all taps of a block of dw: sums (taps, taps, block_o, block_i).
template <typename T>
void add_block(const Plan& plan, const T* dy, const RowsOfX& rows, int64_t o, int64_t i,
               int64_t block_o, int64_t block_i, float* sums) {
  const WeightGradient& g = plan.g;
  const int64_t per_sample = sizeof(T) == 2 ? 2 : 1;
  for (int64_t row = 0; row < g.batch * g.out_height; ++row) {
    const int64_t n = row / g.out_height, yo = row - n * g.out_height;
    const T* a = dy + (row * g.out_channels + o) * plan.columns;
    for (int64_t ky = 0; ky < g.taps; ++ky) {
      const int64_t y = yo * g.stride + ky - g.padding;
      if (y < 0 || y >= g.height) continue;
      const T* b = static_cast<const T*>(rows.x) + (n * g.height + y) * rows.row_size;
      for (int64_t kx = 0; kx < g.taps; ++kx) {
        const int64_t q = floor_divide(kx - g.padding, g.stride);
        const int64_t r = kx - g.padding - q * g.stride;
        const int64_t samples = samples_of<T>(plan, r);
        if (samples == 0) continue;
        multiply(block_o, block_i, samples, a + plan.column(q), plan.columns,
                 b + r * rows.phase_size + i * per_sample, rows.sample_size,
                 sums + (ky * g.taps + kx) * block_o * block_i);
      }
    }
  }
}

template <typename T>
void write_block(const WeightGradient& g, const float* sums, int64_t o, int64_t i, int64_t block_o,
                 int64_t block_i, T* dw) {
  const int64_t taps = g.taps * g.taps;
  for (int64_t tap = 0; tap < taps; ++tap)
    for (int64_t row = 0; row < block_o; ++row) {
      const float* __restrict from = sums + (tap * block_o + row) * block_i;
      T* __restrict to = dw + ((o + row) * taps + tap) * g.in_channels + i;
      for (int64_t c = 0; c < block_i; ++c) to[c] = store<T>(from[c]);
    }
}

template <typename T>
void weight_gradient(const Plan& plan, const T* dy, const RowsOfX& rows, T* dw) {
  const WeightGradient& g = plan.g;
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
      add_block(plan, dy, rows, o, i, block_o, block_i, sums.data());
      write_block(g, sums.data(), o, i, block_o, block_i, dw);
    }
    at::native::cpublas::brgemm_release(sizeof(T) == 2);
  });
}

}  // namespace

void weight_gradient(Type type, const WeightGradient& g, const void* x, const void* dy, void* dw) {
  const Plan plan(g);
  if (type == Type::bfloat16) {
    const auto a = transposed_rows(plan, static_cast<const BFloat16*>(dy));
    const auto b = paired_rows(plan, static_cast<const BFloat16*>(x));
    const int64_t phase = plan.samples * g.in_channels;
    weight_gradient(plan, a.data(), {b.data(), g.stride * phase, phase, g.in_channels},
                    static_cast<BFloat16*>(dw));
  } else {
    const auto a = transposed_rows(plan, static_cast<const float*>(dy));
    weight_gradient(plan, a.data(),
                    {x, g.width * g.in_channels, g.in_channels, g.stride * g.in_channels},
                    static_cast<float*>(dw));
  }
}

}  // namespace stylegen
