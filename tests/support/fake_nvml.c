/* A libnvidia-ml.so.1 without a GPU, so that the real nvidia-ml-py can be run. What it answers stands in the environment,
   which is read at each call:
   FAKE_PROFILE  a row of PROFILES: the name, and what that board's driver does not support
   FAKE_OFF      more calls that answer NOT_SUPPORTED, by their letters
   FAKE_MW       power of the first GPU in milliwatts; the second one draws twice as much
   FAKE_SCRIPT   instead of it "SECONDS:MILLIWATTS,...": straight lines between points, steps if two have one time
   FAKE_EPOCH    CLOCK_MONOTONIC at the script's second 0
   FAKE_COUNTS   the energy counter's gain, percent
   FAKE_JUMP     what is added to the energy counter, millijoules
   FAKE_RESET, FAKE_STILL  the script's second at which the counter begins again from 0, or stands still
   FAKE_LIMIT    the highest power limit in milliwatts; without it none is reported
   FAKE_GPUS     how many; FAKE_DEAD is the index of one without a handle
   FAKE_MODULE_ONLY, FAKE_MIG (two slices on each GPU), FAKE_GONE (a file: once it exists, the GPU is lost)
   A call that is not here is one that an older driver does not know. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15, FIRST_SLICE = 100 };
enum { AMPERE = 7, ADA = 8, HOPPER = 9, BLACKWELL = 10 };
typedef struct { unsigned field, scope; long long time, latency; int type, status; union { unsigned u; double d; } value; } Field;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } Process;
typedef struct { unsigned long long total, free, used; } Memory;

/* Letters: I instantaneous power field, P power usage, E energy counter, B bytes of memory, M MIG, V processes,
   T temperature, C clocks, R reasons for slow clocks, D the UUID, S a slice's board; K is no call: the UUID of a lost GPU is kept.
   GB10, Orin and Thor are as their owners report. Whether a Thor counts energy nobody has said: here it does not. */
static const struct { const char *profile, *name, *off; int tick_ms, architecture; double bytes; } PROFILES[] = {
    {"", "NVIDIA GB10", "B", 0, BLACKWELL, 0},
    {"H200", "NVIDIA H200", "", 100, HOPPER, 150e9},
    {"RTX", "NVIDIA GeForce RTX 4090", "M", 100, ADA, 25e9},
    {"GB10", "NVIDIA GB10", "BM", 100, BLACKWELL, 0},
    {"Thor", "NVIDIA Thor", "BME", 100, BLACKWELL, 0},
    {"Orin", "Orin (nvgpu)", "IPEBMVTCRD", 100, AMPERE, 0},
};

static int number(const char *name, int otherwise) { const char *t = getenv(name); return t ? atoi(t) : otherwise; }
static double real(const char *name, double otherwise) { const char *t = getenv(name); return t ? atof(t) : otherwise; }
static int gone(void) { const char *t = getenv("FAKE_GONE"); return t && access(t, F_OK) == 0; }
static int profile(void) {
    const char *asked = getenv("FAKE_PROFILE");
    int last = sizeof PROFILES / sizeof *PROFILES - 1;
    while (last && (asked == NULL || strcmp(PROFILES[last].profile, asked))) last--;
    return last;
}
static int off(char letter) {
    const char *more = getenv("FAKE_OFF");
    return strchr(PROFILES[profile()].off, letter) != NULL || (more && strchr(more, letter) != NULL);
}
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9 - real("FAKE_EPOCH", 0);
}
static int is_slice(void *handle) { return (long)handle > FIRST_SLICE; }

/* Power and its exact integral since second 0, in milliwatts and millijoules, of the first GPU. */
static double follow(double second, int integral) {
    const char *text = getenv("FAKE_SCRIPT");
    if (text == NULL) return number("FAKE_MW", 30000) * (integral ? second : 1);
    double t0 = 0, p0 = 0, sum = 0;
    for (int first = 1;; first = 0) {
        char *rest;
        double t = strtod(text, &rest), p = strtod(rest + 1, &rest);
        if (first && second < t) return integral ? p * (second - t) : p;
        if (!first && second < t) {
            double here = p0 + (p - p0) * (second - t0) / (t - t0);
            return integral ? sum + (p0 + here) / 2 * (second - t0) : here;
        }
        if (!first) sum += (p0 + p) / 2 * (t - t0);
        t0 = t, p0 = p;
        if (*rest == 0) return integral ? sum + p0 * (second - t0) : p0;
        text = rest + 1;
    }
}
static double counted(double second) {
    double tick = PROFILES[profile()].tick_ms / 1e3;
    return follow(tick ? floor(second / tick) * tick : second, 1) * number("FAKE_COUNTS", 100) / 100;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int status) { return status == GPU_IS_LOST ? "GPU is lost" : "Not Supported"; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "580.95.05"); return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = number("FAKE_GPUS", 1); return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    *handle = (void *)(long)(index + 1);
    return (int)index == number("FAKE_DEAD", -1) ? GPU_IS_LOST : SUCCESS;
}
int nvmlDeviceGetName(void *handle, char *text, unsigned size) {
    snprintf(text, size, "%s%s", PROFILES[profile()].name, is_slice(handle) ? " MIG 1g.18gb" : "");
    return SUCCESS;
}
int nvmlDeviceGetUUID(void *handle, char *text, unsigned size) {
    if (gone() && !off('K')) return GPU_IS_LOST;
    if (off('D')) return NOT_SUPPORTED;
    snprintf(text, size, "%s-%08ld-0000-0000-0000-000000000000", is_slice(handle) ? "MIG" : "GPU", (long)handle);
    return SUCCESS;
}
int nvmlDeviceGetArchitecture(void *handle, unsigned *found) { *found = PROFILES[profile()].architecture; return SUCCESS; }
int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    if (off('M') || is_slice(handle)) return NOT_SUPPORTED;
    *current = *pending = number("FAKE_MIG", 0);
    return SUCCESS;
}
int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *count) { *count = 7; return off('M') ? NOT_SUPPORTED : SUCCESS; }
int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned index, void **slice) { /* the second place is empty */
    *slice = (void *)(FIRST_SLICE * (long)handle + index + 1);
    return number("FAKE_MIG", 0) && (index == 0 || index == 2) ? SUCCESS : NOT_FOUND;
}
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(void *slice, void **handle) {
    *handle = (void *)((long)slice / FIRST_SLICE);
    return !off('S') && is_slice(slice) ? SUCCESS : NOT_SUPPORTED;
}
int nvmlDeviceGetMemoryInfo(void *handle, Memory *memory) {
    if (off('B')) return NOT_SUPPORTED;
    memory->total = PROFILES[profile()].bytes / (is_slice(handle) ? 8 : 1);
    memory->used = memory->total / 4;
    memory->free = memory->total - memory->used;
    return SUCCESS;
}
int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts) { /* the mean of the last second */
    if (gone()) return GPU_IS_LOST;
    if (off('P') || is_slice(handle)) return NOT_SUPPORTED;
    double t = now();
    *milliwatts = (unsigned)lround((follow(t, 1) - follow(t - 1, 1)) * (long)handle);
    return SUCCESS;
}
int nvmlDeviceGetPowerManagementLimitConstraints(void *handle, unsigned *least, unsigned *most) {
    (void)handle;
    *least = 1000, *most = number("FAKE_LIMIT", 0);
    return getenv("FAKE_LIMIT") ? SUCCESS : NOT_SUPPORTED;
}
int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *millijoules) {
    if (gone()) return GPU_IS_LOST;
    if (off('E') || is_slice(handle)) return NOT_SUPPORTED;
    double t = fmin(now(), real("FAKE_STILL", INFINITY)), reset = real("FAKE_RESET", INFINITY);
    double joules = t < reset ? 5e9 + counted(t) : fmax(0, counted(t) - counted(reset));
    joules += real("FAKE_JUMP", 0);
    *millijoules = (unsigned long long)(joules * (long)handle);
    return SUCCESS;
}
int nvmlDeviceGetFieldValues(void *handle, int count, Field *values) {
    if (gone()) return GPU_IS_LOST;
    for (int i = 0; i < count; i++) {
        int silent = off('I') || is_slice(handle) || (number("FAKE_MODULE_ONLY", 0) && values[i].scope == 0);
        values[i].status = values[i].field == 186 && !silent ? SUCCESS : NOT_SUPPORTED;
        values[i].value.u = (unsigned)lround(follow(now(), 0) * (long)handle);
    }
    return SUCCESS;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, Process *found) {
    if (off('V')) { *count = 0; return SUCCESS; }
    if (*count < 1) { *count = 1; return INSUFFICIENT_SIZE; }
    *count = 1;
    found[0].pid = getpid();
    found[0].used = 4000000000ULL;
    return SUCCESS;
}
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *celsius) { *celsius = 61; return off('T') || is_slice(handle) ? NOT_SUPPORTED : SUCCESS; }
int nvmlDeviceGetClockInfo(void *handle, int kind, unsigned *mhz) { *mhz = 2400; return off('C') || is_slice(handle) ? NOT_SUPPORTED : SUCCESS; }
int nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, unsigned long long *bits) { *bits = 0x40; return off('R') || is_slice(handle) ? NOT_SUPPORTED : SUCCESS; }
int nvmlDeviceGetCurrentClocksEventReasons(void *handle, unsigned long long *bits) { *bits = 0x40; return off('R') || is_slice(handle) ? NOT_SUPPORTED : SUCCESS; }
