// Fill and argmax: the pixels of cells with one candidate, and of cells with several.
#pragma once

#include "candidates.cuh"

__device__ inline void draw(int y, int x, Byte label, const LabelsParameters& p, const Tile& tile) {
    const Byte* image = p.image + (y - p.top) * p.image_pitch + (x - p.left) * 3;
    Byte* overlay = p.overlay + (y - p.top) * p.overlay_pitch + (x - p.left) * 3;
    for (int channel = 0; channel < 3; ++channel) {
        const float colour = tile.palette[label * 3 + channel];
        // The overlay may be the image itself, so it is not read through the cache.
        const float seen = image[channel];
        overlay[channel] = nearest_byte(blend(colour, seen, p.opacity, p.transparency));
    }
}

__device__ inline void put(int y, int x, Byte label, const LabelsParameters& p, const Tile& tile) {
    p.labels[(y - p.top) * p.labels_pitch + (x - p.left)] = label;
    if (p.image) draw(y, x, label, p, tile);
}

struct Rows {
    int first;
    int end;
};

__device__ inline void fill(int first_column, const Rows& rows, const LabelsParameters& p,
                            Tile& tile) {
    const int thread = threadIdx.y * LANES + threadIdx.x;
    for (int x = tile.edges[0] + thread; x < tile.edges[CELLS]; x += THREADS) {
        const Byte label = tile.labels[cell_of(x, p.grid_width, p.width) - first_column];
        if (label == NO_LABEL) continue;
        for (int y = rows.first; y < rows.end; ++y) put(y, x, label, p, tile);
    }
    if (thread < CELLS && tile.labels[thread] != NO_LABEL) {
        const int pixels = (tile.edges[thread + 1] - tile.edges[thread]) * (rows.end - rows.first);
        if (pixels) atomicAdd(&tile.counts[tile.labels[thread]], static_cast<unsigned>(pixels));
    }
}

// Two pixels of a lane, one below the other, and who leads there: they share what is interpolated
// across.
struct Pair {
    Tap column;
    Tap upper_row;
    Tap lower_row;
    float upper_best;
    float lower_best;
    int upper_label;
    int lower_label;

    __device__ void consider(const Corners& c, int id) {
        const float above =
            blend(c.above_left, c.above_right, column.before_weight, column.after_weight);
        const float below =
            blend(c.below_left, c.below_right, column.before_weight, column.after_weight);
        challenge(blend(above, below, upper_row.before_weight, upper_row.after_weight), id,
                  upper_best, upper_label);
        challenge(blend(above, below, lower_row.before_weight, lower_row.after_weight), id,
                  lower_best, lower_label);
    }

    // Ids ascend, so a tie stays with the lower one.
    __device__ static void challenge(float value, int id, float& best, int& label) {
        if (value > best) {
            best = value;
            label = id;
        }
    }
};

// Lets a pair be won by the best candidate of a cell. All lanes of the warp take part: 32 classes at
// a time, each lane fetches the corners of one for all to read.
template <class Logit>
__device__ inline void argmax_pair(Pair& pair, int nth_cell, const Cell<Logit>& cell,
                                   const LabelsParameters& p, Tile& tile) {
    const int lane = threadIdx.x;
    Corners* staged = tile.staged[threadIdx.y];
    Byte* ids = tile.ids[threadIdx.y];
#pragma unroll 1
    for (int word = 0; word < WORDS; ++word) {
        const unsigned marks = tile.candidates[nth_cell][word];
        if (!marks) continue;
        if (marks >> lane & 1u) {
            const int place = __popc(marks & ((1u << lane) - 1u));
            const int id = word * 32 + lane;
            staged[place] = cell.corners(id * p.class_stride);
            ids[place] = static_cast<Byte>(id);
        }
        __syncwarp();
        const int count = __popc(marks);
        for (int place = 0; place < count; ++place) pair.consider(staged[place], ids[place]);
        __syncwarp();
    }
}

__device__ inline void put_and_count(int y, int x, int label, const LabelsParameters& p,
                                     Tile& tile) {
    put(y, x, static_cast<Byte>(label), p, tile);
    atomicAdd(&tile.counts[label], 1u);
}

template <class Logit>
__device__ inline void argmax_cell(int nth_cell, const Cell<Logit>& cell, const Rows& rows,
                                   const LabelsParameters& p, Tile& tile) {
    const int columns = tile.edges[nth_cell + 1] - tile.edges[nth_cell];
    const int pairs = columns * ((rows.end - rows.first + 1) / 2);
    const int lowest = lowest_candidate(tile.candidates[nth_cell]);
    for (int first = 0; first < pairs; first += LANES) {
        // Lanes beyond the last pair work on it too: they are needed to fetch.
        const int nth = min(first + static_cast<int>(threadIdx.x), pairs - 1);
        const int x = tile.edges[nth_cell] + nth % columns;
        const int y = rows.first + nth / columns * 2;
        const float least = -__uint_as_float(0x7F800000u);
        Pair pair{tap(x, p.grid_width, p.width), tap(y, p.grid_height, p.height),
                  tap(y + 1, p.grid_height, p.height), least, least, lowest, lowest};
        argmax_pair(pair, nth_cell, cell, p, tile);
        if (first + static_cast<int>(threadIdx.x) >= pairs) continue;
        put_and_count(y, x, pair.upper_label, p, tile);
        if (y + 1 < rows.end) put_and_count(y + 1, x, pair.lower_label, p, tile);
    }
}
