// Survey and candidates: which classes can win a pixel of a cell.
//
// Rounding: `blend` rounds a product and a sum per axis, so an interpolated logit is off by less
// than 4.1 * 2^-24 of the largest magnitude in the cell. A class is given up only where it lags by
// more than 2^-20 of that, which two such errors and the comparison's own cannot undo; below the
// smallest normal number, where errors stop shrinking with the values, by more than that number.
#pragma once

#include "tile.cuh"

constexpr float LEAD = 1.0f / (1 << 20);
constexpr float SMALLEST_NORMAL = 1.17549435e-38f;
constexpr float LARGEST_FINITE = 3.402823466e+38f;

__device__ inline float weakest(const Corners& c) {
    return fminf(fminf(c.above_left, c.above_right), fminf(c.below_left, c.below_right));
}

__device__ inline float largest_magnitude(const Corners& c) {
    return fmaxf(fmaxf(fabsf(c.above_left), fabsf(c.above_right)),
                 fmaxf(fabsf(c.below_left), fabsf(c.below_right)));
}

__device__ inline bool reaches(const Corners& c, const Corners& bar) {
    return c.above_left >= bar.above_left || c.above_right >= bar.above_right ||
           c.below_left >= bar.below_left || c.below_right >= bar.below_right;
}

// A logit and its class as one number to take the maximum of. The logit's last 8 bits give way to
// the class; a favourite that is a trifle weaker than another spares less work and changes no label.
__device__ inline unsigned ranked(float logit, int class_id) {
    const unsigned bits = __float_as_uint(logit);
    const unsigned ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return (ascending & ~0xFFu) | static_cast<unsigned>(class_id);
}

template <class Logit>
__device__ inline void survey(int cell_row, int first_column, const LabelsParameters& p,
                              Tile& tile) {
    const Share share = share_of_thread(p);
    bool finite = true;
    for (int nth_cell = share.first_cell; nth_cell < CELLS; nth_cell += share.cell_step) {
        const int column = first_column + nth_cell;
        if (column > p.grid_width) break;
        const Cell<Logit> cell(cell_row, column, p);
        unsigned favourite = 0;
        float magnitude = 0.0f;
        for (int id = share.first_class; id < p.classes; id += AHEAD * share.class_step) {
            const Fetched<Logit> fetched(cell, id, share.class_step, p);
#pragma unroll
            for (int nth = 0; nth < AHEAD; ++nth) {
                const Corners& c = fetched.corners_of[nth];
                const int known = min(id + nth * share.class_step, p.classes - 1);
                favourite = max(favourite, ranked(weakest(c), known));
                magnitude = fmaxf(magnitude, largest_magnitude(c));
                // Not (>): a comparison with NaN is false.
                finite = finite && (!cell.owns_below_right || fabsf(c.below_right) <= LARGEST_FINITE);
            }
        }
        atomicMax(&tile.favourite[nth_cell], favourite);
        atomicMax(&tile.magnitude[nth_cell], __float_as_uint(magnitude));
    }
    if (!finite) atomicOr(&p.tally->faults, 1u);
}

// What a class must reach at some corner of a cell to win a pixel of it.
template <class Logit>
__device__ inline Corners bar_of(int nth_cell, const Cell<Logit>& cell, const LabelsParameters& p,
                                 const Tile& tile) {
    // Logits that are not numbers might name a class that does not exist.
    const int favourite = min(static_cast<int>(tile.favourite[nth_cell] & 0xFFu), p.classes - 1);
    const float magnitude = __uint_as_float(tile.magnitude[nth_cell]);
    const float lead = fmaxf(__fmul_rn(LEAD, magnitude), SMALLEST_NORMAL);
    const Corners best = cell.corners(favourite * p.class_stride);
    return Corners{__fsub_rn(best.above_left, lead), __fsub_rn(best.above_right, lead),
                   __fsub_rn(best.below_left, lead), __fsub_rn(best.below_right, lead)};
}

template <class Logit>
__device__ inline void find_candidates(int cell_row, int first_column, const LabelsParameters& p,
                                       Tile& tile) {
    const Share share = share_of_thread(p);
    for (int nth_cell = share.first_cell; nth_cell < CELLS; nth_cell += share.cell_step) {
        const int column = first_column + nth_cell;
        if (column > p.grid_width) break;
        const Cell<Logit> cell(cell_row, column, p);
        const Corners bar = bar_of(nth_cell, cell, p, tile);
        // A thread looks at 32 classes at most, so one word holds what it found.
        unsigned found = 0;
        unsigned mark = 1;
        for (int id = share.first_class; id < p.classes; id += AHEAD * share.class_step) {
            const Fetched<Logit> fetched(cell, id, share.class_step, p);
#pragma unroll
            for (int nth = 0; nth < AHEAD; ++nth) {
                const bool exists = id + nth * share.class_step < p.classes;
                found |= exists && reaches(fetched.corners_of[nth], bar) ? mark : 0u;
                mark <<= 1;
            }
        }
        while (found) {
            const int id = share.first_class + (__ffs(found) - 1) * share.class_step;
            atomicOr(&tile.candidates[nth_cell][id / 32], 1u << (id % 32));
            found &= found - 1;
        }
    }
}

// The only candidate of a cell, or NO_LABEL.
__device__ inline Byte sole_candidate(const unsigned* candidates) {
    int label = NO_LABEL;
    int count = 0;
    for (int word = 0; word < WORDS; ++word) {
        const unsigned marks = candidates[word];
        if (marks) label = word * 32 + __ffs(marks) - 1;
        count += __popc(marks);
    }
    return count == 1 ? static_cast<Byte>(label) : NO_LABEL;
}

__device__ inline int lowest_candidate(const unsigned* candidates) {
    for (int word = 0; word < WORDS; ++word) {
        if (candidates[word]) return word * 32 + __ffs(candidates[word]) - 1;
    }
    return 0;
}
