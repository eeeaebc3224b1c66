// The epilogue on CUDA: forward, and backward with its partial sums.
//
// act is leaky ReLU, or the identity, which is the leaky ReLU of slope 1.

#include "bias_act.h"
#include "elementwise.h"
#include "epilogue_backward.h"
#include "epilogue_forward.h"
#include "launch.cuh"

namespace stylegen {
namespace {

template <typename T>
BiasAct<acc_t<T>> as_lrelu(const BiasAct<double>& params) {
  return Lrelu<acc_t<T>>(typed<T>(params)).p;
}

}  // namespace

void epilogue(Type type, const BiasAct<double>& params, const Layout& layout,
              const EpilogueTerms& terms, const void* x, void* out, cudaStream_t stream) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    using A = acc_t<T>;
    using Op = EpilogueForward<T>;
    const Op op{as_lrelu<T>(params), Order(layout), static_cast<const A*>(terms.scale),
                static_cast<const A*>(terms.noise), static_cast<const A*>(terms.b),
                terms.noise_per_sample};
    const int64_t size = layout.batch * layout.channels * layout.height * layout.width;
    launch(Elementwise<T, Op>{op, {static_cast<const T*>(x)}, static_cast<T*>(out), size}, stream);
  });
}

EpiloguePieces epilogue_pieces(Type type, const Layout& layout) {
  const int bytes = type == Type::float64 ? 8 : type == Type::float32 ? 4 : 2;
  const Pieces pieces(layout, epilogue_vector(bytes, layout));
  if (layout.channels_last) return {pieces.fast_pieces, pieces.slow_pieces};
  return {pieces.slow_pieces, pieces.fast_pieces};
}

void epilogue_backward(Type type, const BiasAct<double>& params, const Layout& layout,
                       const void* dout, const void* out, const void* x, const void* scale,
                       const EpilogueGradients& g, cudaStream_t stream) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    using A = acc_t<T>;
    with_epilogue_layout<T>(layout, [&](auto v, auto channels_last) {
      const EpilogueBackward<T, v(), channels_last()> body(
          as_lrelu<T>(params), layout, static_cast<const T*>(dout), static_cast<const T*>(out),
          static_cast<const T*>(x), static_cast<const A*>(scale), static_cast<T*>(g.dx),
          {static_cast<A*>(g.bias), static_cast<A*>(g.scale)}, static_cast<A*>(g.noise));
      launch_phases(body, stream);
    });
  });
}

}  // namespace stylegen
