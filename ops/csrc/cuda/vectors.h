// What the kernels are made of: blocks of threads, vectors of 16 bytes, and division by what is
// known before the launch.

#pragma once

#include <cassert>
#include <cstdint>
#include <cstring>

#include "../hd.h"
#include "elements.h"

namespace stylegen {

constexpr int kThreads = 256;  // of every block

template <typename T>
constexpr int kWide = 16 / sizeof(T);  // elements of a vector

// N elements that lie side by side.
template <typename T, int N>
struct alignas(sizeof(T) * N < 16 ? sizeof(T) * N : 16) Pack {
  T at[N];
};

namespace detail {

// Reads 16 bytes of device memory that the kernel does not write, in one access.
STYLEGEN_HD void read16(const void* from, void* to) {
#ifdef __CUDA_ARCH__
  const uint4 value = __ldg(static_cast<const uint4*>(from));
  memcpy(to, &value, 16);
#else
  assert(reinterpret_cast<uintptr_t>(from) % 16 == 0);
  std::memcpy(to, from, 16);
#endif
}

// Writes 16 bytes in one access: the compiler alone may cut them up. What is written is never read
// by the same kernel, so that reads may go ahead of it.
STYLEGEN_HD void write16(const void* from, void* to) {
#ifdef __CUDA_ARCH__
  uint4 value;
  memcpy(&value, from, 16);
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(to)),
               "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w));
#else
  assert(reinterpret_cast<uintptr_t>(to) % 16 == 0);
  std::memcpy(to, from, 16);
#endif
}

}  // namespace detail

// N elements from device memory; from 16 bytes on, the address is a multiple of 16.
template <int N, typename T>
STYLEGEN_HD Pack<T, N> read(const T* from) {
  Pack<T, N> pack;
  constexpr int bytes = N * sizeof(T);
  static_assert(N == 1 || bytes % 16 == 0, "one element, or whole vectors");
  if constexpr (N == 1) {
    pack.at[0] = *from;
  } else {
#pragma unroll
    for (int i = 0; i < bytes / 16; ++i)
      detail::read16(from + i * kWide<T>, pack.at + i * kWide<T>);
  }
  return pack;
}

// One element, or 16 bytes at a multiple of 16.
template <typename T, int N>
STYLEGEN_HD void write(T* to, const Pack<T, N>& pack) {
  static_assert(N == 1 || N == kWide<T>, "one element, or a vector");
  if constexpr (N == 1) *to = pack.at[0];
  else detail::write16(pack.at, to);
}

// Quotients n / d = (high word of n * magic + n) >> shift, for n and d below 2^31: a few
// instructions where a GPU's own division, which serves all others, takes dozens.
//
// Source: Granlund & Montgomery 1994, "Division by invariant integers using multiplication".
class Divisor {
 public:
  Divisor() = default;

  STYLEGEN_HD explicit Divisor(int64_t d) : size_(d), magic_(0), shift_(0) {
    if (d >> 31 != 0) return;
    while ((int64_t(1) << shift_) < d) ++shift_;
    const uint64_t excess = (uint64_t(1) << shift_) - static_cast<uint64_t>(d);
    magic_ = static_cast<uint32_t>((excess << 32) / static_cast<uint64_t>(d) + 1);
  }

  STYLEGEN_HD int64_t size() const { return size_; }

  // n / size() for n >= 0.
  STYLEGEN_HD int64_t quotient(int64_t n) const {
    if (((n | size_) >> 31) != 0) return n / size_;
    return small(static_cast<uint32_t>(n));
  }

  // The same for n and size() below 2^31.
  STYLEGEN_HD int small(uint32_t n) const {
    const auto high = static_cast<uint32_t>((uint64_t(n) * magic_) >> 32);
    return static_cast<int>((high + n) >> shift_);
  }

 private:
  int64_t size_;
  uint32_t magic_;
  int shift_;
};

}  // namespace stylegen
