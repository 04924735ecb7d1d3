// The driver's functions for memory.
//
// Stricter than NVIDIA's where a mistake of ours would only be slow: none but page-locked memory is
// copied asynchronously, and what is queued must be done before its memory is freed.
#include <cstring>

#include "device.h"

using stub::device;

namespace {

// A copy whose memory is looked for when it is queued and again when its turn comes.
CUresult put_copy(CUstream stream, CUdeviceptr to, CUdeviceptr from, std::size_t size,
                  CUdeviceptr on_host) {
    const auto both_there = [=] {
        return device().holding(to, size) && device().holding(from, size);
    };
    if (!both_there() || !device().holding(on_host, size)->host) return CUDA_ERROR_INVALID_VALUE;
    return device().put(stream, [=] {
        bool there;
        {
            std::lock_guard<std::mutex> hold(device().state);
            there = both_there();
        }
        if (!there) return device().break_with(CUDA_ERROR_ILLEGAL_ADDRESS);
        std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), size);
    });
}

}  // namespace

extern "C" {

CUresult cuMemGetInfo(std::size_t* available, std::size_t* total) {
    IN_CONTEXT("cuMemGetInfo");
    *available = device().capacity - device().taken();
    *total = device().capacity;
    return CUDA_SUCCESS;
}

CUresult cuMemAlloc(CUdeviceptr* address, std::size_t size) {
    IN_CONTEXT("cuMemAlloc");
    return device().allocate(size, false, false, address);
}

CUresult cuMemFree(CUdeviceptr address) {
    IN_CONTEXT("cuMemFree");
    return device().release(address, false);
}

CUresult cuMemHostAlloc(void** address, std::size_t size, unsigned flags) {
    IN_CONTEXT("cuMemHostAlloc");
    CUdeviceptr found = 0;
    const bool mapped = flags & CU_MEMHOSTALLOC_DEVICEMAP;
    const CUresult outcome = device().allocate(size, true, mapped, &found);
    *address = reinterpret_cast<void*>(found);
    return outcome;
}

CUresult cuMemFreeHost(void* address) {
    IN_CONTEXT("cuMemFreeHost");
    return device().release(reinterpret_cast<CUdeviceptr>(address), true);
}

CUresult cuMemHostGetDevicePointer(CUdeviceptr* found, void* address, unsigned) {
    IN_CONTEXT("cuMemHostGetDevicePointer");
    *found = reinterpret_cast<CUdeviceptr>(address);
    const stub::Block* block = device().holding(*found, 1);
    return block && block->mapped ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, std::size_t size, CUstream stream) {
    IN_CONTEXT("cuMemcpyHtoDAsync");
    const auto source = reinterpret_cast<CUdeviceptr>(from);
    return put_copy(stream, to, source, size, source);
}

CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, std::size_t size, CUstream stream) {
    IN_CONTEXT("cuMemcpyDtoHAsync");
    const auto target = reinterpret_cast<CUdeviceptr>(to);
    return put_copy(stream, target, from, size, target);
}

CUresult cuMemcpyHtoD(CUdeviceptr to, const void* from, std::size_t size) {
    IN_CONTEXT("cuMemcpyHtoD");
    if (!device().holding(to, size)) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(reinterpret_cast<void*>(to), from, size);
    return CUDA_SUCCESS;
}

CUresult cuMemcpyDtoH(void* to, CUdeviceptr from, std::size_t size) {
    IN_CONTEXT("cuMemcpyDtoH");
    if (!device().holding(from, size)) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(to, reinterpret_cast<const void*>(from), size);
    return CUDA_SUCCESS;
}

CUresult cuMemsetD32Async(CUdeviceptr address, unsigned word, std::size_t words, CUstream stream) {
    IN_CONTEXT("cuMemsetD32Async");
    if (address % 4 || !device().holding(address, 4 * words)) return CUDA_ERROR_INVALID_VALUE;
    return device().put(stream, [=] {
        unsigned* const first = reinterpret_cast<unsigned*>(address);
        for (std::size_t nth = 0; nth < words; ++nth) first[nth] = word;
    });
}

}  // extern "C"
