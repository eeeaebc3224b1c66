// What the bindings share: how tensors are checked and laid out for the kernels.

#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <cstdint>
#include <optional>

#include "kernels.h"

namespace stylegen {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

inline Type type_of(const Tensor& x) {
  switch (x.scalar_type()) {
    case at::kFloat: return Type::float32;
    case at::kHalf: return Type::float16;
    case at::kBFloat16: return Type::bfloat16;
    case at::kDouble: return Type::float64;
    default: TORCH_CHECK(false, "wanted float32, float16, bfloat16 or float64, not ", x.dtype());
  }
}

// The type that the arithmetic is done in, and that scales, noise, biases and filters have.
inline at::ScalarType wide(const Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

inline bool is_aligned(const Tensor& t) {
  return reinterpret_cast<uintptr_t>(t.const_data_ptr()) % 16 == 0;
}

// x dense in a layout, at a multiple of 16 bytes.
inline Tensor dense(const Tensor& x, at::MemoryFormat format) {
  const Tensor t = x.contiguous(format);
  return is_aligned(t) ? t : t.clone();
}

// t in the layout of `like`, which is dense, at a multiple of 16 bytes.
inline Tensor laid_out(const Tensor& t, const Tensor& like) {
  return t.strides() == like.strides() && is_aligned(t) ? t : at::empty_like(like).copy_(t);
}

// t (scale, noise, bias) as the kernels read it beside x.
inline OptionalTensor widened(const OptionalTensor& t, const Tensor& x) {
  if (!t) return t;
  return dense(t->to(wide(x)), at::MemoryFormat::Contiguous);
}

inline const void* pointer(const OptionalTensor& t) { return t ? t->const_data_ptr() : nullptr; }

inline void* pointer(OptionalTensor& t) { return t ? t->mutable_data_ptr() : nullptr; }

inline BiasAct<double> parameters(int64_t act, double alpha, double gain, double clamp) {
  TORCH_CHECK(0 <= act && act < kActivations, "unknown activation code ", act);
  return {static_cast<Act>(act), alpha, gain, clamp};
}

inline void check_cuda(const Tensor& x) {
  TORCH_CHECK(x.is_cuda(), "wanted a CUDA tensor, not one on ", x.device());
}

inline void check_like(const Tensor& t, const Tensor& x, const char* name) {
  TORCH_CHECK(t.device() == x.device() && t.dtype() == x.dtype() && t.sizes() == x.sizes(), name,
              " is ", t.dtype(), " ", t.sizes(), " on ", t.device(), ", wanted ", x.dtype(), " ",
              x.sizes(), " on ", x.device());
}

inline void check_images(const Tensor& x) {
  check_cuda(x);
  TORCH_CHECK(x.dim() == 4, "wanted (N, C, H, W), not ", x.sizes());
}

// The layout in which images are taken and given: channels_last if x has it, else contiguous.
inline at::MemoryFormat format_of(const Tensor& x) {
  const bool last = !x.is_contiguous() && x.is_contiguous(at::MemoryFormat::ChannelsLast);
  return last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
}

inline Layout layout_of(const Tensor& x, at::MemoryFormat format) {
  return {x.size(0), x.size(1), x.size(2), x.size(3), format == at::MemoryFormat::ChannelsLast};
}

}  // namespace stylegen
