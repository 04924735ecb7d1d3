// The driver's functions for binaries and kernels.
#include "device.h"

using stub::device;

namespace {

struct KernelArguments {
    const void* buffer;
    std::size_t size;
};

KernelArguments packed(void** extra) {
    KernelArguments found{nullptr, 0};
    for (; extra && *extra != CU_LAUNCH_PARAM_END; extra += 2) {
        if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER) found.buffer = extra[1];
        if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE) found.size = *static_cast<size_t*>(extra[1]);
    }
    return found;
}

// Whose length is not told: no byte is read behind the first that differs.
bool is(const void* image, const std::string& known) {
    const char* next = static_cast<const char*>(image);
    for (const char byte : known) {
        if (*next++ != byte) return false;
    }
    return true;
}

}  // namespace

extern "C" {

CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count,
                            CUjit_option* options, void** values) {
    IN_CONTEXT("cuModuleLoadDataEx");
    for (unsigned nth = 0; nth < count; ++nth) {
        // Nothing was written into the logs.
        if (options[nth] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) values[nth] = nullptr;
        if (options[nth] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES) values[nth] = nullptr;
    }
    for (const stub::Image& known : device().images) {
        if (!is(image, known.content)) continue;
        const bool own = known.major == device().major && known.minor == device().minor;
        if (!own && !known.translated) return CUDA_ERROR_NO_BINARY_FOR_GPU;
        *module = reinterpret_cast<CUmodule>(new char);
        device().modules.insert(*module);
        return CUDA_SUCCESS;
    }
    return CUDA_ERROR_INVALID_IMAGE;
}

CUresult cuModuleUnload(CUmodule module) {
    IN_CONTEXT("cuModuleUnload");
    if (!device().modules.erase(module)) return CUDA_ERROR_INVALID_HANDLE;
    delete reinterpret_cast<char*>(module);
    return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
    IN_CONTEXT("cuModuleGetFunction");
    if (!device().modules.count(module)) return CUDA_ERROR_INVALID_HANDLE;
    const auto found = device().kernels.find(name);
    if (found == device().kernels.end()) return CUDA_ERROR_NOT_FOUND;
    *function = reinterpret_cast<CUfunction>(&found->second);
    return CUDA_SUCCESS;
}

// pycuda asks for what it shows as a function's attributes, and sets a block that it gives again.
CUresult cuFuncGetAttribute(int* value, CUfunction_attribute, CUfunction) {
    *value = 0;
    return CUDA_SUCCESS;
}

CUresult cuFuncSetBlockShape(CUfunction, int, int, int) { return CUDA_SUCCESS; }

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned,
                        CUstream stream, void**, void** extra) {
    const auto& kernel = *reinterpret_cast<const stub::Kernel*>(function);
    IN_CONTEXT("cuLaunchKernel " + kernel.name);
    const KernelArguments given = packed(extra);
    const unsigned threads = block_x * block_y * block_z;
    const bool fits = grid_x && grid_y && grid_z && grid_y < 65536 && grid_z < 65536 &&
                      threads && threads <= 1024;
    if (!fits || given.size != kernel.parameters) return CUDA_ERROR_INVALID_VALUE;
    const std::string parameters(static_cast<const char*>(given.buffer), given.size);
    return device().put(stream, [=, &kernel] {
        const std::string& forgotten = device().forgotten;
        if (!forgotten.empty() && !kernel.name.compare(0, forgotten.size(), forgotten)) return;
        const unsigned grid[] = {grid_x, grid_y, grid_z}, block[] = {block_x, block_y, block_z};
        if (device().launcher(kernel.name.c_str(), grid, block, parameters.data(), 1)) {
            device().break_with(CUDA_ERROR_LAUNCH_FAILED);
        }
    });
}

}  // extern "C"
