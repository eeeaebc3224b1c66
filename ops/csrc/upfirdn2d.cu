// upfirdn2d on CUDA: one thread per output sample, contiguous or channels_last as the input.

#include <ATen/Dispatch.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>

#include "kernels.h"
#include "launch.h"
#include "taps.h"

namespace stylegen {
namespace {

// Where the samples of a (N, C, H, W) tensor lie.
struct Layout {
  int64_t channels, height, width;
  bool channels_last;

  __device__ int64_t stride_x() const { return channels_last ? channels : 1; }
  __device__ int64_t stride_y() const { return width * stride_x(); }
  // The first sample of channel c of image n.
  __device__ int64_t plane(int64_t n, int64_t c) const {
    return n * channels * height * width + c * (channels_last ? 1 : height * width);
  }
};

// The coordinates of the sample at place i in memory.
struct Place {
  int64_t n, c, y, x;

  __device__ Place(int64_t i, const Layout& layout) {
    const int64_t area = layout.height * layout.width;
    n = divide(i, layout.channels * area);
    const int64_t rest = i - n * layout.channels * area;
    const int64_t outer = divide(rest, layout.channels_last ? layout.channels : area);
    const int64_t inner = rest - outer * (layout.channels_last ? layout.channels : area);
    c = layout.channels_last ? inner : outer;
    const int64_t pixel = layout.channels_last ? outer : inner;
    y = divide(pixel, layout.width);
    x = pixel - y * layout.width;
  }
};

template <typename T>
struct Sample {
  const T* x;
  const acc_t<T>* f;
  Axis axis_y, axis_x;
  bool flip;
  Layout in, out;
  T* y;

  __device__ void operator()(int64_t i) const {
    const Place at(i, out);
    y[i] = static_cast<T>(filtered_sample(x + in.plane(at.n, at.c), in.stride_y(), in.stride_x(),
                                          f, axis_y, axis_x, at.y, at.x, flip));
  }
};

void check(const at::Tensor& x, const at::Tensor& f, Pair up, Pair down, Padding padding) {
  TORCH_CHECK(x.is_cuda(), "upfirdn2d: wanted a CUDA tensor, not one on ", x.device());
  TORCH_CHECK(x.dim() == 4 && x.numel() > 0, "upfirdn2d: wanted a non-empty (N, C, H, W), not ",
              x.sizes());
  TORCH_CHECK(f.dim() == 2 && f.numel() > 0, "upfirdn2d: wanted taps (fh, fw), not ", f.sizes());
  TORCH_CHECK(f.device() == x.device(), "upfirdn2d: f is on ", f.device(), ", x on ", x.device());
  for (const int64_t factor : {up[0], up[1], down[0], down[1]})
    TORCH_CHECK(1 <= factor && factor <= INT32_MAX, "upfirdn2d: factor ", factor);
  for (const int64_t pad : padding)
    TORCH_CHECK(-INT32_MAX <= pad && pad <= INT32_MAX, "upfirdn2d: padding ", pad);
}

Axis axis_of(int64_t size, int64_t up, int64_t down, int64_t pad, int64_t taps) {
  return {size, static_cast<int>(up), static_cast<int>(down), static_cast<int>(pad),
          static_cast<int>(taps)};
}

}  // namespace

at::Tensor upfirdn2d(const at::Tensor& x, const at::Tensor& f, Pair up, Pair down, Padding padding,
                     bool flip_filter, double gain) {
  check(x, f, up, down, padding);
  const c10::cuda::CUDAGuard guard(x.device());
  const bool last = !x.is_contiguous() && x.is_contiguous(at::MemoryFormat::ChannelsLast);
  const auto format = last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  const Axis axis_x = axis_of(x.size(3), up[0], down[0], padding[0], f.size(1));
  const Axis axis_y = axis_of(x.size(2), up[1], down[1], padding[2], f.size(0));
  const int64_t width = out_size(axis_x, padding[1]), height = out_size(axis_y, padding[3]);
  TORCH_CHECK(width > 0 && height > 0, "upfirdn2d: the output would be ", height, " x ", width);

  const at::Tensor in = x.contiguous(format);
  const at::Tensor y = at::empty({x.size(0), x.size(1), height, width}, x.options(), format);
  const Layout from{x.size(1), x.size(2), x.size(3), last}, to{x.size(1), height, width, last};
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "upfirdn2d", [&] {
    using A = acc_t<scalar_t>;
    const at::Tensor taps = f.mul(gain).to(c10::CppTypeToScalarType<A>::value).contiguous();
    launch(Sample<scalar_t>{in.const_data_ptr<scalar_t>(), taps.const_data_ptr<A>(), axis_y, axis_x,
                            flip_filter, from, to, y.mutable_data_ptr<scalar_t>()},
           y.numel());
  });
  return y;
}

}  // namespace stylegen
