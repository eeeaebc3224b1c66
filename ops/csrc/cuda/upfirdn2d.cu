// upfirdn2d on CUDA.

#include "filter_choice.h"
#include "launch.cuh"

namespace stylegen {

int64_t prepared_size(const Axis& axis_y, const Axis& axis_x) {
  return kTapsAt + int64_t(axis_y.taps) * axis_x.taps;
}

void upfirdn2d(Type type, const void* x, const Layout& in, const FilterOf& filter, void* prepared,
               const Axis& axis_y, const Axis& axis_x, void* y, const Layout& out,
               cudaStream_t stream) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    using A = acc_t<T>;
    A* taps = static_cast<A*>(prepared);
    launch_phases(PreparedFilter<A>(static_cast<const A*>(filter.taps), axis_y.taps, axis_x.taps,
                                    filter.flip, static_cast<A>(filter.gain), taps),
                  stream);
    const Filtering<T> call{static_cast<const T*>(x), in, taps, axis_y, axis_x,
                            static_cast<T*>(y), out};
    const auto tiled = [&](const auto& body) { launch_phases(body, stream); };
    if (!with_tiled_filter(call, tiled)) launch(SampledFilter<T>(call), stream);
  });
}

}  // namespace stylegen
