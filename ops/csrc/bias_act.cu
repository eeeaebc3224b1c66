// bias_act on CUDA: forward, backward and second backward, one thread per element.

#include "launch.cuh"

namespace stylegen {
namespace {

template <typename T>
struct Bias {
  const T* b;
  int64_t stride, channels;

  explicit Bias(const BiasOf& of)
      : b(static_cast<const T*>(of.b)), stride(of.stride), channels(of.channels) {}

  __device__ acc_t<T> operator()(int64_t i) const {
    return b == nullptr ? acc_t<T>(0) : load(b[index_along(i, stride, channels)]);
  }
};

// The parameters for elements of type T. The clamp is rounded as an output is when it is saved,
// so that a clamped one is recognised.
template <typename T>
BiasAct<acc_t<T>> typed(const BiasAct<double>& p) {
  using A = acc_t<T>;
  return {p.act, static_cast<A>(p.alpha), static_cast<A>(p.gain),
          load(store<T>(static_cast<A>(p.clamp)))};
}

template <typename T>
struct Forward {
  BiasAct<acc_t<T>> p;
  Bias<T> bias;
  const T* x;
  T* y;

  __device__ void operator()(int64_t i) const { y[i] = store<T>(forward(p, load(x[i]), bias(i))); }
};

template <typename T>
struct Backward {
  BiasAct<acc_t<T>> p;
  Bias<T> bias;
  const T *dy, *ref;
  T* dx;

  __device__ void operator()(int64_t i) const {
    dx[i] = store<T>(backward(p, load(dy[i]), load(ref[i]), bias(i)));
  }
};

template <typename T>
struct Backward2 {
  BiasAct<acc_t<T>> p;
  Bias<T> bias;
  const T *ddx, *dy, *ref;
  T* d;

  __device__ void operator()(int64_t i) const {
    d[i] = store<T>(backward2(p, load(ddx[i]), load(dy[i]), load(ref[i]), bias(i)));
  }
};

template <typename T>
const T* in(const void* pointer) {
  return static_cast<const T*>(pointer);
}

}  // namespace

void bias_act(Type type, const BiasAct<double>& p, const BiasOf& bias, const void* x, void* y,
              int64_t size, cudaStream_t stream) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    launch(Forward<T>{typed<T>(p), Bias<T>(bias), in<T>(x), static_cast<T*>(y)}, size, stream);
  });
}

void bias_act_backward(Type type, const BiasAct<double>& p, const BiasOf& bias, const void* dy,
                       const void* ref, void* dx, int64_t size, cudaStream_t stream) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    launch(Backward<T>{typed<T>(p), Bias<T>(bias), in<T>(dy), in<T>(ref), static_cast<T*>(dx)},
           size, stream);
  });
}

void bias_act_backward2(Type type, const BiasAct<double>& p, const BiasOf& bias, const void* ddx,
                        const void* dy, const void* ref, void* d, int64_t size,
                        cudaStream_t stream) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    launch(Backward2<T>{typed<T>(p), Bias<T>(bias), in<T>(ddx), in<T>(dy), in<T>(ref),
                        static_cast<T*>(d)},
           size, stream);
  });
}

}  // namespace stylegen
