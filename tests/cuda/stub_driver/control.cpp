// What tests set and ask, called through ctypes by tests/cuda/stub_driver/gpu.py.
#include "device.h"

using stub::device;

namespace {

using Locked = std::lock_guard<std::mutex>;

}

extern "C" {

// A new machine: what earlier tests left behind is forgotten.
void stub_reset(int integrated, int major, int minor, std::size_t capacity) {
    Locked hold(device().state);
    device().integrated = integrated;
    device().major = major;
    device().minor = minor;
    device().capacity = capacity;
    device().broken = CUDA_SUCCESS;
    device().refused.clear();
    device().forgotten.clear();
    device().exclusive = device().absent = false;
    device().overruns = device().on_default_stream = device().retained = 0;
    device().pushed.clear();
    device().blocks.clear();
    device().streams.clear();
    device().events.clear();
    device().modules.clear();
}

void stub_image(const char* content, std::size_t size, int major, int minor, int translated) {
    Locked hold(device().state);
    device().images.push_back({std::string(content, size), major, minor, translated != 0});
}

void stub_kernel(const char* name, std::size_t parameters) {
    Locked hold(device().state);
    device().kernels[name] = {name, parameters};
}

void stub_launcher(stub::Launcher launcher) { device().launcher = launcher; }

void stub_capability(int major, int minor) {
    device().major = major;
    device().minor = minor;
}

void stub_capacity(std::size_t bytes) {
    Locked hold(device().state);
    device().capacity = bytes;
}

std::size_t stub_taken() {
    Locked hold(device().state);
    return device().taken();
}

void stub_break(int error) {
    Locked hold(device().state);
    device().broken = static_cast<CUresult>(error);
}

void stub_refuse(const char* part_of_call) {
    Locked hold(device().state);
    device().refused = part_of_call;
}

void stub_exclusive(int exclusive) {
    Locked hold(device().state);
    device().exclusive = exclusive;
}

void stub_absent(int absent) {
    Locked hold(device().state);
    device().absent = absent;
}

void stub_forget(const char* first_letters_of_kernels) {
    Locked hold(device().state);
    device().forgotten = first_letters_of_kernels;
}

// The error that the calling thread would get from a call of this name.
int stub_answer(const char* call) {
    Locked hold(device().state);
    return device().answer_to(call);
}

// How many of `what` there are; -1 where the word is unknown.
int stub_count(const char* what) {
    Locked hold(device().state);
    const std::map<std::string, std::size_t> counts = {
        {"retained", device().retained},      {"blocks", device().blocks.size()},
        {"streams", device().streams.size()}, {"events", device().events.size()},
        {"modules", device().modules.size()}, {"overruns", device().overruns},
        {"on_default_stream", device().on_default_stream},
    };
    const auto found = counts.find(what);
    return found == counts.end() ? -1 : static_cast<int>(found->second);
}

// Writes one thread for each context that is pushed; gives how many there are.
int stub_pushed(unsigned long* threads, int room) {
    Locked hold(device().state);
    int count = 0;
    for (const auto& stack : device().pushed) {
        for (int nth = 0; nth < stack.second; ++nth, ++count) {
            if (count < room) threads[count] = stack.first;
        }
    }
    return count;
}

// Whether all these bytes lie in memory that was given out and not freed.
int stub_holds(CUdeviceptr address, std::size_t size) {
    Locked hold(device().state);
    return device().holding(address, size) != nullptr;
}

// Queues work of another library, such as TensorRT's, which will be called with its number. False
// where there is no such stream.
int stub_queue(CUstream handle, void (*work)(int), int number) {
    Locked hold(device().state);
    return device().put(handle, [=] { work(number); }) == CUDA_SUCCESS;
}

}  // extern "C"
