#include <fmt/format.h>

#include "replay/pipeline.hpp"

namespace kv {
namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

void Pipeline::get(Batch& batch) {
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    const Item& item = batch.items[i];
    batch.ops.push_back(
        {Op::Kind::get, item.block, item.part, slots_.header(batch.slot + i), slots_.body(batch.slot + i)});
  }
  move(batch, Phase::transfer_in);
}

/// Bodies -> payloads in their slots. Runs on either thread: touches nothing but the batch, its slots and the codec.
void Pipeline::open(Batch& batch) {
  const TimePoint start = SteadyClock::now();
  for (const Done& done : batch.done) {
    if (done.outcome != Done::Outcome::hit) continue;
    batch.troubles[done.op] = decode(batch.items[done.op], batch.slot + done.op, done);
  }
  batch.coding = SteadyClock::now() - start;
}

/// What did not come.
void Pipeline::settle_gets(const Batch& batch) {
  if (batch.items.empty()) return;
  for (const Done& done : batch.done) {
    if (done.outcome == Done::Outcome::hit) continue;
    const Item& want = batch.items[done.op];
    end_hit(want.block);
    if (done.outcome == Done::Outcome::failed) {
      ++delta_.failed_ops;
      example(want, "fetch failed: " + done.error);
    } else if (done.outcome == Done::Outcome::corrupt) {
      ++delta_.corrupt_values;
      example(want, "corrupt value: " + done.error);
    }  // else it was evicted since the lookup, or the run is to stop
  }
}

/// What came other than it was stored.
void Pipeline::settle_opened(const Batch& batch) {
  if (batch.items.empty()) return;
  spent(Phase::decode) += batch.coding;
  for (const Done& done : batch.done) {
    if (done.outcome != Done::Outcome::hit) continue;
    happened(Phase::decode);
    const Item& want = batch.items[done.op];
    const std::string& undecoded = batch.troubles[done.op];
    const std::string trouble = undecoded.empty() ? verify(want, batch.slot + done.op) : undecoded;
    if (trouble.empty()) {
      if (engine_ && !upload(want, batch.slot + done.op)) end_hit(want.block);
      continue;
    }
    end_hit(want.block);
    ++delta_.corrupt_values;
    example(want, "corrupt value: " + trouble);
  }
}

/// What is wrong with the payload in the slot, or nothing.
std::string Pipeline::verify(const Item& want, std::size_t slot) {
  if (!plan_.verify) return {};
  const std::span<std::byte> payload = slots_.payload(slot).first(want.shape.bytes().count());
  delta_.verified_bytes += payload.size();
  if (engine_) return engine_->is_as_stored(engine_value(want), payload) ? "" : "its KV is not what was stored";
  const Key& key = lease_.blocks[want.block].key;
  if (payloads_.verify(key, want.part, want.shape, payload, *codec_, scratch_)) return {};
  return "its payload is not what was stored";
}

/// Body -> payload; what is wrong with the value, or nothing.
std::string Pipeline::decode(const Item& want, std::size_t slot, const Done& done) {
  const Key& key = lease_.blocks[want.block].key;
  const std::span<std::byte> payload = slots_.payload(slot).first(want.shape.bytes().count());
  const std::span<const std::byte> body = slots_.body(slot).first(done.body_bytes);
  const auto header = read_header(slots_.header(slot));
  if (!header) return header.error().message;
  if (header->space != key.space || header->block != key.block || header->part != want.part) {
    return "it is the value of another key";
  }
  if (header->codec != plan_.codec.id() || header->dtype != static_cast<std::uint8_t>(want.shape.dtype) ||
      header->payload_bytes != payload.size() || header->body_bytes != body.size()) {
    return "codec, dtype or sizes in its header are not those of this run";
  }
  const std::uint64_t checksum = done.body_xxh3 ? *done.body_xxh3 : body_checksum(body);
  if (header->body_xxh3 != checksum) return "its bytes do not match their checksum";
  if (body.data() == payload.data()) return {};
  const auto decoded = codec_->decode(want.shape, body, payload);
  return decoded ? std::string() : decoded.error().message;
}

/// Off the clock: an engine has them.
void Pipeline::make_payloads(const Batch& batch) {
  if (engine_) return download(batch);
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    const Item& value = batch.items[i];
    const std::span<std::byte> payload = slots_.payload(batch.slot + i).first(value.shape.bytes().count());
    payloads_.fill(lease_.blocks[value.block].key, value.part, value.shape, payload);
  }
}

/// Payloads in their slots -> headers and bodies, and the ops that put them. On either thread, as open() is.
void Pipeline::seal(Batch& batch) {
  const TimePoint start = SteadyClock::now();
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    batch.troubles[i] = encode(batch.items[i], batch.slot + i, batch);
  }
  batch.coding = SteadyClock::now() - start;
}

/// Adds the value's op, or tells why there can be none.
std::string Pipeline::encode(const Item& value, std::size_t slot, Batch& batch) {
  const std::span<std::byte> payload = slots_.payload(slot).first(value.shape.bytes().count());
  std::span<std::byte> body = slots_.body(slot);
  if (body.data() == payload.data()) {
    body = payload;
  } else {
    const auto encoded = codec_->encode(value.shape, payload, body);
    if (!encoded) return encoded.error().message;
    body = body.first(*encoded);
  }
  const Key& key = lease_.blocks[value.block].key;
  write_header({plan_.codec.id(), static_cast<std::uint8_t>(value.shape.dtype), value.part, key.space, key.block,
                body.size(), payload.size(), body_checksum(body)},
               slots_.header(slot));
  batch.ops.push_back({Op::Kind::put, value.block, value.part, slots_.header(slot), body});
  return {};
}

void Pipeline::put(Batch& batch) {
  batch.done.clear();
  if (!batch.ops.empty()) move(batch, Phase::transfer_out);
}

void Pipeline::settle_sealed(const Batch& batch) {
  if (batch.items.empty()) return;
  spent(Phase::encode) += batch.coding;
  happened(Phase::encode);
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    if (batch.troubles[i].empty()) continue;
    ++delta_.ops;
    ++delta_.failed_ops;
    example(batch.items[i], "encode failed: " + batch.troubles[i]);
  }
}

void Pipeline::settle_puts(const Batch& batch) {
  if (batch.items.empty()) return;
  for (const Done& done : batch.done) {
    const Op& op = batch.ops[done.op];
    if (done.outcome == Done::Outcome::stored) {
      --missing_[op.block];
      value_bytes_[op.block] += ValueHeader::kBytes + op.body.size();
    } else if (done.outcome == Done::Outcome::failed) {
      ++delta_.failed_ops;
      example({op.block, op.part, {}}, "store failed: " + done.error);
    } else {
      accepted_[op.block] = false;  // the backend has no room for it after all
    }
  }
}

void Pipeline::example(const Item& of, std::string_view what) {
  if (examples_.size() >= kMaxErrorExamples) return;
  examples_.push_back(fmt::format("{}: {}", backend_.key_text(lease_.blocks[of.block].key, of.part), what));
}

}  // namespace kv
