/* The border between kvkit and the module that includes LibTorch: plain C structs only, so that either side may be
 * built with another compiler or C++ ABI. Loaded at run time; the host refuses another version.
 *
 * Every function that returns int returns 0, or -1 with a message in err (NUL-terminated within err_size). No C++
 * exception crosses the border. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define KVKIT_TORCH_ABI_VERSION 2

#ifdef __cplusplus
extern "C" {
#endif

typedef struct KvTorchArena KvTorchArena;
typedef struct KvTorchPickler KvTorchPickler;
typedef struct KvTorchEngine KvTorchEngine;

/* Numbers of kv::Dtype. */
enum { KVKIT_TORCH_FP32 = 1, KVKIT_TORCH_BF16 = 2, KVKIT_TORCH_FP16 = 3, KVKIT_TORCH_FP8 = 4, KVKIT_TORCH_INT8 = 5 };

typedef struct KvTorchShape { /* contiguous [layers][planes][tokens][channels] */
  uint32_t dtype, layers, planes, reserved;
  uint64_t tokens, channels;
} KvTorchShape;

/* A decoder of the Llama family: RMSNorm, rotary positions, grouped-query attention, SwiGLU. Flags are 0 or 1. */
typedef struct KvTorchDecoder {
  uint32_t compute_dtype; /* fp32, bf16 or fp16; 0: what this device multiplies fastest */
  uint32_t kv_dtype;      /* fp32, bf16 or fp16: what K and V are rounded to as soon as they are made */
  uint32_t layers, hidden, heads, kv_heads, head_dim, vocab;
  uint32_t intermediate;               /* of the dense network, or of one expert */
  uint32_t experts, experts_per_token; /* 0: dense */
  uint32_t tied_head, qkv_bias, qk_norm;
  uint32_t threads;          /* on a CPU; 0: one a core */
  uint32_t chunk_tokens;     /* that one forward pass computes at most */
  uint32_t random;           /* 1: weights from `seed`; 0: engine_set_weight gives all of them */
  uint32_t rope_original;    /* Llama 3 scaling: tokens of the original context; 0: no scaling */
  uint32_t staged, reserved; /* staged: KV goes by pinned buffers, as on CUDA, on a CPU as well (for tests) */
  double rope_theta, rope_factor, rope_low, rope_high;
  double rms_eps;
  uint64_t seed;
  uint64_t max_tokens; /* of one sequence */
} KvTorchDecoder;

typedef struct KvTorchEngineInfo {
  uint32_t compute_dtype, threads, is_cuda, reserved;
  uint64_t weight_bytes, kv_bytes; /* held on the device */
  char kernel[200];                /* what multiplies and what attends: "fp32 matmul, attention in blocks" */
} KvTorchEngineInfo;

/* Host time of one prefill. The parts are measured on a CPU only, where calls end when their work does. */
typedef struct KvTorchPrefillTimes {
  uint64_t total_ns, matmul_ns, attention_ns;
} KvTorchPrefillTimes;

/* Which KV of the engine's one sequence, as payloads lie: [layers][K, V][tokens][kv_heads x head_dim] of kv_dtype. */
typedef struct KvTorchKvRange {
  uint32_t first_layer, layers;
  uint64_t first_token, tokens;
} KvTorchKvRange;

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

  /* One engine holds weights and the KV of one sequence; one thread at a time. Where memory runs out, err begins with
   * KVKIT_TORCH_OUT_OF_MEMORY. */
  int (*engine_create)(const KvTorchDecoder*, KvTorchEngine** out, KvTorchEngineInfo* info, char* err, size_t err_size);
  void (*engine_destroy)(KvTorchEngine*);
  /* Weights by their Hugging Face names, in any order and of any float dtype; engine_check_weights says which are
   * missing. */
  int (*engine_set_weight)(KvTorchEngine*, const char* name, uint32_t dtype, const uint64_t* shape, uint32_t rank,
                           const void* data, uint64_t bytes, char* err, size_t err_size);
  int (*engine_check_weights)(KvTorchEngine*, char* err, size_t err_size);
  /* Computes tokens that stand behind the first `position` ones, whose KV must be there, and keeps their KV. Writes
   * the logits behind each of the last `rows` tokens, [rows][vocab]; rows may be 0. */
  int (*engine_prefill)(KvTorchEngine*, const uint32_t* tokens, uint64_t count, uint64_t position, float* logits,
                        uint64_t rows, KvTorchPrefillTimes* times, char* err, size_t err_size);
  /* Complete when the call returns. Every layer and plane is a copy of its own. */
  int (*engine_write_kv)(KvTorchEngine*, const KvTorchKvRange*, const void* from, uint64_t bytes, char* err,
                         size_t err_size);
  int (*engine_read_kv)(KvTorchEngine*, const KvTorchKvRange*, void* to, uint64_t bytes, char* err, size_t err_size);
} KvTorchModule;

typedef const KvTorchModule* (*KvTorchEntry)(uint32_t abi_version); /* NULL: version not supported */
#define KVKIT_TORCH_ENTRY "kvkit_torch_module"
#define KVKIT_TORCH_OUT_OF_MEMORY "out of memory: "

#ifdef __cplusplus
}
#endif
