/* A CUDA driver of as many functions as the runtime asks before there is a context.
 *
 * Compiled by the tests with the machine of each test given as macros: GPU_NAME, MAJOR, MINOR,
 * MULTIPROCESSORS, INTEGRATED, MEMORY, COUNT, VERSION and INIT, the answer of cuInit.
 */
#include <stddef.h>
#include <string.h>

static int started;

int cuDriverGetVersion(int *version) { *version = VERSION; return 0; }

int cuInit(unsigned flags) {
  if (flags != 0) return 1;
  started = INIT == 0;
  return INIT;
}

int cuDeviceGetCount(int *count) {
  if (!started) return 3;
  *count = COUNT;
  return 0;
}

int cuDeviceGet(int *device, int ordinal) {
  if (ordinal < 0 || ordinal >= COUNT) return 101;
  *device = 40 + ordinal; /* a handle, not the ordinal itself */
  return 0;
}

static int is_device(int device) { return device >= 40 && device < 40 + COUNT; }

int cuDeviceGetName(char *name, int length, int device) {
  if (!is_device(device)) return 101;
  strncpy(name, GPU_NAME, (size_t)length);
  return 0;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) {
  if (!is_device(device)) return 101;
  *bytes = MEMORY;
  return 0;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  if (!is_device(device)) return 101;
  switch (attribute) {
    case 16: *value = MULTIPROCESSORS; return 0;
    case 18: *value = INTEGRATED; return 0;
    case 75: *value = MAJOR; return 0;
    case 76: *value = MINOR; return 0;
  }
  return 1;
}

int cuGetErrorName(int code, const char **name) {
  *name = NULL;
  if (code != 804) return 1;
  *name = "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE";
  return 0;
}
