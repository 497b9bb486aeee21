#pragma once
#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "backend/backend.hpp"
#include "codec/codec.hpp"
#include "store/tensor_frame.hpp"

namespace kv {

struct KvStoreOptions {
  std::string backend = "local:?capacity=1GiB";
  std::string codec = "raw";
  std::string name_space = "torch";  ///< in front of every key of a server: letters, digits, '.', '_', '-'
  std::string model;                 ///< part of every key: KV of another model, revision or adapter is never found
  Bytes max_value = 64_MiB;          ///< of one layer's K and V, encoded; `local:` is cut for values of this size
};

/// KV of a layer under (prefix, layer), over any backend and codec, for programs that bring their own KV. Keys are
/// hashes of 64 bits and another 64 of the same are stored with the value, so that two prefixes are never mixed up.
/// Any number of threads may call; one at a time is served.
class KvStore {
 public:
  enum class Stored {
    stored,
    present,  ///< it was there already, and is not written again: a prefix says what its KV is
    no_room,  ///< the backend refused
  };

  /// Opens the backend: connects, or takes its memory. Fails as parse_backend, parse_codec and Backend::start do.
  static Result<std::unique_ptr<KvStore>> open(const KvStoreOptions& options);
  /// The same over a backend that is made already, but not started; options.backend is not looked at.
  static Result<std::unique_ptr<KvStore>> open(const KvStoreOptions& options, std::unique_ptr<Backend> backend);

  /// `k` and `v`: half of tensors.bytes() each. Fails (bad_input) where it encodes to more than max_value, (io) where
  /// the backend fails.
  Result<Stored> put(std::span<const std::byte> prefix, std::uint32_t layer, const KvTensors& tensors,
                     const std::byte* k, const std::byte* v);

  /// Memory for K with V behind it, tensors.bytes() in all; nullptr: there is none, and the get fails (unavailable).
  using Place = std::function<std::byte*(const KvTensors&)>;
  /// Whether it is there. Fails (corrupt) where what is there is not what was stored, (io) where the backend fails.
  Result<bool> get(std::span<const std::byte> prefix, std::uint32_t layer, const Place& place);

 private:
  struct Name {
    Key key;
    std::uint64_t check;  // a second hash of the same
  };

  KvStore() = default;
  Name name_of(std::span<const std::byte> prefix, std::uint32_t layer) const;
  Result<void> look_up(const Name& name, std::size_t body_bytes);
  Result<std::size_t> encode(const Name& name, const KvTensors& tensors, const std::byte* k, const std::byte* v);
  Result<Stored> send(std::size_t body_bytes);
  Result<std::optional<Done>> fetch();
  Result<bool> decode(const Name& name, const Done& done, const Place& place);
  Done move(const Op& op);

  std::mutex mutex_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Session> session_;  // ends before its backend
  std::unique_ptr<Codec> codec_;
  std::uint32_t codec_id_ = 0;
  std::uint64_t space_ = 0;
  std::size_t max_body_bytes_ = 0;
  std::unique_ptr<std::byte[]> body_;  // max_body_bytes_, touched as far as values are large
  std::vector<std::byte> payload_;
  std::array<std::byte, ValueHeader::kBytes> header_{};
  Lease lease_;
};

}  // namespace kv
