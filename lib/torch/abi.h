/* The border between kvkit and the module that includes LibTorch: plain C structs only, so that either side may be
 * built with another compiler or C++ ABI. Loaded at run time; the host refuses another version. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define KVKIT_TORCH_ABI_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

/* Every function returns 0, or -1 with a message in err (always NUL-terminated within err_size). */
typedef struct KvTorchArena KvTorchArena;

typedef struct KvTorchShape { /* contiguous [layers][planes][tokens][channels] of kv::Dtype `dtype` */
  uint32_t dtype, layers, planes, reserved;
  uint64_t tokens, channels;
} KvTorchShape;

typedef struct KvTorchModule {
  uint32_t abi_version, struct_bytes;
  const char* torch_version;
  /* "cpu", or "cuda:0 NVIDIA H100"; decided once */
  int (*device)(char* name, size_t name_size, int* is_cuda, uint64_t* memory_bytes, char* err, size_t err_size);

  /* A block store of `slots` x `slot_bytes` as one tensor on the device. Copies are complete when the call returns.
   * Slots may be touched from several threads at once, each slot from one. */
  int (*arena_create)(uint64_t slots, uint64_t slot_bytes, KvTorchArena** out, char* err, size_t err_size);
  void (*arena_destroy)(KvTorchArena*);
  int (*arena_write)(KvTorchArena*, uint64_t slot, uint64_t offset, const void* from, uint64_t bytes, char* err, size_t err_size);
  int (*arena_read)(KvTorchArena*, uint64_t slot, uint64_t offset, void* to, uint64_t bytes, char* err, size_t err_size);

  /* torch::save / torch::load of one tensor. pickle_bound: an upper bound of the result's size. */
  uint64_t (*pickle_bound)(const KvTorchShape*);
  int (*pickle_encode)(const KvTorchShape*, const void* payload, void* body, uint64_t body_size, uint64_t* written, char* err, size_t err_size);
  int (*pickle_decode)(const KvTorchShape*, const void* body, uint64_t body_bytes, void* payload, char* err, size_t err_size);
} KvTorchModule;

typedef const KvTorchModule* (*KvTorchEntry)(uint32_t abi_version); /* NULL: version not supported */

#ifdef __cplusplus
}
#endif
