#pragma once
// For programs of your own: this header alone includes LibTorch and is compiled with it, in C++17 or later and with
// whatever C++ ABI it has; the kvkit library behind it is reached through plain C (kv_cache_abi.h).
#include <ATen/ATen.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "torch/kv_cache_abi.h"

namespace kv::libtorch {

/// As kv::Error, but of this program's C++ ABI. `code`: as kv::Code numbers them (0 bad input, 1 unavailable, 3 io, 4
/// corrupt).
struct Error {
  int code = 0;
  std::string message, hint;
};
template <class T>
using Result = tl::expected<T, Error>;

struct Options {
  std::string backend = "local:?capacity=1GiB";  ///< any SPEC: see `kvbench list backends`
  std::string codec = "raw";                     ///< any SPEC: see `kvbench list codecs`
  std::string name_space = "torch";              ///< begins every key of a server
  std::string model;                             ///< name it: KV of another model or revision is not found then
  std::uint64_t max_value_bytes = 64U << 20;     ///< of one layer's K and V, encoded
};

/// What KV is of: everything in front of and including its tokens, by name or by token ids.
class Prefix {
 public:
  Prefix(std::string_view name) : bytes_("n") { bytes_.append(name); }  // NOLINT: meant to convert
  Prefix(const char* name) : Prefix(std::string_view(name)) {}          // NOLINT
  Prefix(const std::string& name) : Prefix(std::string_view(name)) {}   // NOLINT
  Prefix(const std::vector<std::int64_t>& tokens) : bytes_("t") {       // NOLINT
    bytes_.append(reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(std::int64_t));
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

struct Kv {
  at::Tensor k, v;
};

enum class Stored { stored = KVKIT_STORED, present = KVKIT_PRESENT, no_room = KVKIT_NO_ROOM };

/// KV of layers, kept in any backend through any codec. Tensors are [batch, heads, tokens, head_dim] of fp32, bf16 or
/// fp16, on any device and with any strides. Any number of threads may call; one at a time is served. Nothing throws.
class KvCache {
 public:
  /// Connects, or takes the memory.
  static Result<KvCache> open(const Options& options = {}) {
    const KvKitStoreOptions plain{options.backend.c_str(), options.codec.c_str(), options.name_space.c_str(),
                                  options.model.c_str(), options.max_value_bytes};
    KvKitStore* store = nullptr;
    KvKitError error{};
    if (kvkit_store_open(&plain, &store, &error) != 0) return failed(error);
    return KvCache(store);
  }

  /// Stores K and V of `layer` under `prefix`, copied to the host if need be. KV that is there already stays: a prefix
  /// says what its KV is.
  Result<Stored> cache_kv(const Prefix& prefix, std::uint32_t layer, const at::Tensor& k, const at::Tensor& v) {
    try {
      if (auto wrong = trouble(k, v)) return tl::unexpected<Error>(std::move(*wrong));
      const at::Tensor host_k = k.detach().to(at::kCPU).contiguous(), host_v = v.detach().to(at::kCPU).contiguous();
      KvKitTensors tensors{number_of(k.scalar_type()), 0, {}};
      for (int i = 0; i < 4; ++i) tensors.dims[i] = static_cast<std::uint64_t>(k.size(i));
      int outcome = 0;
      KvKitError error{};
      if (kvkit_store_put(store_.get(), prefix.bytes().data(), prefix.bytes().size(), layer, &tensors,
                          host_k.data_ptr(), host_v.data_ptr(), &outcome, &error) != 0) {
        return failed(error);
      }
      return static_cast<Stored>(outcome);
    } catch (const std::exception& e) {
      return tl::unexpected<Error>(Error{kUnavailable, std::string("LibTorch: ") + e.what(), {}});
    }
  }

  /// The same tensors again, on `device`, as far as the codec keeps them; nullopt where they are not there (any more).
  Result<std::optional<Kv>> get_cached_kv(const Prefix& prefix, std::uint32_t layer, at::Device device = at::kCPU) {
    try {
      at::Tensor both;
      int found = 0;
      KvKitError error{};
      if (kvkit_store_get(store_.get(), prefix.bytes().data(), prefix.bytes().size(), layer, &place, &both, &found,
                          &error) != 0) {
        return failed(error);
      }
      if (found == 0) return std::optional<Kv>();
      both = both.to(device);
      return std::optional<Kv>(Kv{both[0], both[1]});
    } catch (const std::exception& e) {
      return tl::unexpected<Error>(Error{kUnavailable, std::string("LibTorch: ") + e.what(), {}});
    }
  }

 private:
  static constexpr int kBadInput = 0, kUnavailable = 1;

  struct Close {
    void operator()(KvKitStore* store) const { kvkit_store_close(store); }
  };

  explicit KvCache(KvKitStore* store) : store_(store) {}

  static tl::unexpected<Error> failed(const KvKitError& error) {
    return tl::unexpected<Error>(Error{error.code, error.message, error.hint});
  }

  /// Numbers of kv::Dtype; 0: none that KV has here.
  static std::uint32_t number_of(at::ScalarType type) {
    if (type == at::kFloat) return 1;
    if (type == at::kBFloat16) return 2;
    return type == at::kHalf ? 3 : 0;
  }

  static std::optional<Error> trouble(const at::Tensor& k, const at::Tensor& v) {
    const auto wrong = [](std::string what) { return Error{kBadInput, std::move(what), kExpected}; };
    if (!k.defined() || !v.defined()) return wrong("K or V is no tensor");
    if (k.dim() != 4) return wrong("K has " + std::to_string(k.dim()) + " dimensions");
    if (k.sizes() != v.sizes() || k.scalar_type() != v.scalar_type()) return wrong("K and V differ in shape or type");
    if (number_of(k.scalar_type()) == 0) return wrong(std::string("K and V are ") + at::toString(k.scalar_type()));
    return std::nullopt;
  }
  static constexpr const char* kExpected = "both are [batch, heads, tokens, head_dim] of fp32, bf16 or fp16";

  /// Called by the library, and so through C: no exception may leave it.
  static void* place(void* user, const KvKitTensors* tensors, std::uint64_t) {
    try {
      constexpr at::ScalarType types[] = {at::kFloat, at::kBFloat16, at::kHalf};
      std::vector<std::int64_t> sizes{2};
      for (const std::uint64_t dim : tensors->dims) sizes.push_back(static_cast<std::int64_t>(dim));
      at::Tensor& both = *static_cast<at::Tensor*>(user);
      both = at::empty(sizes, at::TensorOptions().dtype(types[tensors->dtype - 1]));
      return both.data_ptr();
    } catch (const std::exception&) {
      return nullptr;
    }
  }

  std::unique_ptr<KvKitStore, Close> store_;
};

}  // namespace kv::libtorch
