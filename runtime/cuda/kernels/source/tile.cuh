// Cells and tiles: what a block of the labels' kernels works on, and how its threads share it.
#pragma once

#include "axes.cuh"
#include "parameters.cuh"

constexpr int LANES = 32;
constexpr int WARPS = 8;
constexpr int THREADS = LANES * WARPS;
constexpr int CELLS = 32;
constexpr int WORDS = IDS / 32;
// Classes whose logits a thread has on their way at once.
constexpr int AHEAD = 4;
// No class has it: classes are at most 255.
constexpr Byte NO_LABEL = 255;

// A class's logits at the corners of a cell.
struct alignas(16) Corners {
    float above_left;
    float above_right;
    float below_left;
    float below_right;
};

// Where a cell's corners are among the samples of class 0, in elements. Unsigned, because sums that
// may wrap are added before they are widened to an address: half the work of the other order.
template <class Logit>
struct Cell {
    const Logit* logits;
    unsigned above_left;
    unsigned above_right;
    unsigned below_left;
    unsigned below_right;
    bool owns_below_right;  // each sample is that of just one cell

    __device__ Cell(int row, int column, const LabelsParameters& p)
        : logits(static_cast<const Logit*>(p.logits)),
          owns_below_right(row < p.grid_height && column < p.grid_width) {
        const unsigned above = max(row - 1, 0) * p.row_stride;
        const unsigned below = min(row, p.grid_height - 1) * p.row_stride;
        const unsigned left = max(column - 1, 0) * p.column_stride;
        const unsigned right = min(column, p.grid_width - 1) * p.column_stride;
        above_left = above + left;
        above_right = above + right;
        below_left = below + left;
        below_right = below + right;
    }

    __device__ Corners corners(unsigned class_offset) const {
        return Corners{read(logits + (above_left + class_offset)),
                       read(logits + (above_right + class_offset)),
                       read(logits + (below_left + class_offset)),
                       read(logits + (below_right + class_offset))};
    }
};

// What the threads of a block share.
struct Tile {
    unsigned favourite[CELLS];
    unsigned magnitude[CELLS];
    unsigned candidates[CELLS][WORDS];
    unsigned counts[IDS];
    int edges[CELLS + 1];
    Corners staged[WARPS][LANES];
    Byte ids[WARPS][LANES];
    Byte labels[CELLS];
    Byte palette[3 * IDS];
};

// Which cells and classes a thread looks at: neighbouring lanes read neighbouring addresses.
struct Share {
    int first_cell;
    int cell_step;
    int first_class;
    int class_step;
};

__device__ inline Share share_of_thread(const LabelsParameters& p) {
    const int lane = threadIdx.x;
    const int warp = threadIdx.y;
    if (p.class_stride == 1) return Share{warp, WARPS, lane, LANES};
    return Share{lane, CELLS, warp, WARPS};
}

// The corners of AHEAD classes; beyond the last class, of the last one again.
template <class Logit>
struct Fetched {
    Corners corners_of[AHEAD];

    __device__ Fetched(const Cell<Logit>& cell, int first, int step, const LabelsParameters& p) {
#pragma unroll
        for (int nth = 0; nth < AHEAD; ++nth) {
            const int id = min(first + nth * step, p.classes - 1);
            corners_of[nth] = cell.corners(id * p.class_stride);
        }
    }
};
