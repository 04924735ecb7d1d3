// The driver's functions for streams and events.
//
// A stream that waits for the default one is refused, as it would only be slow.
#include "device.h"

using stub::device;

namespace {

stub::Event* known(CUevent handle) {
    return device().events.count(handle) ? reinterpret_cast<stub::Event*>(handle) : nullptr;
}

CUresult wait_for(const std::shared_ptr<stub::Mark>& mark) {
    return mark ? device().work_off(*mark->stream, [mark] { return mark->passed; }) : CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
    IN_CONTEXT("cuStreamCreate");
    if (flags != CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
    const auto made = std::make_shared<stub::Stream>();
    *stream = reinterpret_cast<CUstream>(made.get());
    device().streams[*stream] = made;
    return CUDA_SUCCESS;
}

CUresult cuStreamDestroy(CUstream stream) {
    IN_CONTEXT("cuStreamDestroy");
    return device().streams.erase(stream) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuStreamSynchronize(CUstream handle) {
    std::shared_ptr<stub::Stream> stream;
    {
        IN_CONTEXT("cuStreamSynchronize");
        stream = device().stream(handle);
    }
    if (!stream) return CUDA_ERROR_INVALID_HANDLE;
    return device().work_off(*stream, [] { return false; });
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent event, unsigned) {
    IN_CONTEXT("cuStreamWaitEvent");
    if (!known(event)) return CUDA_ERROR_INVALID_HANDLE;
    const auto mark = known(event)->mark;
    return device().put(handle, [mark] { wait_for(mark); });
}

CUresult cuEventCreate(CUevent* event, unsigned flags) {
    IN_CONTEXT("cuEventCreate");
    if (flags & ~(CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    *event = reinterpret_cast<CUevent>(new stub::Event);
    device().events.insert(*event);
    return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent event) {
    IN_CONTEXT("cuEventDestroy");
    if (!device().events.erase(event)) return CUDA_ERROR_INVALID_HANDLE;
    delete reinterpret_cast<stub::Event*>(event);
    return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent event, CUstream handle) {
    IN_CONTEXT("cuEventRecord");
    const auto stream = device().stream(handle);
    if (!stream || !known(event)) return CUDA_ERROR_INVALID_HANDLE;
    const auto mark = std::make_shared<stub::Mark>(stub::Mark{stream, false, 0});
    known(event)->mark = mark;
    // The queue must not keep itself alive.
    const std::weak_ptr<stub::Mark> passing = mark;
    stream->queue.push_back([passing] {
        std::lock_guard<std::mutex> hold(device().state);
        if (const auto left = passing.lock()) {
            left->passed = true;
            left->milliseconds = device().milliseconds;
        }
    });
    return CUDA_SUCCESS;
}

CUresult cuEventSynchronize(CUevent event) {
    std::shared_ptr<stub::Mark> mark;
    {
        IN_CONTEXT("cuEventSynchronize");
        if (!known(event)) return CUDA_ERROR_INVALID_HANDLE;
        mark = known(event)->mark;
    }
    return wait_for(mark);
}

CUresult cuEventElapsedTime(float* milliseconds, CUevent from, CUevent till) {
    IN_CONTEXT("cuEventElapsedTime");
    if (!known(from) || !known(till)) return CUDA_ERROR_INVALID_HANDLE;
    const auto start = known(from)->mark, end = known(till)->mark;
    if (!start || !end) return CUDA_ERROR_INVALID_HANDLE;
    if (!start->passed || !end->passed) return CUDA_ERROR_NOT_READY;
    *milliseconds = end->milliseconds - start->milliseconds;
    return CUDA_SUCCESS;
}

}  // extern "C"
