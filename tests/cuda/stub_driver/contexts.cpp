// The driver's functions for devices and contexts.
#include <cstring>

#include "device.h"

using stub::device;

namespace {

const CUcontext PRIMARY = reinterpret_cast<CUcontext>(&device);

}

extern "C" {

CUresult cuInit(unsigned flags) {
    if (flags) return CUDA_ERROR_INVALID_VALUE;
    if (device().absent) return CUDA_ERROR_NO_DEVICE;
    device().started = true;
    return CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int* version) {
    *version = CUDA_VERSION;
    return CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char** text) {
    static const std::map<CUresult, const char*> TEXTS = {
        {CUDA_ERROR_INVALID_VALUE, "invalid argument"},
        {CUDA_ERROR_OUT_OF_MEMORY, "out of memory"},
        {CUDA_ERROR_NOT_INITIALIZED, "initialization error"},
        {CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected"},
        {CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal"},
        {CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid"},
        {CUDA_ERROR_INVALID_CONTEXT, "invalid device context"},
        {CUDA_ERROR_CONTEXT_ALREADY_IN_USE,
         "exclusive-thread device already in use by a different thread"},
        {CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device"},
        {CUDA_ERROR_INVALID_HANDLE, "invalid resource handle"},
        {CUDA_ERROR_NOT_FOUND, "named symbol not found"},
        {CUDA_ERROR_NOT_READY, "device not ready"},
        {CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered"},
        {CUDA_ERROR_CONTEXT_IS_DESTROYED, "context is destroyed"},
        {CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure"},
        {CUDA_ERROR_NOT_SUPPORTED, "operation not supported"},
    };
    const auto found = TEXTS.find(error);
    *text = found == TEXTS.end() ? nullptr : found->second;
    return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuDeviceGetCount(int* count) {
    *count = 1;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice* found, int ordinal) {
    if (!device().started) return CUDA_ERROR_NOT_INITIALIZED;
    *found = 0;
    return ordinal ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char* name, int length, CUdevice) {
    std::strncpy(name, "Host", length);
    return CUDA_SUCCESS;
}

CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice) {
    *major = device().major;
    *minor = device().minor;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
    if (attribute != CU_DEVICE_ATTRIBUTE_INTEGRATED) return CUDA_ERROR_NOT_SUPPORTED;
    *value = device().integrated;
    return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) {
    std::lock_guard<std::mutex> hold(device().state);
    ++device().retained;
    *context = PRIMARY;
    return CUDA_SUCCESS;
}

// It takes the context off no thread's stack, as NVIDIA's manual warns.
CUresult cuDevicePrimaryCtxRelease(CUdevice) {
    std::lock_guard<std::mutex> hold(device().state);
    if (!device().retained) return CUDA_ERROR_INVALID_CONTEXT;
    --device().retained;
    return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent(CUcontext context) {
    std::lock_guard<std::mutex> hold(device().state);
    if (context != PRIMARY) return CUDA_ERROR_INVALID_CONTEXT;
    for (const auto& stack : device().pushed) {
        if (device().exclusive && stack.second) return CUDA_ERROR_CONTEXT_ALREADY_IN_USE;
    }
    ++device().pushed[pthread_self()];
    return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent(CUcontext* context) {
    IN_CONTEXT("cuCtxPopCurrent");
    --device().pushed[pthread_self()];
    if (context) *context = PRIMARY;
    return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice* found) {
    IN_CONTEXT("cuCtxGetDevice");
    *found = 0;
    return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize() {
    {
        IN_CONTEXT("cuCtxSynchronize");
    }
    return device().work_all_off();
}

}  // extern "C"
