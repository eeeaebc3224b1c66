// bias_act on CUDA: forward, backward and second backward.
//
// Leaky ReLU and the identity, which take nearly all of the time, have code of their own; the other
// activations are told apart for each element.

#include "bias_act.h"

#include "elementwise.h"
#include "launch.cuh"

namespace stylegen {
namespace {

template <typename T>
const T* in(const void* pointer) {
  return static_cast<const T*>(pointer);
}

template <typename T>
Bias<acc_t<T>> typed_bias(const BiasOf& of) {
  return {static_cast<const acc_t<T>*>(of.b), of.inner, of.channels, kWide<T>};
}

// Calls run(t, p) with an element of the type and the parameters for it.
template <typename Run>
void specialised(Type type, const BiasAct<double>& params, const Run& run) {
  with_type(type, [&](auto t) {
    with_act<decltype(t)>(params, [&](const auto& p) { run(t, p); });
  });
}

}  // namespace

void bias_act(Type type, const BiasAct<double>& params, const BiasOf& bias, const void* x, void* y,
              int64_t size, cudaStream_t stream) {
  specialised(type, params, [&](auto t, auto p) {
    using T = decltype(t);
    using Op = Forward<T, decltype(p)>;
    launch(Elementwise<T, Op>{Op(typed_bias<T>(bias), p), {in<T>(x)}, static_cast<T*>(y), size},
           stream);
  });
}

void bias_act_backward(Type type, const BiasAct<double>& params, const BiasOf& bias,
                       const void* dy, const void* ref, void* dx, int64_t size,
                       cudaStream_t stream) {
  specialised(type, params, [&](auto t, auto p) {
    using T = decltype(t);
    using Op = Backward<T, decltype(p)>;
    launch(Elementwise<T, Op>{Op(typed_bias<T>(bias), p), {in<T>(dy), in<T>(ref)},
                              static_cast<T*>(dx), size},
           stream);
  });
}

void bias_act_backward2(Type type, const BiasAct<double>& params, const BiasOf& bias,
                        const void* ddx, const void* dy, const void* ref, void* d, int64_t size,
                        cudaStream_t stream) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    using Op = Backward2<T>;
    launch(Elementwise<T, Op>{Op(typed_bias<T>(bias), typed<T>(params)),
                              {in<T>(ddx), in<T>(dy), in<T>(ref)}, static_cast<T*>(d), size},
           stream);
  });
}

}  // namespace stylegen
