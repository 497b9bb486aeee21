#include "store/kv_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "backend/registry.hpp"
#include "base/parse.hpp"

namespace kv {
namespace {

constexpr std::chrono::hours kNever{24 * 365};
constexpr Bytes kMostValue = 64_GiB;

std::uint64_t hash_of(std::string_view text) { return body_checksum(std::as_bytes(std::span(text))); }

}  // namespace

Result<std::unique_ptr<KvStore>> KvStore::open(const KvStoreOptions& options) {
  auto backend = parse_backend(options.backend).and_then(make_backend);
  if (!backend) return error(backend);
  return open(options, std::move(*backend));
}

Result<std::unique_ptr<KvStore>> KvStore::open(const KvStoreOptions& options, std::unique_ptr<Backend> backend) {
  const auto codec_spec = parse_codec(options.codec);
  if (!codec_spec) return error(codec_spec);
  auto codec = codec_spec->make();
  if (!codec) return error(codec);
  if (options.max_value <= Bytes(TensorFrame::kBytes) || options.max_value > kMostValue) {
    return error(Code::bad_input,
                 fmt::format("values of up to {} are not within 65 bytes to {}", format_bytes(options.max_value),
                             format_bytes(kMostValue)),
                 "64 MiB is the default");
  }
  std::unique_ptr<KvStore> store(new KvStore);
  store->codec_ = std::move(*codec);
  store->codec_id_ = codec_spec->id();
  store->space_ = hash_of(fmt::format("kvkit.store/1\n{}\n{}", options.model, codec_spec->text));
  store->max_body_bytes_ = options.max_value.count();
  Needs needs;
  needs.name_space = options.name_space;
  needs.max_body_bytes = needs.max_block_bytes = store->max_body_bytes_;
  if (auto started = backend->start(needs); !started) return error(started);
  auto session = backend->open();
  if (!session) return error(session);
  store->body_.reset(new std::byte[store->max_body_bytes_]);
  store->backend_ = std::move(backend);
  store->session_ = std::move(*session);
  return store;
}

KvStore::Name KvStore::name_of(std::span<const std::byte> prefix, std::uint32_t layer) const {
  std::string text(reinterpret_cast<const char*>(prefix.data()), prefix.size());
  text += fmt::format("\n{}", layer);
  const std::uint64_t block = hash_of(text);
  return {{space_, block}, hash_of(text + "\n")};
}

/// Fills the lease, which must be finished whatever comes of it. `body_bytes`: what would be put at most.
Result<void> KvStore::look_up(const Name& name, std::size_t body_bytes) {
  const BlockRef refs[] = {{name.key, body_bytes}};
  return session_->acquire(refs, lease_);
}

/// One value there or back.
Done KvStore::move(const Op& op) {
  std::vector<Done> done;
  const TimePoint until = std::chrono::steady_clock::now() + kNever;
  session_->submit(lease_, std::span(&op, 1), until);
  while (done.empty()) session_->poll(done, until);
  return std::move(done.front());
}

Result<KvStore::Stored> KvStore::put(std::span<const std::byte> prefix, std::uint32_t layer, const KvTensors& tensors,
                                     const std::byte* k, const std::byte* v) {
  const auto bytes = tensors.bytes();
  if (!bytes) {
    return error(Code::bad_input, fmt::format("K and V of {} have nothing to store", tensors.text()),
                 "they are [batch, heads, tokens, head_dim] of fp32, bf16 or fp16");
  }
  const std::lock_guard lock(mutex_);
  // The codec's bound is asked for only where the payload itself is of a size that can be.
  const bool huge = *bytes / 16 > max_body_bytes_;
  const std::size_t bound = huge ? 0 : TensorFrame::kBytes + codec_->bound(tensors.payload_shape());
  if (huge || bound > max_body_bytes_) {
    return error(Code::bad_input,
                 fmt::format("K and V of {} are {}, which may encode to more than the {} that a value may have",
                             tensors.text(), format_bytes(Bytes(*bytes)), format_bytes(Bytes(max_body_bytes_))),
                 "store fewer tokens under a prefix, or raise the largest value when opening");
  }
  const Name name = name_of(prefix, layer);
  if (auto found = look_up(name, bound); !found) {
    session_->finish(lease_);
    return error(found);
  }
  Result<Stored> stored = Stored::present;
  if (!lease_.present[0]) {
    const auto encoded = encode(name, tensors, k, v);
    stored = encoded ? send(*encoded) : Result<Stored>(error(encoded));
  }
  session_->finish(lease_);
  return stored;
}

/// Frame and codec's bytes into body_, header into header_; how many bytes the body has.
Result<std::size_t> KvStore::encode(const Name& name, const KvTensors& tensors, const std::byte* k,
                                    const std::byte* v) {
  const PayloadShape shape = tensors.payload_shape();
  const std::size_t bytes = shape.bytes().count(), half = bytes / 2;
  write_frame({tensors, name.check}, std::span<std::byte, TensorFrame::kBytes>(body_.get(), TensorFrame::kBytes));
  std::byte* const coded = body_.get() + TensorFrame::kBytes;
  std::size_t coded_bytes = bytes;
  if (codec_->identity(shape)) {
    std::memcpy(coded, k, half);
    std::memcpy(coded + half, v, half);
  } else {
    payload_.resize(bytes);
    std::memcpy(payload_.data(), k, half);
    std::memcpy(payload_.data() + half, v, half);
    const auto encoded = codec_->encode(shape, payload_, std::span(coded, max_body_bytes_ - TensorFrame::kBytes));
    if (!encoded) return error(encoded);
    coded_bytes = *encoded;
  }
  const std::span<const std::byte> body(body_.get(), TensorFrame::kBytes + coded_bytes);
  write_header({codec_id_, static_cast<std::uint8_t>(tensors.dtype), 0, name.key.space, name.key.block, body.size(),
                bytes, body_checksum(body)},
               header_);
  return body.size();
}

Result<KvStore::Stored> KvStore::send(std::size_t body_bytes) {
  std::vector<bool> accepted;
  session_->admit(lease_, accepted);
  if (!accepted[0]) return Stored::no_room;
  const Done done = move({Op::Kind::put, 0, 0, header_, std::span(body_.get(), body_bytes)});
  if (done.outcome == Done::Outcome::stored) return Stored::stored;
  if (done.outcome == Done::Outcome::skipped) return Stored::no_room;
  return error(Code::io, "KV could not be stored: " + done.error);
}

Result<bool> KvStore::get(std::span<const std::byte> prefix, std::uint32_t layer, const Place& place) {
  const std::lock_guard lock(mutex_);
  const Name name = name_of(prefix, layer);
  Result<bool> got = false;
  if (auto found = look_up(name, max_body_bytes_); !found) {
    got = error(found);
  } else if (lease_.present[0]) {
    const auto done = fetch();
    if (!done) got = error(done);
    if (done && *done) got = decode(name, **done, place);
  }
  session_->finish(lease_);
  return got;
}

/// The value into header_ and body_; nullopt where it left since the lookup.
Result<std::optional<Done>> KvStore::fetch() {
  Done done = move({Op::Kind::get, 0, 0, header_, std::span(body_.get(), max_body_bytes_)});
  std::vector<bool> accepted;
  session_->admit(lease_, accepted);  // a use, for the policy
  switch (done.outcome) {
    case Done::Outcome::hit:
      return std::optional(std::move(done));
    case Done::Outcome::failed:
      return error(Code::io, "KV could not be fetched: " + done.error);
    case Done::Outcome::corrupt:
      return error(Code::corrupt, "what is stored is no KV of this store: " + done.error);
    default:
      return std::optional<Done>();
  }
}

/// Everything that comes is checked before it is believed. Another prefix under the same key is a miss.
Result<bool> KvStore::decode(const Name& name, const Done& done, const Place& place) {
  const auto corrupt = [](const std::string& why) { return error(Code::corrupt, "what is stored is corrupt: " + why); };
  const std::span<const std::byte> body(body_.get(), done.body_bytes);
  const auto header = read_header(header_);
  if (!header) return corrupt(header.error().message);
  if (header->space != name.key.space || header->block != name.key.block || header->codec != codec_id_) {
    return corrupt("it is the value of another key");
  }
  if (header->body_bytes != body.size() ||
      header->body_xxh3 != (done.body_xxh3 ? *done.body_xxh3 : body_checksum(body))) {
    return corrupt("its bytes do not match their checksum");
  }
  const auto frame = read_frame(body, header->dtype, header->payload_bytes);
  if (!frame) return error(frame);
  if (frame->check != name.check) return false;
  const KvTensors& tensors = frame->tensors;
  std::byte* const out = place(tensors);
  if (out == nullptr) return error(Code::unavailable, "there is no memory for tensors of " + tensors.text());
  const std::span<std::byte> payload(out, header->payload_bytes);
  const std::span<const std::byte> coded = body.subspan(TensorFrame::kBytes);
  const PayloadShape shape = tensors.payload_shape();
  if (codec_->identity(shape)) {
    if (coded.size() != payload.size()) return corrupt("its size is not that of its tensors");
    std::copy(coded.begin(), coded.end(), payload.begin());
    return true;
  }
  if (auto decoded = codec_->decode(shape, coded, payload); !decoded) return error(decoded);
  return true;
}

}  // namespace kv
