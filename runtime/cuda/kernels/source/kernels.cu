// The kernels by name; the headers hold their bodies. Every block has 32 x 8 threads.
#include "labels.cuh"
#include "preprocess.cuh"
#include "resize.cuh"

#define KERNEL extern "C" __global__ void __launch_bounds__(256)
// Four blocks to a multiprocessor leave 64 registers, with which nothing spills on any architecture.
#define WIDE_KERNEL extern "C" __global__ void __launch_bounds__(256, 4)

KERNEL preprocess_bgr_bilinear(PreprocessParameters p) { preprocess<Bgr, Bilinear>(p); }
KERNEL preprocess_bgr_area(PreprocessParameters p) { preprocess<Bgr, Area>(p); }
KERNEL preprocess_bgrx_bilinear(PreprocessParameters p) { preprocess<Bgrx, Bilinear>(p); }
KERNEL preprocess_bgrx_area(PreprocessParameters p) { preprocess<Bgrx, Area>(p); }
KERNEL preprocess_rgb_bilinear(PreprocessParameters p) { preprocess<Rgb, Bilinear>(p); }
KERNEL preprocess_rgb_area(PreprocessParameters p) { preprocess<Rgb, Area>(p); }
KERNEL preprocess_nv12_bilinear(PreprocessParameters p) { preprocess<Nv12, Bilinear>(p); }
KERNEL preprocess_nv12_area(PreprocessParameters p) { preprocess<Nv12, Area>(p); }

WIDE_KERNEL labels_float16(LabelsParameters p) {
    __shared__ Tile tile;
    label_tile<Half>(p, tile);
}

WIDE_KERNEL labels_float32(LabelsParameters p) {
    __shared__ Tile tile;
    label_tile<float>(p, tile);
}

KERNEL resize_labels(ResizeParameters p) { resize(p); }
