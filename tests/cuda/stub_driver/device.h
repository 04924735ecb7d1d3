// A device of the host behind the functions of NVIDIA's driver: its rules, its memory, its queues.
//
// What is queued on a stream is done only when somebody waits for it, by the thread that waits, so
// that a forgotten wait shows as a wrong result. Nothing is freed but by the call that frees it, so
// that what was left behind can be counted.
#pragma once

#include <cuda.h>
#include <pthread.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace stub {

constexpr std::size_t MARGIN = 256;
constexpr unsigned char IN_MARGINS = 0xFF;
constexpr unsigned char UNWRITTEN = 0xA5;

using Work = std::function<void()>;

struct Stream {
    std::deque<Work> queue;
};

// One recording of an event.
struct Mark {
    std::shared_ptr<Stream> stream;
    bool passed;
    float milliseconds;
};

struct Event {
    std::shared_ptr<Mark> mark;
};

// Memory that the driver gave out; `host` where the processor reaches it, `mapped` where both do.
struct Block {
    std::size_t size;
    bool host;
    bool mapped;
    unsigned char* memory;
};

struct Kernel {
    std::string name;
    std::size_t parameters;
};

// A binary that the device loads.
struct Image {
    std::string content;
    int major, minor;
    bool translated;
};

using Launcher = int (*)(const char*, const unsigned*, const unsigned*, const void*, unsigned);

struct Device {
    // Guards what follows; never held while queued work runs, which may need Python.
    std::mutex state;
    // Held by whoever works a queue off.
    std::recursive_mutex running;

    bool started = false;
    bool integrated = false;
    int major = 9, minor = 0;
    std::size_t capacity = 0;
    // An error that sticks; part of the name of a call to refuse once.
    CUresult broken = CUDA_SUCCESS;
    std::string refused;
    // Whether a context can be current in one thread only, whether there is no device at all, and
    // the first letters of kernels that do nothing.
    bool exclusive = false;
    bool absent = false;
    std::string forgotten;
    // Counts once a margin was written into.
    int overruns = 0;
    int on_default_stream = 0;
    int retained = 0;
    float milliseconds = 0;

    Launcher launcher = nullptr;
    std::vector<Image> images;
    std::map<std::string, Kernel> kernels;

    std::map<pthread_t, int> pushed;
    std::map<CUdeviceptr, Block> blocks;
    std::map<CUstream, std::shared_ptr<Stream>> streams;
    std::set<CUevent> events;
    std::set<CUmodule> modules;
    std::shared_ptr<Stream> default_stream = std::make_shared<Stream>();

    // What the driver asks of every call in a context; the state is locked.
    CUresult answer_to(const std::string& call);

    // Bytes of the device's own memory that were given out.
    std::size_t taken() const;
    CUresult allocate(std::size_t size, bool host, bool mapped, CUdeviceptr* address);
    CUresult release(CUdeviceptr address, bool host);
    // The block that all of these bytes lie in, or null.
    const Block* holding(CUdeviceptr address, std::size_t size) const;

    std::shared_ptr<Stream> stream(CUstream handle);
    // Queues work; the state is locked.
    CUresult put(CUstream handle, Work work);
    // Does what is queued until `done` or until nothing is left.
    CUresult work_off(Stream& stream, const std::function<bool()>& done);
    CUresult work_all_off();
    void break_with(CUresult error);
};

// Never destroyed: Python frees what it holds while the process ends.
Device& device();

}  // namespace stub

// The beginning of every function that needs a context; the state stays locked to its end.
#define IN_CONTEXT(call)                                              \
    std::lock_guard<std::mutex> hold(stub::device().state);           \
    if (const CUresult refusal = stub::device().answer_to(call)) return refusal
