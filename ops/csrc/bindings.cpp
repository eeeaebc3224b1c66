// The Python module of the CUDA kernels.

#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>

#include "kernels.h"

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("bias_act", &stylegen::bias_act);
  m.def("bias_act_backward", &stylegen::bias_act_backward);
  m.def("bias_act_backward2", &stylegen::bias_act_backward2);
  m.def("upfirdn2d", &stylegen::upfirdn2d);
}
