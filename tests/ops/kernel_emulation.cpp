// The CUDA kernels on the host: what a thread does between two barriers is called for one thread
// after the other, block by block, with shared memory that holds NaN. Where the result depends on
// the order of the threads, a barrier is missing: callers compare both orders.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "cuda/bias_act.h"
#include "cuda/elementwise.h"
#include "cuda/epilogue_backward.h"
#include "cuda/epilogue_forward.h"
#include "cuda/filter_choice.h"

using namespace stylegen;  // NOLINT: all of it is used

namespace {

struct Free {
  void operator()(void* p) const { std::free(p); }
};

// Room for `count` of T, all bits set: NaN, as memory that nobody wrote may be.
template <typename T>
std::unique_ptr<T[], Free> unwritten(size_t count) {
  const size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
  void* room = std::aligned_alloc(64, bytes);
  std::memset(room, 0xFF, bytes);
  return std::unique_ptr<T[], Free>(static_cast<T*>(room));
}

template <typename Call>
void each_thread(bool backwards, const Call& call) {
  for (int i = 0; i < kThreads; ++i) call(backwards ? kThreads - 1 - i : i);
}

// launch(): `blocks` of them, fewer than the body wants where it is to go on by itself.
template <typename Body>
void emulate(const Body& body, int64_t blocks, bool backwards) {
  for (int64_t block = 0; block < blocks; ++block)
    each_thread(backwards, [&](int thread) { body(block, blocks, thread); });
}

// launch_phases().
template <typename Body>
void emulate_phases(const Body& body, bool backwards) {
  for (int64_t block = 0; block < body.blocks(); ++block) {
    const auto shared = unwritten<typename Body::Shared>(1);
    const auto own = unwritten<typename Body::Own>(kThreads);
    for (int phase = 0; phase < body.phases(block); ++phase)
      each_thread(backwards, [&](int thread) {
        body.run(phase, block, thread, shared[0], own[thread]);
      });
  }
}

struct BiasActCall {
  double alpha, gain, clamp;
  int64_t inner, channels, size, blocks;
  int act;
};

template <typename T, typename Op, typename... In>
void emulate_elements(const BiasActCall& c, const Op& op, bool backwards, T* out, In... in) {
  const Elementwise<T, Op> body{op, {in...}, out, c.size};
  emulate(body, c.blocks ? c.blocks : body.blocks(), backwards);
}

// order: 0 forward, 1 backward, 2 second backward.
template <typename T>
void bias_act(int order, const BiasActCall& c, const acc_t<T>* b, const T* ddx, const T* dy,
              const T* x, T* out, bool backwards) {
  const BiasAct<double> params{static_cast<Act>(c.act), c.alpha, c.gain, c.clamp};
  const Bias<acc_t<T>> bias(b, c.inner, c.channels, kWide<T>);
  with_act<T>(params, [&](const auto& p) {
    using P = std::decay_t<decltype(p)>;
    if (order == 0) emulate_elements(c, Forward<T, P>(bias, p), backwards, out, x);
    if (order == 1) emulate_elements(c, Backward<T, P>(bias, p), backwards, out, dy, x);
  });
  if (order == 2)
    emulate_elements(c, Backward2<T>(bias, typed<T>(params)), backwards, out, ddx, dy, x);
}

struct FilterCall {
  double gain;
  int64_t batch, channels;
  int last, flip;
  int x[6], y[6];  // size, up, down, padding before, padding after, taps
};

// Returns 1 if the tiled kernel was taken.
template <typename T>
int upfirdn2d(const FilterCall& c, const T* x, const acc_t<T>* f, T* y, bool backwards) {
  using A = acc_t<T>;
  const Axis axis_x{c.x[0], c.x[1], c.x[2], c.x[3], c.x[5]};
  const Axis axis_y{c.y[0], c.y[1], c.y[2], c.y[3], c.y[5]};
  const Layout in{c.batch, c.channels, axis_y.size, axis_x.size, c.last != 0};
  const Layout out{c.batch, c.channels, out_size(axis_y, c.y[4]), out_size(axis_x, c.x[4]),
                   c.last != 0};
  const auto prepared = unwritten<A>(kTapsAt + axis_y.taps * axis_x.taps);
  emulate_phases(PreparedFilter<A>(f, axis_y.taps, axis_x.taps, c.flip != 0,
                                   static_cast<A>(c.gain), prepared.get()),
                 backwards);
  const Filtering<T> call{x, in, prepared.get(), axis_y, axis_x, y, out};
  const auto tiled = [&](const auto& body) {
    using Body = std::decay_t<decltype(body)>;
    if (body.tiling.samples() * sizeof(typename Body::Cell) > sizeof(typename Body::Shared))
      std::abort();
    emulate_phases(body, backwards);
  };
  if (with_tiled_filter(call, tiled)) return 1;
  const SampledFilter<T> body(call);
  emulate(body, body.blocks(), backwards);
  return 0;
}

struct EpilogueCall {
  double alpha, gain, clamp;
  int64_t batch, channels, height, width;
  int act, last, noise_per_sample;

  Layout layout() const { return {batch, channels, height, width, last != 0}; }

  template <typename T>
  BiasAct<acc_t<T>> params() const {
    return Lrelu<acc_t<T>>(typed<T>({static_cast<Act>(act), alpha, gain, clamp})).p;
  }
};

template <typename T>
void epilogue(const EpilogueCall& c, const T* x, const acc_t<T>* scale, const acc_t<T>* noise,
              const acc_t<T>* b, T* out, bool backwards) {
  using Op = EpilogueForward<T>;
  const Op op{c.params<T>(), Order(c.layout()), scale, noise, b, c.noise_per_sample != 0};
  const Elementwise<T, Op> body{op, {x}, out, c.batch * c.channels * c.height * c.width};
  emulate(body, body.blocks(), backwards);
}

// target[n, i] = the sum of partial[n, piece, i] over the pieces.
template <typename A>
void add_up(const A* partial, int64_t batch, int64_t pieces, int64_t size, A* target) {
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t i = 0; i < size; ++i) {
      A sum = A(0);
      for (int64_t k = 0; k < pieces; ++k) sum += partial[(n * pieces + k) * size + i];
      target[n * size + i] = sum;
    }
}

// dscale, db: (batch, channels); dnoise: (batch, pixels). Returns the number of blocks.
template <typename T>
int64_t epilogue_backward(const EpilogueCall& c, const T* dout, const T* out, const T* x,
                          const acc_t<T>* scale, T* dx, acc_t<T>* dscale, acc_t<T>* dnoise,
                          acc_t<T>* db, bool backwards) {
  using A = acc_t<T>;
  const Layout l = c.layout();
  const int64_t area = l.height * l.width;
  int64_t blocks = 0;
  with_epilogue_layout<T>(l, [&](auto v, auto last) {
    const Pieces p(l, v());
    const int64_t of_pixels = last() ? p.slow_pieces : p.fast_pieces;
    const int64_t of_channels = last() ? p.fast_pieces : p.slow_pieces;
    const auto biases = unwritten<A>(l.batch * of_pixels * l.channels);
    const auto scales = unwritten<A>(l.batch * of_pixels * l.channels);
    const auto noises = unwritten<A>(l.batch * of_channels * area);
    const EpilogueBackward<T, v(), last()> body(c.params<T>(), l, dout, out, x, scale, dx,
                                                {biases.get(), dscale ? scales.get() : nullptr},
                                                noises.get());
    emulate_phases(body, backwards);
    add_up(biases.get(), l.batch, of_pixels, l.channels, db);
    if (dscale) add_up(scales.get(), l.batch, of_pixels, l.channels, dscale);
    add_up(noises.get(), l.batch, of_channels, area, dnoise);
    blocks = body.blocks();
  });
  return blocks;
}

}  // namespace

#define STYLEGEN_FOR(T, suffix)                                                                    \
  extern "C" void bias_act_##suffix(int order, const BiasActCall* c, const acc_t<T>* b,            \
                                    const T* ddx, const T* dy, const T* x, T* out,                 \
                                    int backwards) {                                               \
    bias_act(order, *c, b, ddx, dy, x, out, backwards != 0);                                       \
  }                                                                                                \
  extern "C" int upfirdn2d_##suffix(const FilterCall* c, const T* x, const acc_t<T>* f, T* y,      \
                                    int backwards) {                                               \
    return upfirdn2d(*c, x, f, y, backwards != 0);                                                 \
  }                                                                                                \
  extern "C" void epilogue_##suffix(const EpilogueCall* c, const T* x, const acc_t<T>* scale,      \
                                    const acc_t<T>* noise, const acc_t<T>* b, T* out,              \
                                    int backwards) {                                               \
    epilogue(*c, x, scale, noise, b, out, backwards != 0);                                         \
  }                                                                                                \
  extern "C" int64_t epilogue_backward_##suffix(                                                   \
      const EpilogueCall* c, const T* dout, const T* out, const T* x, const acc_t<T>* scale,       \
      T* dx, acc_t<T>* dscale, acc_t<T>* dnoise, acc_t<T>* db, int backwards) {                    \
    return epilogue_backward(*c, dout, out, x, scale, dx, dscale, dnoise, db, backwards != 0);     \
  }

STYLEGEN_FOR(float, float32)
STYLEGEN_FOR(double, float64)
STYLEGEN_FOR(BFloat16, bfloat16)

extern "C" int64_t quotient(int64_t n, int64_t d) { return Divisor(d).quotient(n); }
