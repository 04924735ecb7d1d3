// Low-resolution logits into full-size labels: `postprocess.reference.labels_from_logits`, exactly,
// and mostly without interpolating. No interpolated logit ever leaves a register.
//
// Four neighbouring samples span a cell of pixels (`postprocess.cells`). A block labels the cells of
// a tile, side by side in one row of cells, in steps with barriers between them:
//
//   survey      of every class, how strong it is at its weakest corner of a cell: the strongest such
//               class is the cell's favourite;
//   candidates  a class that is weaker than the favourite at all four corners, by more than rounding
//               can undo, cannot win a pixel: an interpolated logit is a weighted mean of its
//               corners. The others are marked as the cell's candidates;
//   fill        cells with one candidate get its label, with no interpolation;
//   argmax      a warp takes a cell of several candidates and interpolates those, and those alone,
//               at every pixel by the reference's own formula, lowest class first.
//
// Work and traffic, 150 classes, 128 x 256 FP16 logits to 1024 x 2048 labels: every logit is read by
// up to four cells and twice (survey, candidates), from the caches but for once, 9.8 MB; 2.1 MB of
// labels are written. Survey and candidates take some 65 instructions per cell and class, 0.36 G; a
// candidate takes 10 per pixel of an undecided cell: 5 M for what a trained network gives (a tenth
// of the cells is undecided, between two or three classes), 1.6 G for noise (all, by 74).
#pragma once

#include "argmax.cuh"

__device__ inline int within(int value, int lowest, int highest) {
    return min(max(value, lowest), highest);
}

__device__ inline Rows rows_of(int cell_row, const LabelsParameters& p) {
    const int end = p.top + p.shown_height;
    return Rows{within(first_pixel_of(cell_row, p.grid_height, p.height), p.top, end),
                within(first_pixel_of(cell_row + 1, p.grid_height, p.height), p.top, end)};
}

__device__ inline void clear(int first_column, const LabelsParameters& p, Tile& tile) {
    const int thread = threadIdx.y * LANES + threadIdx.x;
    (&tile.candidates[0][0])[thread] = 0;
    tile.counts[thread] = 0;
    if (thread < CELLS) tile.favourite[thread] = tile.magnitude[thread] = 0;
    if (thread <= CELLS) {
        const int column = min(first_column + thread, p.grid_width + 1);
        const int first = first_pixel_of(column, p.grid_width, p.width);
        tile.edges[thread] = within(first, p.left, p.left + p.shown_width);
    }
    if (!p.image) return;
    for (int byte = thread; byte < 3 * IDS; byte += THREADS) tile.palette[byte] = p.palette[byte];
}

template <class Logit>
__device__ inline void label_tile(const LabelsParameters& p, Tile& tile) {
    const int thread = threadIdx.y * LANES + threadIdx.x;
    const int cell_row = blockIdx.y;
    const int first_column = blockIdx.x * CELLS;
    clear(first_column, p, tile);
    __syncthreads();
    survey<Logit>(cell_row, first_column, p, tile);
    __syncthreads();
    find_candidates<Logit>(cell_row, first_column, p, tile);
    __syncthreads();
    const Rows rows = rows_of(cell_row, p);
    if (thread < CELLS) tile.labels[thread] = sole_candidate(tile.candidates[thread]);
    __syncthreads();
    fill(first_column, rows, p, tile);
    for (int nth = threadIdx.y; nth < CELLS; nth += WARPS) {
        if (tile.labels[nth] != NO_LABEL || tile.edges[nth] == tile.edges[nth + 1]) continue;
        argmax_cell(nth, Cell<Logit>(cell_row, first_column + nth, p), rows, p, tile);
    }
    __syncthreads();
    if (tile.counts[thread]) atomicAdd(&p.tally->counts[thread], tile.counts[thread]);
}
