#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

#include "store/kv_store.hpp"
#include "torch/kv_cache_abi.h"

struct KvKitStore {
  std::unique_ptr<kv::KvStore> store;
};

namespace {

using kv::Code;
using Stored = kv::KvStore::Stored;

static_assert(static_cast<int>(Stored::stored) == KVKIT_STORED && static_cast<int>(Stored::present) == KVKIT_PRESENT &&
              static_cast<int>(Stored::no_room) == KVKIT_NO_ROOM);

template <std::size_t n>
void copy_text(const std::string& from, char (&to)[n]) {
  const std::size_t bytes = std::min(from.size(), n - 1);
  std::memcpy(to, from.data(), bytes);
  to[bytes] = '\0';
}

int fail(const kv::Error& why, KvKitError* error) {
  error->code = static_cast<int>(why.code);
  copy_text(why.message, error->message);
  copy_text(why.hint, error->hint);
  return -1;
}

/// Runs `work`, which returns 0 or -1; an exception, of which only a want of memory is to be expected, is an error.
template <class Work>
int guarded(KvKitError* error, const Work& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return fail({Code::unavailable, "out of memory", "store fewer tokens under a prefix"}, error);
  } catch (const std::exception& e) {
    return fail({Code::io, e.what(), {}}, error);
  }
}

std::string text(const char* given) { return given == nullptr ? std::string() : given; }

std::span<const std::byte> bytes_of(const void* data, std::size_t bytes) {
  return {static_cast<const std::byte*>(data), bytes};
}

}  // namespace

extern "C" {

int kvkit_store_open(const KvKitStoreOptions* options, KvKitStore** out, KvKitError* error) {
  return guarded(error, [&] {
    auto store = kv::KvStore::open({text(options->backend), text(options->codec), text(options->name_space),
                                    text(options->model), kv::Bytes(options->max_value_bytes)});
    if (!store) return fail(store.error(), error);
    *out = new KvKitStore{std::move(*store)};
    return 0;
  });
}

void kvkit_store_close(KvKitStore* store) { delete store; }

int kvkit_store_put(KvKitStore* store, const void* prefix, size_t prefix_bytes, uint32_t layer,
                    const KvKitTensors* tensors, const void* k, const void* v, int* outcome, KvKitError* error) {
  return guarded(error, [&] {
    if (tensors->dtype > 255) return fail({Code::bad_input, "no such element type", {}}, error);
    const kv::KvTensors shape{static_cast<kv::Dtype>(tensors->dtype),
                              {tensors->dims[0], tensors->dims[1], tensors->dims[2], tensors->dims[3]}};
    const auto stored = store->store->put(bytes_of(prefix, prefix_bytes), layer, shape,
                                          static_cast<const std::byte*>(k), static_cast<const std::byte*>(v));
    if (!stored) return fail(stored.error(), error);
    *outcome = static_cast<int>(*stored);
    return 0;
  });
}

int kvkit_store_get(KvKitStore* store, const void* prefix, size_t prefix_bytes, uint32_t layer, KvKitPlace place,
                    void* user, int* found, KvKitError* error) {
  return guarded(error, [&] {
    const auto memory = [&](const kv::KvTensors& t) {
      const KvKitTensors shape{static_cast<uint32_t>(t.dtype), 0, {t.dims[0], t.dims[1], t.dims[2], t.dims[3]}};
      return static_cast<std::byte*>(place(user, &shape, t.bytes().value_or(0)));
    };
    const auto got = store->store->get(bytes_of(prefix, prefix_bytes), layer, memory);
    if (!got) return fail(got.error(), error);
    *found = *got ? 1 : 0;
    return 0;
  });
}

}  // extern "C"
