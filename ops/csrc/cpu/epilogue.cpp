// The epilogue on the CPU: what follows a convolution, in one pass over the activation.
//
// Sums over pixels and channels are taken over pieces of a fixed size, then over the pieces in
// order, so that they do not depend on the number of threads.

#include "../epilogue.h"

#include <vector>

#include "kernels.h"
#include "loops.h"

namespace stylegen {
namespace {

constexpr int64_t kPiece = 1 << 15;  // elements of a piece

template <typename A>
struct Terms {
  const A *scale, *noise, *b;
  bool noise_per_sample;

  explicit Terms(const EpilogueTerms& t)
      : scale(static_cast<const A*>(t.scale)),
        noise(static_cast<const A*>(t.noise)),
        b(static_cast<const A*>(t.b)),
        noise_per_sample(t.noise_per_sample) {}

  A noise_at(int64_t n, int64_t pixel, int64_t area) const {
    return noise == nullptr ? A(0) : noise[(noise_per_sample ? n * area : 0) + pixel];
  }
};

// A row of channels with the values that stand in for missing terms.
template <typename A>
std::vector<A> filled(int64_t channels, A value) {
  return std::vector<A>(static_cast<size_t>(channels), value);
}

// Q gives the parameters: called in the innermost loop, so that the compiler knows them.
template <typename T, typename Q>
void forward_channels_last(const Q& q, const Layout& l, const Terms<acc_t<T>>& terms, const T* x,
                           T* out) {
  using A = acc_t<T>;
  const int64_t area = l.height * l.width, channels = l.channels;
  const auto ones = filled<A>(channels, A(1)), zeros = filled<A>(channels, A(0));
  in_parallel(l.batch * area, channels, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t n = row / area;
      const A* __restrict scale = terms.scale ? terms.scale + n * channels : ones.data();
      const A* __restrict b = terms.b ? terms.b : zeros.data();
      const A noise = terms.noise_at(n, row - n * area, area);
      const T* __restrict in = x + row * channels;
      T* __restrict to = out + row * channels;
      for (int64_t c = 0; c < channels; ++c)
        to[c] = store<T>(epilogue(q(), load(in[c]), scale[c], noise, b[c]));
    }
  });
}

template <typename T, typename Q>
void forward_contiguous(const Q& q, const Layout& l, const Terms<acc_t<T>>& terms, const T* x,
                        T* out) {
  using A = acc_t<T>;
  const int64_t area = l.height * l.width;
  const auto zeros = filled<A>(terms.noise ? 0 : area, A(0));
  in_parallel(l.batch * l.channels, area, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const int64_t n = plane / l.channels, c = plane - n * l.channels;
      const A scale = terms.scale ? terms.scale[plane] : A(1), b = terms.b ? terms.b[c] : A(0);
      const A* __restrict noise =
          terms.noise ? terms.noise + (terms.noise_per_sample ? n * area : 0) : zeros.data();
      const T* __restrict in = x + plane * area;
      T* __restrict to = out + plane * area;
      for (int64_t i = 0; i < area; ++i)
        to[i] = store<T>(epilogue(q(), load(in[i]), scale, noise[i], b));
    }
  });
}

// The tensors of a backward pass; x and scale may be null.
template <typename T>
struct Saved {
  const T *dout, *out, *x;
  const acc_t<T>* scale;
};

template <typename T>
struct Gradients {
  T* dx;
  acc_t<T> *dscale, *dnoise, *db;

  explicit Gradients(const EpilogueGradients& g)
      : dx(static_cast<T*>(g.dx)),
        dscale(static_cast<acc_t<T>*>(g.dscale)),
        dnoise(static_cast<acc_t<T>*>(g.dnoise)),
        db(static_cast<acc_t<T>*>(g.db)) {}
};

// The sum of a row; several partial sums let it vectorise.
template <typename A>
A total(const A* __restrict row, int64_t size) {
  A sum = A(0);
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < size; ++i) sum += row[i];
  return sum;
}

// to[i] += x[i], or x[i] * y[i].
template <typename A>
void add_row(const A* __restrict x, int64_t size, A* __restrict to) {
  for (int64_t i = 0; i < size; ++i) to[i] += x[i];
}

template <typename A, typename T>
void add_products(const A* __restrict x, const T* __restrict y, int64_t size, A* __restrict to) {
  for (int64_t i = 0; i < size; ++i) to[i] += x[i] * load(y[i]);
}

// dz and dx of a row of channels.
template <typename T, typename Q>
void backward_row(const Q& q, const T* __restrict dout, const T* __restrict out, int64_t size,
                  const acc_t<T>* __restrict scale, acc_t<T>* __restrict dz, T* __restrict dx) {
  for (int64_t i = 0; i < size; ++i) {
    dz[i] = epilogue_slope_times(q(), load(dout[i]), load(out[i]));
    dx[i] = store<T>(dz[i] * scale[i]);
  }
}

// Pieces of pixels of one sample each.
struct Pieces {
  int64_t pixels, per_sample, count;

  Pieces(const Layout& l, int64_t area)
      : pixels(std::max<int64_t>(1, std::min(area, kPiece / l.channels))),
        per_sample((area + pixels - 1) / pixels),
        count(l.batch * per_sample) {}
};

// target[row, :] = the sum over the row's `each` partial sums, which lie `stride` apart.
template <typename A>
void add_up(const A* partial, int64_t stride, int64_t rows, int64_t each,
            int64_t channels, A* target) {
  in_parallel(rows, each * channels, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      A* __restrict to = target + row * channels;
      std::fill(to, to + channels, A(0));
      for (int64_t i = 0; i < each; ++i) {
        const A* __restrict from = partial + (row * each + i) * stride;
        for (int64_t c = 0; c < channels; ++c) to[c] += from[c];
      }
    }
  });
}

// Where a piece adds up what it sees, and its scratch row.
template <typename A>
struct Sums {
  A *dscale, *db;
  std::vector<A> dz;
};

template <typename T, typename Q>
void backward_pixel(const Q& q, int64_t channels, const Saved<T>& s, int64_t row,
                    const acc_t<T>* scale, const Gradients<T>& g, Sums<acc_t<T>>& sums) {
  const int64_t at = row * channels;
  backward_row(q, s.dout + at, s.out + at, channels, scale, sums.dz.data(), g.dx + at);
  if (g.dscale) add_products(sums.dz.data(), s.x + at, channels, sums.dscale);
  if (g.db) add_row(sums.dz.data(), channels, sums.db);
  if (g.dnoise) g.dnoise[row] = total(sums.dz.data(), channels);
}

template <typename T, typename Q>
void backward_channels_last(const Q& q, const Layout& l, const Saved<T>& s,
                            const Gradients<T>& g) {
  using A = acc_t<T>;
  const int64_t area = l.height * l.width, channels = l.channels;
  const Pieces pieces(l, area);
  const auto ones = filled<A>(channels, A(1));
  auto parts = filled<A>(pieces.count * 2 * channels, A(0));  // of each piece: dscale, db
  in_parallel(pieces.count, pieces.pixels * channels, [&](int64_t begin, int64_t end) {
    Sums<A> sums{nullptr, nullptr, filled<A>(channels, A(0))};
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t n = piece / pieces.per_sample;
      const int64_t first = (piece - n * pieces.per_sample) * pieces.pixels;
      const int64_t last = std::min(first + pieces.pixels, area);
      sums.dscale = parts.data() + piece * 2 * channels;
      sums.db = sums.dscale + channels;
      for (int64_t pixel = first; pixel < last; ++pixel)
        backward_pixel(q, channels, s, n * area + pixel,
                       s.scale ? s.scale + n * channels : ones.data(), g, sums);
    }
  });
  if (g.dscale)
    add_up(parts.data(), 2 * channels, l.batch, pieces.per_sample, channels, g.dscale);
  if (g.db) add_up(parts.data() + channels, 2 * channels, 1, pieces.count, channels, g.db);
}

// One plane of a contiguous image; sums gives the plane's two numbers.
template <typename T, typename Q>
void backward_plane(const Q& q, int64_t area, const Saved<T>& s, int64_t plane,
                    const Gradients<T>& g, Sums<acc_t<T>>& sums) {
  using A = acc_t<T>;
  const int64_t at = plane * area;
  const auto scales = filled<A>(area, s.scale ? s.scale[plane] : A(1));
  A* dz = sums.dz.data();
  backward_row(q, s.dout + at, s.out + at, area, scales.data(), dz, g.dx + at);
  if (g.db) sums.db[plane] = total(dz, area);
  if (!g.dscale) return;
  for (int64_t i = 0; i < area; ++i) dz[i] *= load(s.x[at + i]);
  sums.dscale[plane] = total(dz, area);
}

// dnoise of one sample: a further pass, as the first runs over planes.
template <typename T, typename Q>
void noise_gradient_contiguous(const Q& q, const Layout& l, const Saved<T>& s, acc_t<T>* dnoise) {
  using A = acc_t<T>;
  const int64_t area = l.height * l.width;
  in_parallel(l.batch, l.channels * area, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      A* __restrict to = dnoise + n * area;
      std::fill(to, to + area, A(0));
      for (int64_t c = 0; c < l.channels; ++c) {
        const T* __restrict dout = s.dout + (n * l.channels + c) * area;
        const T* __restrict out = s.out + (n * l.channels + c) * area;
        for (int64_t i = 0; i < area; ++i)
          to[i] += epilogue_slope_times(q(), load(dout[i]), load(out[i]));
      }
    }
  });
}

template <typename T, typename Q>
void backward_contiguous(const Q& q, const Layout& l, const Saved<T>& s, const Gradients<T>& g) {
  using A = acc_t<T>;
  const int64_t area = l.height * l.width, planes = l.batch * l.channels;
  auto db = filled<A>(planes, A(0));
  in_parallel(planes, area, [&](int64_t begin, int64_t end) {
    Sums<A> sums{g.dscale, db.data(), filled<A>(area, A(0))};
    for (int64_t plane = begin; plane < end; ++plane) backward_plane(q, area, s, plane, g, sums);
  });
  if (g.db) add_up(db.data(), l.channels, 1, l.batch, l.channels, g.db);
  if (g.dnoise) noise_gradient_contiguous(q, l, s, g.dnoise);
}

}  // namespace

void epilogue(Type type, const BiasAct<double>& p, const Layout& layout,
              const EpilogueTerms& terms, const void* x, void* out) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(out);
    const Terms<acc_t<T>> typed_terms(terms);
    with_act(typed<T>(p), [&](auto q) {
      if (layout.channels_last) forward_channels_last(q, layout, typed_terms, from, to);
      else forward_contiguous(q, layout, typed_terms, from, to);
    });
  });
}

void epilogue_backward(Type type, const BiasAct<double>& p, const Layout& layout, const void* dout,
                       const void* out, const void* x, const void* scale,
                       const EpilogueGradients& gradients) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    const Saved<T> s{static_cast<const T*>(dout), static_cast<const T*>(out),
                     static_cast<const T*>(x), static_cast<const acc_t<T>*>(scale)};
    const Gradients<T> g(gradients);
    with_act(typed<T>(p), [&](auto q) {
      if (layout.channels_last) backward_channels_last(q, layout, s, g);
      else backward_contiguous(q, layout, s, g);
    });
  });
}

}  // namespace stylegen
