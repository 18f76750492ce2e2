/* A libnvidia-ml.so.1 without a GPU, so that the real nvidia-ml-py can be run. What it answers stands in
   the environment: FAKE_MW (power, milliwatts), FAKE_OFF (calls that answer NOT_SUPPORTED, by letter),
   FAKE_GPUS (how many), FAKE_MODULE_ONLY, FAKE_MIG, FAKE_GONE (a file: once it exists, the GPU is lost). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3, GPU_IS_LOST = 15 };
typedef struct { unsigned field, scope; long long time, latency; int type, status; union { unsigned u; double d; } value; } Field;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } Process;

static int number(const char *name, int otherwise) { const char *t = getenv(name); return t ? atoi(t) : otherwise; }
static int off(char letter) { const char *t = getenv("FAKE_OFF"); return t && strchr(t, letter) != NULL; }
static int gone(void) { const char *t = getenv("FAKE_GONE"); return t && access(t, F_OK) == 0; }
static double seconds(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

int nvmlInitWithFlags(unsigned flags) { (void)flags; return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int status) { return status == GPU_IS_LOST ? "GPU is lost" : "Not Supported"; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "580.95.05"); return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = number("FAKE_GPUS", 1); return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) { *handle = (void *)(long)(index + 1); return SUCCESS; }
int nvmlDeviceGetName(void *handle, char *text, unsigned size) { snprintf(text, size, "NVIDIA GB10"); return SUCCESS; }
int nvmlDeviceGetUUID(void *handle, char *text, unsigned size) {
    if (gone()) return GPU_IS_LOST;
    snprintf(text, size, "GPU-0000000%ld-0000-0000-0000-000000000000", (long)handle);
    return SUCCESS;
}
int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    if (off('M')) return NOT_SUPPORTED;
    *current = *pending = number("FAKE_MIG", 0);
    return SUCCESS;
}
int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts) {
    if (gone()) return GPU_IS_LOST;
    if (off('P')) return NOT_SUPPORTED;
    *milliwatts = number("FAKE_MW", 30000) * (unsigned)(long)handle;
    return SUCCESS;
}
int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *millijoules) {
    if (gone()) return GPU_IS_LOST;
    if (off('E')) return NOT_SUPPORTED;
    *millijoules = (unsigned long long)(number("FAKE_MW", 30000) * seconds());
    return SUCCESS;
}
int nvmlDeviceGetFieldValues(void *handle, int count, Field *values) {
    if (gone()) return GPU_IS_LOST;
    for (int i = 0; i < count; i++) {
        int silent = off('I') || (number("FAKE_MODULE_ONLY", 0) && values[i].scope == 0);
        values[i].status = values[i].field == 186 && !silent ? SUCCESS : NOT_SUPPORTED;
        values[i].value.u = number("FAKE_MW", 30000) * (unsigned)(long)handle;
    }
    return SUCCESS;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, Process *found) {
    if (off('V')) { *count = 0; return SUCCESS; }
    if (*count < 1) { *count = 1; return 7; }
    *count = 1;
    found[0].pid = getpid();
    found[0].used = 4000000000ULL;
    return SUCCESS;
}
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *celsius) { *celsius = 61; return off('T') ? NOT_SUPPORTED : SUCCESS; }
int nvmlDeviceGetClockInfo(void *handle, int kind, unsigned *mhz) { *mhz = 2400; return off('C') ? NOT_SUPPORTED : SUCCESS; }
int nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, unsigned long long *bits) { *bits = 0x40; return off('R') ? NOT_SUPPORTED : SUCCESS; }
int nvmlDeviceGetCurrentClocksEventReasons(void *handle, unsigned long long *bits) { *bits = 0x40; return off('R') ? NOT_SUPPORTED : SUCCESS; }
