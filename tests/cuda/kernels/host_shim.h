// What CUDA gives to the kernels, for the host's compiler: the same sources run here, thread by
// thread, so that tests can hold them to the references without a GPU.
//
// A block's threads are fibres of one thread of the host: each runs until it meets a barrier or its
// end. Shared memory is poisoned before each block, as the device's is undefined; the order of the
// threads is the caller's choice, so that what depends on it shows.
#pragma once

#include <cmath>
#include <cstring>

#define __device__
#define __global__
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("shared_memory")))

struct Index {
    unsigned x, y, z;
};
static Index threadIdx, blockIdx, blockDim, gridDim;

namespace host {

// Bit by bit, because not every host compiler knows the type.
inline float float_from_half(unsigned short bits) {
    const int exponent = bits >> 10 & 31;
    const int fraction = bits & 1023;
    float magnitude;
    if (exponent == 31) {
        magnitude = fraction ? NAN : INFINITY;
    } else if (exponent == 0) {
        magnitude = std::ldexp(static_cast<float>(fraction), -24);
    } else {
        magnitude = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
    }
    return bits & 0x8000 ? -magnitude : magnitude;
}

inline unsigned short half_from_float(float value) {
    const unsigned short sign = std::signbit(value) ? 0x8000 : 0;
    const float magnitude = std::fabs(value);
    if (std::isnan(value)) return sign | 0x7E00;
    if (magnitude >= 65520.0f) return sign | 0x7C00;
    // Steps between halves: 2^-24 up to the smallest normal one, then 2^-10 of the power below.
    const int step = magnitude < std::ldexp(1.0f, -14) ? -24 : std::ilogb(magnitude) - 10;
    const int steps = static_cast<int>(std::rint(std::ldexp(magnitude, -step)));
    return sign | static_cast<unsigned short>(steps + (step + 24) * 1024);
}

void wait_for_block();
void wait_for_warp();

}  // namespace host

template <class Number>
inline Number min(Number a, Number b) { return b < a ? b : a; }
template <class Number>
inline Number max(Number a, Number b) { return a < b ? b : a; }
template <class Value>
inline Value __ldg(const Value* address) { return *address; }

inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline int __float2int_rn(float value) { return static_cast<int>(std::lrint(value)); }
inline int __ffs(unsigned bits) { return __builtin_ffs(static_cast<int>(bits)); }
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }

inline unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

inline float __uint_as_float(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline unsigned atomicAdd(unsigned* address, unsigned value) {
    const unsigned old = *address;
    *address = old + value;
    return old;
}

inline unsigned atomicMax(unsigned* address, unsigned value) {
    const unsigned old = *address;
    *address = max(old, value);
    return old;
}

inline unsigned atomicOr(unsigned* address, unsigned value) {
    const unsigned old = *address;
    *address = old | value;
    return old;
}

inline void __syncthreads() { host::wait_for_block(); }
inline void __syncwarp() { host::wait_for_warp(); }
