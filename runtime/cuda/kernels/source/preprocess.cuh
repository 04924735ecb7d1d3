// A frame into the network's planar input: `preprocess.reference.network_input`, bit for bit.
//
// One thread per pixel of the input; a warp writes 32 neighbours of one plane, so stores coalesce,
// and the bytes that its neighbours read too come from the cache. From 1920x1080 BGR to 1024x2048
// FP16 that moves 6.2 MB in and 12.6 MB out; the arithmetic is some 80 operations per pixel.
#pragma once

#include "axes.cuh"
#include "parameters.cuh"

struct Colour {
    float blue;
    float green;
    float red;
};

// Every `step`-th byte of rows that are `pitch` bytes apart.
struct Plane {
    const Byte* bytes;
    int pitch;
    int step;

    __device__ const Byte* row(int y) const { return bytes + y * pitch; }
};

// Resamplings: where a pixel of a rectangle lies on a plane, and the plane's value there.
struct Bilinear {
    Tap row;
    Tap column;

    __device__ Bilinear(int y, int x, int source_height, int source_width,
                        const PreprocessParameters& p)
        : row(tap(y, source_height, p.shown_height)),
          column(tap(x, source_width, p.shown_width)) {}

    __device__ float value(const Plane& plane) const {
        const Byte* above = plane.row(row.lower);
        const Byte* below = plane.row(row.upper);
        const int left = column.lower * plane.step;
        const int right = column.upper * plane.step;
        return blend(across(above, left, right), across(below, left, right), row.before_weight,
                     row.after_weight);
    }

    __device__ float across(const Byte* samples, int left, int right) const {
        return blend(read(samples + left), read(samples + right), column.before_weight,
                     column.after_weight);
    }
};

struct Area {
    Footprint rows;
    Footprint columns;

    __device__ Area(int y, int x, int source_height, int source_width,
                    const PreprocessParameters& p)
        : rows(footprint(y, source_height, p.shown_height)),
          columns(footprint(x, source_width, p.shown_width)) {}

    __device__ float value(const Plane& plane) const {
        float total = __fmul_rn(across(plane, rows.first), rows.first_share);
#pragma unroll 1
        for (int y = rows.first + 1; y <= rows.last; ++y) {
            total = __fadd_rn(total, __fmul_rn(across(plane, y), rows.share(y)));
        }
        return total;
    }

    __device__ float across(const Plane& plane, int y) const {
        const Byte* samples = plane.row(y);
        float total = __fmul_rn(read(samples + columns.first * plane.step), columns.first_share);
#pragma unroll 1
        for (int x = columns.first + 1; x <= columns.last; ++x) {
            const float sample = read(samples + x * plane.step);
            total = __fadd_rn(total, __fmul_rn(sample, columns.share(x)));
        }
        return total;
    }
};

// Formats: the colour at a pixel of the rectangle.
template <int STEP, int RED>
struct Packed {
    template <class Resampling>
    __device__ static Colour colour(int y, int x, const PreprocessParameters& p) {
        const Resampling at(y, x, p.source_height, p.source_width, p);
        return Colour{
            at.value(Plane{p.pixels + (2 - RED), p.pitch, STEP}),
            at.value(Plane{p.pixels + 1, p.pitch, STEP}),
            at.value(Plane{p.pixels + RED, p.pitch, STEP}),
        };
    }
};

using Bgr = Packed<3, 2>;
using Bgrx = Packed<4, 2>;
using Rgb = Packed<3, 0>;

struct Nv12 {
    template <class Resampling>
    __device__ static Colour colour(int y, int x, const PreprocessParameters& p) {
        const Resampling on_luma(y, x, p.source_height, p.source_width, p);
        const Resampling on_chroma(y, x, p.source_height / 2, p.source_width / 2, p);
        const float value = on_luma.value(Plane{p.pixels, p.pitch, 1});
        const float luma = __fmul_rn(__fsub_rn(value, p.luma_offset), p.luma_gain);
        const float u = __fsub_rn(on_chroma.value(Plane{p.chroma, p.chroma_pitch, 2}), 128.0f);
        const float v = __fsub_rn(on_chroma.value(Plane{p.chroma + 1, p.chroma_pitch, 2}), 128.0f);
        const float green = __fsub_rn(luma, __fmul_rn(u, p.green_from_u));
        return Colour{
            clamped(__fadd_rn(luma, __fmul_rn(u, p.blue_from_u))),
            clamped(__fsub_rn(green, __fmul_rn(v, p.green_from_v))),
            clamped(__fadd_rn(luma, __fmul_rn(v, p.red_from_v))),
        };
    }

    __device__ static float clamped(float value) { return fminf(fmaxf(value, 0.0f), 255.0f); }
};

__device__ inline void show(const Colour& colour, int y, int x, const PreprocessParameters& p) {
    Byte* pixel = p.image + y * p.image_pitch + x * 3;
    pixel[0] = nearest_byte(colour.blue);
    pixel[1] = nearest_byte(colour.green);
    pixel[2] = nearest_byte(colour.red);
}

__device__ inline void store(float value, int index, const PreprocessParameters& p) {
    if (p.element == ELEMENT_FLOAT16) {
        static_cast<Half*>(p.input)[index] = half_nearest(value);
    } else if (p.element == ELEMENT_FLOAT32) {
        static_cast<float*>(p.input)[index] = value;
    } else {
        const float steps = rintf(__fdiv_rn(value, p.scale));
        static_cast<Signed*>(p.input)[index] =
            static_cast<Signed>(fminf(fmaxf(steps, -128.0f), 127.0f));
    }
}

template <class Format, class Resampling>
__device__ inline void preprocess(const PreprocessParameters& p) {
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= p.width || y >= p.height) return;
    float channels[3] = {p.pad[0], p.pad[1], p.pad[2]};
    const int row = y - p.top;
    const int column = x - p.left;
    if (row >= 0 && row < p.shown_height && column >= 0 && column < p.shown_width) {
        const Colour colour = Format::template colour<Resampling>(row, column, p);
        channels[0] = p.red_first ? colour.red : colour.blue;
        channels[1] = colour.green;
        channels[2] = p.red_first ? colour.blue : colour.red;
        if (p.image) show(colour, row, column, p);
    }
    for (int channel = 0; channel < 3; ++channel) {
        const float centred = __fsub_rn(channels[channel], p.mean[channel]);
        const float value = __fdiv_rn(centred, p.deviation[channel]);
        store(value, (channel * p.height + y) * p.width + x, p);
    }
}
