/* The border between kvkit and its facade for LibTorch tensors (kv_cache.hpp): plain C, so that a program may be built
 * with another C++ ABI than kvkit, as LibTorch's builds before 2.6 ask for. Defined in the kvkit library.
 *
 * Every function returns 0, or -1 with `error` filled. No C++ exception crosses the border. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct KvKitStore KvKitStore; /* any number of threads may call; one at a time is served */

typedef struct KvKitError {
  int code;           /* kv::Code */
  char message[1024]; /* NUL-terminated, cut where longer */
  char hint[512];
} KvKitError;

typedef struct KvKitStoreOptions { /* strings are NUL-terminated and only read while opening */
  const char* backend;
  const char* codec;
  const char* name_space;
  const char* model;
  uint64_t max_value_bytes;
} KvKitStoreOptions;

typedef struct KvKitTensors { /* of K and, the same, of V: contiguous [batch, heads, tokens, head_dim] */
  uint32_t dtype;             /* number of kv::Dtype: 1 fp32, 2 bf16, 3 fp16 */
  uint32_t reserved;
  uint64_t dims[4];
} KvKitTensors;

enum { KVKIT_STORED = 0, KVKIT_PRESENT = 1, KVKIT_NO_ROOM = 2 };

/* Memory for K with V behind it, of `bytes` in all; NULL: there is none. */
typedef void* (*KvKitPlace)(void* user, const KvKitTensors* tensors, uint64_t bytes);

int kvkit_store_open(const KvKitStoreOptions* options, KvKitStore** out, KvKitError* error);
void kvkit_store_close(KvKitStore* store);
int kvkit_store_put(KvKitStore* store, const void* prefix, size_t prefix_bytes, uint32_t layer,
                    const KvKitTensors* tensors, const void* k, const void* v, int* outcome, KvKitError* error);
/* *found: 0 or 1. `place` is called once where it is there, and not otherwise. */
int kvkit_store_get(KvKitStore* store, const void* prefix, size_t prefix_bytes, uint32_t layer, KvKitPlace place,
                    void* user, int* found, KvKitError* error);

#ifdef __cplusplus
}
#endif
