// STYLEGEN_HD marks what compiles both for the host and, under nvcc, for the device.

#pragma once

#ifdef __CUDACC__
#define STYLEGEN_HD __host__ __device__ __forceinline__
#else
#define STYLEGEN_HD inline
#endif
