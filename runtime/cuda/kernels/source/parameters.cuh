// What the kernels take by value; parameters.py says what each field means.
#pragma once

#include "arithmetic.cuh"

enum Element { ELEMENT_FLOAT32 = 0, ELEMENT_FLOAT16 = 1, ELEMENT_INT8 = 2 };

struct PreprocessParameters {
    const Byte* pixels;
    const Byte* chroma;
    void* input;
    Byte* image;
    int pitch;
    int chroma_pitch;
    int image_pitch;
    int source_height;
    int source_width;
    int height;
    int width;
    int top;
    int left;
    int shown_height;
    int shown_width;
    int element;
    int red_first;
    float pad[3];
    float mean[3];
    float deviation[3];
    float scale;
    float luma_offset;
    float luma_gain;
    float red_from_v;
    float green_from_u;
    float green_from_v;
    float blue_from_u;
};

constexpr int IDS = 256;

struct Tally {
    unsigned counts[IDS];
    unsigned faults;
};

struct LabelsParameters {
    const void* logits;
    Byte* labels;
    const Byte* image;
    Byte* overlay;
    Tally* tally;
    int classes;
    int grid_height;
    int grid_width;
    int class_stride;
    int row_stride;
    int column_stride;
    int height;
    int width;
    int top;
    int left;
    int shown_height;
    int shown_width;
    int labels_pitch;
    int image_pitch;
    int overlay_pitch;
    float opacity;
    float transparency;
    Byte palette[3 * IDS];
};

struct ResizeParameters {
    const Byte* labels;
    Byte* resized;
    int labels_pitch;
    int resized_pitch;
    int source_height;
    int source_width;
    int height;
    int width;
};
