// Positions: where a target pixel lies on the source's axis, in whole numbers and exact ratios.
//
// Sides are at most 2^14 pixels, so products of two, doubled, fit into 32 bits, and every numerator
// and denominator below 2^24 is a float32 exactly. Dividing two such numbers as float32 gives the
// same bits as NumPy's division in float64 rounded to float32: a quotient rounded to 53 digits
// never lies so that rounding it again to 24 goes astray (53 >= 2 * 24 + 2, Figueroa 1995).
#pragma once

#include "arithmetic.cuh"

__device__ inline float ratio(int numerator, int denominator) {
    return __fdiv_rn(static_cast<float>(numerator), static_cast<float>(denominator));
}

// What is not negative divides faster without a sign.
__device__ inline int quotient(int numerator, int denominator) {
    return static_cast<int>(static_cast<unsigned>(numerator) / static_cast<unsigned>(denominator));
}

// `bilinear.taps` of one pixel.
struct Tap {
    int lower;
    int upper;
    float before_weight;
    float after_weight;
};

__device__ inline Tap tap(int pixel, int source, int target) {
    // One period is added so that the first pixels, which lie before the first sample, count too.
    const int doubled = (2 * pixel + 1) * source + target;
    const int samples = quotient(doubled, 2 * target);
    const float after = ratio(doubled - samples * 2 * target, 2 * target);
    return Tap{max(samples - 1, 0), min(samples, source - 1), __fsub_rn(1.0f, after), after};
}

// Cells lie between neighbouring samples, with the border repeated: `postprocess.cells`.
__device__ inline int cell_of(int pixel, int source, int target) {
    return quotient((2 * pixel + 1) * source + target, 2 * target);
}

__device__ inline int first_pixel_of(int cell, int source, int target) {
    const int doubled = (2 * cell - 1) * target - source;
    return doubled <= 0 ? 0 : min(target, quotient(doubled + 2 * source - 1, 2 * source));
}

// `area.footprints` of one pixel: only the samples at the ends of the run are covered in part.
struct Footprint {
    int first;
    int last;
    float first_share;
    float inner_share;
    float last_share;

    __device__ float share(int sample) const {
        return sample == first ? first_share : sample == last ? last_share : inner_share;
    }
};

__device__ inline Footprint footprint(int pixel, int source, int target) {
    const int start = pixel * source;
    const int end = start + source;
    const int first = quotient(start, target);
    const int last = quotient(end - 1, target);
    return Footprint{
        first,
        last,
        ratio(min(end, (first + 1) * target) - start, source),
        ratio(target, source),
        ratio(end - last * target, source),
    };
}
