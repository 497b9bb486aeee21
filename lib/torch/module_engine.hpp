#pragma once
// Included by module*.cpp alone. The engine functions of KvTorchModule, as abi.h says them.
#include <cstddef>
#include <cstdint>

#include "torch/abi.h"

namespace kv {

int engine_create(const KvTorchDecoder* shape, KvTorchEngine** out, KvTorchEngineInfo* info, char* err,
                  std::size_t size);
void engine_destroy(KvTorchEngine* engine);
int engine_set_weight(KvTorchEngine* engine, const char* name, std::uint32_t dtype, const std::uint64_t* shape,
                      std::uint32_t rank, const void* data, std::uint64_t bytes, char* err, std::size_t size);
int engine_check_weights(KvTorchEngine* engine, char* err, std::size_t size);
int engine_prefill(KvTorchEngine* engine, const std::uint32_t* tokens, std::uint64_t count, std::uint64_t position,
                   float* logits, std::uint64_t rows, KvTorchPrefillTimes* times, char* err, std::size_t size);
int engine_write_kv(KvTorchEngine* engine, const KvTorchKvRange* range, const void* from, std::uint64_t bytes,
                    char* err, std::size_t size);
int engine_read_kv(KvTorchEngine* engine, const KvTorchKvRange* range, void* to, std::uint64_t bytes, char* err,
                   std::size_t size);

}  // namespace kv
