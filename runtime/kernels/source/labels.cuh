// Low-resolution logits into full-size labels: `postprocess.reference.labels_from_logits`, exactly,
// and mostly without interpolating. No interpolated logit ever leaves a register.
//
// Four neighbouring samples span a cell of pixels (`postprocess.cells`). A block labels the cells of
// a tile, side by side in one row of cells, in steps with barriers between them:
//
//   survey   of every class, how strong it is at its weakest corner of a cell: the strongest such
//            class is the cell's favourite;
//   contest  a class that is weaker than the favourite at all four corners, by more than rounding
//            can undo, cannot win a pixel: an interpolated logit is a weighted mean of its corners.
//            The others are marked as the cell's candidates;
//   fill     cells with one candidate get its label, with no interpolation;
//   settle   a warp takes a cell of several candidates and interpolates those, and those alone, at
//            every pixel by the reference's own formula, lowest class first.
//
// Rounding: `blend` rounds a product and a sum per axis, so an interpolated logit is off by less
// than 4.1 * 2^-24 of the largest magnitude in the cell. A class is given up only where it lags by
// more than 2^-20 of that, which two such errors and the comparison's own cannot undo; below the
// smallest normal number, where errors stop shrinking with the values, by more than that number.
//
// Work and traffic, 150 classes, 128 x 256 FP16 logits to 1024 x 2048 labels: every logit is read by
// up to four cells and twice (survey, contest), from the caches but for once, 9.8 MB; 2.1 MB of
// labels are written. Survey and contest take some 65 instructions per cell and class, 0.36 G; a
// candidate takes 10 per pixel of a contested cell: 5 M for what a trained network gives (a tenth
// of the cells is contested, by two or three classes), 1.6 G for noise (all, by 74).
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
constexpr float LEAD = 1.0f / (1 << 20);
constexpr float SMALLEST_NORMAL = 1.17549435e-38f;
constexpr float LARGEST_FINITE = 3.402823466e+38f;

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
__device__ inline void contest(int cell_row, int first_column, const LabelsParameters& p,
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

__device__ inline void draw(int y, int x, Byte label, const LabelsParameters& p, const Tile& tile) {
    const Byte* picture = p.picture + (y - p.top) * p.picture_pitch + (x - p.left) * 3;
    Byte* overlay = p.overlay + (y - p.top) * p.overlay_pitch + (x - p.left) * 3;
    for (int channel = 0; channel < 3; ++channel) {
        const float colour = tile.palette[label * 3 + channel];
        // The overlay may be the picture itself, so it is not read through the cache.
        const float seen = picture[channel];
        overlay[channel] = nearest_byte(blend(colour, seen, p.opacity, p.transparency));
    }
}

__device__ inline void put(int y, int x, Byte label, const LabelsParameters& p, const Tile& tile) {
    p.labels[(y - p.top) * p.labels_pitch + (x - p.left)] = label;
    if (p.picture) draw(y, x, label, p, tile);
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
__device__ inline void settle_pair(Pair& pair, int nth_cell, const Cell<Logit>& cell,
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
__device__ inline void settle_cell(int nth_cell, const Cell<Logit>& cell, const Rows& rows,
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
        settle_pair(pair, nth_cell, cell, p, tile);
        if (first + static_cast<int>(threadIdx.x) >= pairs) continue;
        put_and_count(y, x, pair.upper_label, p, tile);
        if (y + 1 < rows.end) put_and_count(y + 1, x, pair.lower_label, p, tile);
    }
}

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
    if (!p.picture) return;
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
    contest<Logit>(cell_row, first_column, p, tile);
    __syncthreads();
    const Rows rows = rows_of(cell_row, p);
    if (thread < CELLS) tile.labels[thread] = sole_candidate(tile.candidates[thread]);
    __syncthreads();
    fill(first_column, rows, p, tile);
    for (int nth = threadIdx.y; nth < CELLS; nth += WARPS) {
        if (tile.labels[nth] != NO_LABEL || tile.edges[nth] == tile.edges[nth + 1]) continue;
        settle_cell(nth, Cell<Logit>(cell_row, first_column + nth, p), rows, p, tile);
    }
    __syncthreads();
    if (tile.counts[thread]) atomicAdd(&p.tally->counts[thread], tile.counts[thread]);
}
