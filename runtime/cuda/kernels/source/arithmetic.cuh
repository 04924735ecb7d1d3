// Numbers: the few operations in which a result must equal NumPy's bit for bit.
//
// NumPy rounds every product and every sum to float32. A compiler may fuse the two into one
// instruction that rounds once, which changes labels where two classes are within rounding of each
// other. The intrinsics below are never fused; --fmad=false says the same of everything else, and
// the host's compiler is told -ffp-contract=off.
#pragma once

using Byte = unsigned char;
using Signed = signed char;

// A float16 as its bits: the conversions are single instructions and need no header of CUDA's.
struct Half {
    unsigned short bits;
};

__device__ inline float wide(Half value) {
#ifdef __CUDA_ARCH__
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
    return result;
#else
    return host::float_from_half(value.bits);
#endif
}

__device__ inline Half half_nearest(float value) {
    Half result;
#ifdef __CUDA_ARCH__
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
#else
    result.bits = host::half_from_float(value);
#endif
    return result;
}

// Read through the cache for what no kernel writes while it runs.
__device__ inline float read(const Byte* address) { return static_cast<float>(__ldg(address)); }
__device__ inline float read(const float* address) { return __ldg(address); }
__device__ inline float read(const Half* address) {
    return wide(Half{__ldg(&address->bits)});
}

// `bilinear.blend`: each product is rounded, then their sum.
__device__ inline float blend(float before, float after, float before_weight, float after_weight) {
    return __fadd_rn(__fmul_rn(before, before_weight), __fmul_rn(after, after_weight));
}

__device__ inline Byte nearest_byte(float value) {
    return static_cast<Byte>(__float2int_rn(value));
}
