// Labels at another size by nearest neighbour: `postprocess.cpu.resize_labels`, exactly.
//
// A thread takes four pixels of a row, 32 apart, so that a warp's stores stay side by side.
#pragma once

#include "axes.cuh"
#include "parameters.cuh"

constexpr int RESIZED_PER_THREAD = 4;

__device__ inline int nearest_sample(int pixel, int source, int target) {
    return quotient((2 * pixel + 1) * source, 2 * target);
}

__device__ inline void resize(const ResizeParameters& p) {
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (y >= p.height) return;
    const Byte* source = p.labels + nearest_sample(y, p.source_height, p.height) * p.labels_pitch;
    Byte* row = p.resized + y * p.resized_pitch;
    const int first = blockIdx.x * blockDim.x * RESIZED_PER_THREAD + threadIdx.x;
    for (int nth = 0; nth < RESIZED_PER_THREAD; ++nth) {
        const int x = first + nth * blockDim.x;
        if (x < p.width) row[x] = __ldg(source + nearest_sample(x, p.source_width, p.width));
    }
}
