/* The border between kvkit and the module that includes LibTorch: plain C structs only, so that either side may be
 * built with another compiler or C++ ABI. Loaded at run time; the host refuses another version.
 *
 * Every function that returns int returns 0, or -1 with a message in err (NUL-terminated within err_size). No C++
 * exception crosses the border. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define KVKIT_TORCH_ABI_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

typedef struct KvTorchArena KvTorchArena;
typedef struct KvTorchPickler KvTorchPickler;

/* Numbers of kv::Dtype. */
enum { KVKIT_TORCH_FP32 = 1, KVKIT_TORCH_BF16 = 2, KVKIT_TORCH_FP16 = 3, KVKIT_TORCH_FP8 = 4, KVKIT_TORCH_INT8 = 5 };

typedef struct KvTorchShape { /* contiguous [layers][planes][tokens][channels] */
  uint32_t dtype, layers, planes, reserved;
  uint64_t tokens, channels;
} KvTorchShape;

typedef struct KvTorchModule {
  uint32_t abi_version, struct_bytes;
  const char* torch_version;

  /* "cpu", or "cuda:0 NVIDIA H100". memory_bytes is the device's own in all; 0: it is the host's, or unknown. */
  int (*device)(char* name, size_t name_size, int* is_cuda, uint64_t* memory_bytes, char* err, size_t err_size);

  /* A block store of `slots` x `slot_bytes` as one contiguous tensor on the device; on a CPU its memory is taken as
   * it is touched. A copy may run over the following slots and is complete when the call returns. Several threads may
   * copy at once, each its own slots. */
  int (*arena_create)(uint64_t slots, uint64_t slot_bytes, KvTorchArena** out, char* err, size_t err_size);
  void (*arena_destroy)(KvTorchArena*);
  int (*arena_write)(KvTorchArena*, uint64_t slot, uint64_t offset, const void* from, uint64_t bytes, char* err,
                     size_t err_size);
  int (*arena_read)(KvTorchArena*, uint64_t slot, uint64_t offset, void* to, uint64_t bytes, char* err,
                    size_t err_size);

  /* LibTorch's torch.save / torch.load of one tensor. One pickler a thread. pickle_bound: an upper bound of the
   * body's size. decode accepts only archives that this LibTorch would write for this shape: LibTorch's own reader
   * trusts its input, so nothing else is shown to it. */
  int (*pickler_create)(KvTorchPickler** out, char* err, size_t err_size);
  void (*pickler_destroy)(KvTorchPickler*);
  uint64_t (*pickle_bound)(const KvTorchShape*);
  int (*pickle_encode)(KvTorchPickler*, const KvTorchShape*, const void* payload, void* body, uint64_t body_size,
                       uint64_t* written, char* err, size_t err_size);
  int (*pickle_decode)(KvTorchPickler*, const KvTorchShape*, const void* body, uint64_t body_bytes, void* payload,
                       char* err, size_t err_size);
} KvTorchModule;

typedef const KvTorchModule* (*KvTorchEntry)(uint32_t abi_version); /* NULL: version not supported */
#define KVKIT_TORCH_ENTRY "kvkit_torch_module"

#ifdef __cplusplus
}
#endif
