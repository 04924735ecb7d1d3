#include "device.h"

#include <cstdlib>
#include <cstring>

namespace stub {

namespace {

// A thread's contexts go with the thread.
struct ContextsOfThread {
    ~ContextsOfThread() {
        std::lock_guard<std::mutex> hold(device().state);
        device().pushed.erase(pthread_self());
    }
};

bool is_untouched(const unsigned char* margin) {
    for (std::size_t nth = 0; nth < MARGIN; ++nth) {
        if (margin[nth] != IN_MARGINS) return false;
    }
    return true;
}

}  // namespace

Device& device() {
    static Device* const only = new Device;
    return *only;
}

CUresult Device::answer_to(const std::string& call) {
    static thread_local ContextsOfThread leaving;
    (void)leaving;
    if (!started) return CUDA_ERROR_NOT_INITIALIZED;
    if (!pushed[pthread_self()]) return CUDA_ERROR_INVALID_CONTEXT;
    if (!retained) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    if (broken != CUDA_SUCCESS) return broken;
    if (refused.empty() || call.find(refused) == std::string::npos) return CUDA_SUCCESS;
    refused.clear();
    return CUDA_ERROR_INVALID_VALUE;
}

std::size_t Device::taken() const {
    std::size_t bytes = 0;
    for (const auto& held : blocks) {
        if (integrated || !held.second.host) bytes += held.second.size;
    }
    return bytes;
}

CUresult Device::allocate(std::size_t size, bool host, bool mapped, CUdeviceptr* address) {
    if (!size) return CUDA_ERROR_INVALID_VALUE;
    if ((integrated || !host) && size > capacity - taken()) return CUDA_ERROR_OUT_OF_MEMORY;
    void* memory = nullptr;
    if (posix_memalign(&memory, MARGIN, size + 2 * MARGIN)) return CUDA_ERROR_OUT_OF_MEMORY;
    std::memset(memory, IN_MARGINS, size + 2 * MARGIN);
    std::memset(static_cast<unsigned char*>(memory) + MARGIN, UNWRITTEN, size);
    *address = reinterpret_cast<CUdeviceptr>(memory) + MARGIN;
    blocks[*address] = Block{size, host, mapped, static_cast<unsigned char*>(memory)};
    return CUDA_SUCCESS;
}

CUresult Device::release(CUdeviceptr address, bool host) {
    const auto found = blocks.find(address);
    if (found == blocks.end() || found->second.host != host) return CUDA_ERROR_INVALID_VALUE;
    const Block held = found->second;
    blocks.erase(found);
    if (!is_untouched(held.memory) || !is_untouched(held.memory + MARGIN + held.size)) ++overruns;
    std::free(held.memory);
    return CUDA_SUCCESS;
}

const Block* Device::holding(CUdeviceptr address, std::size_t size) const {
    auto after = blocks.upper_bound(address);
    if (after == blocks.begin()) return nullptr;
    const auto& held = *--after;
    return address + size <= held.first + held.second.size ? &held.second : nullptr;
}

std::shared_ptr<Stream> Device::stream(CUstream handle) {
    if (!handle) {
        ++on_default_stream;
        return default_stream;
    }
    const auto found = streams.find(handle);
    return found == streams.end() ? nullptr : found->second;
}

CUresult Device::put(CUstream handle, Work work) {
    const auto found = stream(handle);
    if (!found) return CUDA_ERROR_INVALID_HANDLE;
    found->queue.push_back(std::move(work));
    return CUDA_SUCCESS;
}

CUresult Device::work_off(Stream& stream, const std::function<bool()>& done) {
    std::lock_guard<std::recursive_mutex> alone(running);
    for (;;) {
        Work work;
        {
            std::lock_guard<std::mutex> hold(state);
            if (broken != CUDA_SUCCESS) return broken;
            if (done() || stream.queue.empty()) return CUDA_SUCCESS;
            work = std::move(stream.queue.front());
            stream.queue.pop_front();
            milliseconds += 1;
        }
        work();
    }
}

CUresult Device::work_all_off() {
    std::vector<std::shared_ptr<Stream>> all{default_stream};
    {
        std::lock_guard<std::mutex> hold(state);
        for (const auto& held : streams) all.push_back(held.second);
    }
    for (const auto& each : all) {
        const CUresult left = work_off(*each, [] { return false; });
        if (left != CUDA_SUCCESS) return left;
    }
    return CUDA_SUCCESS;
}

void Device::break_with(CUresult error) {
    std::lock_guard<std::mutex> hold(state);
    if (broken == CUDA_SUCCESS) broken = error;
}

}  // namespace stub
