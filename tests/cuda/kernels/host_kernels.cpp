// The kernels as functions of the host, launched by name with the bytes that a GPU would get.
#include <setjmp.h>
#include <ucontext.h>

#include <cstddef>
#include <memory>
#include <numeric>
#include <vector>

#include "host_shim.h"
#include "kernels.cu"

// The linker's names for the ends of the section that `__shared__` puts variables into.
extern "C" char __start_shared_memory[] __attribute__((visibility("hidden")));
extern "C" char __stop_shared_memory[] __attribute__((visibility("hidden")));

namespace {

constexpr int STACK_BYTES = 1 << 16;

enum class State { READY, AT_BLOCK_BARRIER, AT_WARP_BARRIER, FINISHED };

struct Fibre {
    jmp_buf place;
    std::unique_ptr<char[]> stack;
    Index index;
    State state;
};

struct Kernel {
    const char* name;
    void (*run)(const void* parameters);
};

template <class Parameters, void KERNEL_FUNCTION(Parameters)>
void call(const void* parameters) {
    KERNEL_FUNCTION(*static_cast<const Parameters*>(parameters));
}

#define PREPROCESS(name) {#name, call<PreprocessParameters, name>}
const Kernel KERNELS[] = {
    PREPROCESS(preprocess_bgr_bilinear),
    PREPROCESS(preprocess_bgr_area),
    PREPROCESS(preprocess_bgrx_bilinear),
    PREPROCESS(preprocess_bgrx_area),
    PREPROCESS(preprocess_rgb_bilinear),
    PREPROCESS(preprocess_rgb_area),
    PREPROCESS(preprocess_nv12_bilinear),
    PREPROCESS(preprocess_nv12_area),
    {"labels_float16", call<LabelsParameters, labels_float16>},
    {"labels_float32", call<LabelsParameters, labels_float32>},
    {"resize_labels", call<ResizeParameters, resize_labels>},
};

jmp_buf scheduler;
std::vector<Fibre> fibres;
Fibre* running;
const Kernel* launched;
const void* given;

// Contexts are switched by jumps: unlike swapcontext, they ask nothing of the kernel.
void leave_as(State state) {
    running->state = state;
    if (!_setjmp(running->place)) _longjmp(scheduler, 1);
}

void live() {
    for (;;) {
        launched->run(given);
        leave_as(State::FINISHED);
    }
}

void resume(Fibre& fibre) {
    running = &fibre;
    threadIdx = fibre.index;
    if (_setjmp(scheduler)) return;
    if (fibre.stack) _longjmp(fibre.place, 1);
    fibre.stack.reset(new char[STACK_BYTES]);
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = fibre.stack.get();
    context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&context, live, 0);
    setcontext(&context);
}

bool all_are(State state, std::size_t first, std::size_t end) {
    for (std::size_t nth = first; nth < end; ++nth) {
        if (fibres[nth].state != state) return false;
    }
    return true;
}

bool release(State barrier, std::size_t first, std::size_t end) {
    if (!all_are(barrier, first, end)) return false;
    for (std::size_t nth = first; nth < end; ++nth) fibres[nth].state = State::READY;
    return true;
}

// Threads that wait where others of their warp or block never come would hang the device.
bool release_somebody() {
    bool released = release(State::AT_BLOCK_BARRIER, 0, fibres.size());
    for (std::size_t warp = 0; warp < fibres.size(); warp += 32) {
        released = release(State::AT_WARP_BARRIER, warp, warp + 32) || released;
    }
    return released;
}

// False where threads wait for each other in vain.
bool run_block(const std::vector<unsigned>& order) {
    std::memset(__start_shared_memory, 0xA5, __stop_shared_memory - __start_shared_memory);
    for (Fibre& fibre : fibres) fibre.state = State::READY;
    while (!all_are(State::FINISHED, 0, fibres.size())) {
        bool progress = false;
        for (const unsigned thread : order) {
            if (fibres[thread].state != State::READY) continue;
            resume(fibres[thread]);
            progress = true;
        }
        if (!progress && !release_somebody()) return false;
    }
    return true;
}

}  // namespace

void host::wait_for_block() { leave_as(State::AT_BLOCK_BARRIER); }
void host::wait_for_warp() { leave_as(State::AT_WARP_BARRIER); }

enum Outcome { DONE, NO_SUCH_KERNEL, BARRIER_DIVERGED };

// `grid` and `block` are x, y, z; `stride`, coprime with the block's size, orders the threads.
extern "C" int launch(const char* name, const unsigned* grid, const unsigned* block,
                      const void* parameters, unsigned stride) {
    launched = nullptr;
    for (const Kernel& kernel : KERNELS) {
        if (!std::strcmp(kernel.name, name)) launched = &kernel;
    }
    if (!launched) return NO_SUCH_KERNEL;
    given = parameters;
    gridDim = Index{grid[0], grid[1], grid[2]};
    blockDim = Index{block[0], block[1], block[2]};
    const unsigned threads = block[0] * block[1];
    if (fibres.size() != threads) fibres = std::vector<Fibre>(threads);
    std::vector<unsigned> order(threads);
    for (unsigned nth = 0; nth < threads; ++nth) {
        order[nth] = nth * stride % threads;
        fibres[nth].index = Index{nth % blockDim.x, nth / blockDim.x, 0};
    }
    for (unsigned y = 0; y < grid[1]; ++y) {
        for (unsigned x = 0; x < grid[0]; ++x) {
            blockIdx = Index{x, y, 0};
            if (run_block(order)) continue;
            fibres.clear();
            return BARRIER_DIVERGED;
        }
    }
    return DONE;
}

// What Python says about the parameters' layout, as assertions; written before compiling.
#include "layout.inc"

extern "C" unsigned short half_from_float(float value) { return host::half_from_float(value); }
extern "C" float float_from_half(unsigned short bits) { return host::float_from_half(bits); }
