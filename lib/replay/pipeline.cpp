#include "replay/pipeline.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "replay/memory_fit.hpp"

namespace kv {
namespace {

constexpr std::chrono::hours kNever{24 * 365};

using SteadyClock = std::chrono::steady_clock;

bool always_identity(const Codec& codec, const KvGeometry& geometry) {
  return std::all_of(geometry.parts().begin(), geometry.parts().end(),
                     [&](const KvPart& part) { return codec.identity(part.per_token); });
}

struct SlotSizes {
  std::size_t count, payload_bytes, body_bytes;
  bool shared;
};

SlotSizes slot_sizes(const ReplayPlan& plan, const Codec& codec) {
  SlotSizes sizes{1, std::max<std::size_t>(plan.geometry->max_part().count(), 1), 1, false};
  for (const KvPart& part : plan.geometry->parts()) {
    sizes.body_bytes = std::max(sizes.body_bytes, codec.bound(part.shape(Tokens(0), plan.workload->block_size())));
  }
  sizes.count = std::clamp<std::size_t>(plan.window.count() / sizes.payload_bytes, 1, kMaxWindowValues);
  sizes.shared = always_identity(codec, *plan.geometry);
  return sizes;
}

Slots make_slots(const ReplayPlan& plan, const Codec& codec) {
  const SlotSizes sizes = slot_sizes(plan, codec);
  return {sizes.count, sizes.payload_bytes, sizes.body_bytes, sizes.shared};
}

}  // namespace

Pipeline::Pipeline(const ReplayPlan& plan, const Backend& backend, Session& session, std::unique_ptr<Codec> codec,
                   const PayloadSource& payloads, std::uint64_t space)
    : plan_(plan),
      backend_(backend),
      session_(session),
      codec_(std::move(codec)),
      payloads_(payloads),
      space_(space),
      on_device_(backend.capabilities().device_memory),
      slots_(make_slots(plan, *codec_)) {}

std::size_t Pipeline::memory_bytes(const ReplayPlan& plan, const Codec& codec) {
  const SlotSizes sizes = slot_sizes(plan, codec);
  return sizes.count * (sizes.payload_bytes + (sizes.shared ? 0 : sizes.body_bytes)) + sizes.payload_bytes;
}

Pipeline::Item Pipeline::item(std::size_t block, std::size_t part) const {
  return {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(part),
          plan_.geometry->parts()[part].shape(before(block), in_block(block))};
}

void Pipeline::serve(std::size_t index, std::uint32_t engine_blocks, bool record_it, const std::atomic<bool>& stop) {
  request_ = (*plan_.workload)[index];
  spent_.fill(Duration(0));
  happened_.fill(false);
  delta_ = {};
  stopped_ = false;
  look_up();
  hit_end_ = engine_blocks;
  if (lease_.leading > engine_blocks) fetch(engine_blocks, lease_.leading, stop);
  store(stop);
  const TimePoint stored = SteadyClock::now();
  session_.finish(lease_);
  spent(Phase::transfer_out) += SteadyClock::now() - stored;
  if (record_it && !stopped_) {
    record(engine_blocks);
  } else {
    record_trouble();
  }
}

void Pipeline::look_up() {
  refs_.clear();
  for (std::size_t i = 0; i < request_.blocks.size(); ++i) {
    std::size_t bytes = 0;
    for (const KvPart& part : plan_.geometry->parts()) bytes += codec_->bound(part.shape(before(i), in_block(i)));
    refs_.push_back({{space_, plan_.workload->id(request_.blocks[i])}, bytes});
  }
  const TimePoint start = SteadyClock::now();
  const auto found = session_.acquire(refs_, lease_);
  spent(Phase::lookup) = SteadyClock::now() - start;
  happened(Phase::lookup);
  ++delta_.ops;
  lookup_failed_ = !found.has_value();
  if (lookup_failed_ && found.error().code != Code::interrupted) {
    ++delta_.failed_ops;
    if (examples_.size() < kMaxErrorExamples) examples_.push_back("lookup failed: " + found.error().message);
  }
}

/// Blocks [from, to) are there. Where a fetch comes up short the hit ends in front of the gap; a model with windows
/// or states then has no point to resume at, so nothing of the fetch counts.
void Pipeline::fetch(std::size_t from, std::size_t to, const std::atomic<bool>& stop) {
  const auto& parts = plan_.geometry->parts();
  const Tokens n = std::min(before(to), request_.input);
  items_.clear();
  for (std::size_t block = from; block < to; ++block) {
    for (std::size_t p = 0; p < parts.size(); ++p) {
      if (block + plan_.geometry->needed_blocks(parts[p], n) >= to) items_.push_back(item(block, p));
    }
  }
  hit_end_ = to;
  const std::span<const Item> all = items_;
  for (std::size_t at = 0; at < all.size() && !stopped(stop); at += slots_.count()) {
    if (!fetch_window(all.subspan(at, std::min(slots_.count(), all.size() - at)))) break;
  }
  if (stopped_) return;
  const bool resumable_anywhere = std::none_of(parts.begin(), parts.end(), [](const KvPart& p) { return p.tail(); });
  if (hit_end_ < to && !resumable_anywhere) hit_end_ = from;
  if (on_device_ || hit_end_ == from) return;
  for (const Item& moved : items_) {
    if (moved.block < hit_end_) delta_.uploaded_bytes += moved.shape.bytes().count() * parts[moved.part].upload_copies;
  }
  spent(Phase::upload) = modelled_upload(plan_.gpu, plan_.gpus, Bytes(delta_.uploaded_bytes));
  happened(Phase::upload);
}

/// Submits ops_ and waits for all of them; results are in done_.
void Pipeline::move(Phase phase) {
  done_.clear();
  const TimePoint start = SteadyClock::now();
  session_.submit(lease_, ops_, start + kNever);
  while (done_.size() < ops_.size()) session_.poll(done_, start + kNever);
  spent(phase) += SteadyClock::now() - start;
  happened(phase);
  delta_.ops += ops_.size();
}

bool Pipeline::fetch_window(std::span<const Item> items) {
  ops_.clear();
  for (std::size_t i = 0; i < items.size(); ++i) {
    ops_.push_back({Op::Kind::get, items[i].block, items[i].part, slots_.header(i), slots_.body(i)});
  }
  move(Phase::transfer_in);
  bool whole = true;
  for (const Done& done : done_) {
    if (take(items[done.op], done, done.op)) continue;
    hit_end_ = std::min<std::size_t>(hit_end_, items[done.op].block);
    whole = false;
  }
  return whole;
}

bool Pipeline::take(const Item& want, const Done& done, std::size_t slot) {
  if (done.outcome == Done::Outcome::miss) return false;     // evicted since the lookup
  if (done.outcome == Done::Outcome::skipped) return false;  // the run is to stop
  if (done.outcome == Done::Outcome::failed) {
    ++delta_.failed_ops;
    example(want, "fetch failed: " + done.error);
    return false;
  }
  const std::string trouble = done.outcome == Done::Outcome::hit ? open_value(want, slot, done) : done.error;
  if (trouble.empty()) return true;
  ++delta_.corrupt_values;
  example(want, "corrupt value: " + trouble);
  return false;
}

/// Body -> payload in the slot; what is wrong with the value, or nothing.
std::string Pipeline::open_value(const Item& want, std::size_t slot, const Done& done) {
  const std::span<std::byte> payload = slots_.payload(slot).first(want.shape.bytes().count());
  const TimePoint start = SteadyClock::now();
  std::string trouble =
      decode(want, slots_.header(slot), slots_.body(slot).first(done.body_bytes), done.body_xxh3, payload);
  spent(Phase::decode) += SteadyClock::now() - start;
  happened(Phase::decode);
  if (!trouble.empty() || !plan_.verify) return trouble;
  delta_.verified_bytes += payload.size();
  const Tolerance tolerance = codec_->tolerance(want.shape.dtype);
  const Key& key = lease_.blocks[want.block].key;
  if (payloads_.verify(key, want.part, want.shape, payload, tolerance, scratch_)) return {};
  return "its payload is not what was stored";
}

std::string Pipeline::decode(const Item& want, std::span<const std::byte, ValueHeader::kBytes> head,
                             std::span<const std::byte> body, std::optional<std::uint64_t> body_xxh3,
                             std::span<std::byte> payload) {
  const Key& key = lease_.blocks[want.block].key;
  const auto header = read_header(head);
  if (!header) return header.error().message;
  if (header->space != key.space || header->block != key.block || header->part != want.part) {
    return "it is the value of another key";
  }
  if (header->codec != plan_.codec.row->number || header->dtype != static_cast<std::uint8_t>(want.shape.dtype) ||
      header->payload_bytes != payload.size() || header->body_bytes != body.size()) {
    return "codec, dtype or sizes in its header are not those of this run";
  }
  if (header->body_xxh3 != (body_xxh3 ? *body_xxh3 : body_checksum(body)))
    return "its bytes do not match their checksum";
  if (body.data() == payload.data()) return {};
  const auto decoded = codec_->decode(want.shape, body, payload);
  return decoded ? std::string() : decoded.error().message;
}

void Pipeline::store(const std::atomic<bool>& stop) {
  missing_.assign(request_.blocks.size(), 0);
  accepted_.assign(request_.blocks.size(), false);
  if (lookup_failed_ || stopped(stop)) return;
  const TimePoint start = SteadyClock::now();
  session_.admit(lease_, accepted_);
  spent(Phase::transfer_out) += SteadyClock::now() - start;
  happened(Phase::transfer_out);
  items_.clear();
  for (std::size_t block = 0; block < accepted_.size(); ++block) {
    if (!accepted_[block]) continue;
    for (std::size_t p = 0; p < plan_.geometry->parts().size(); ++p) items_.push_back(item(block, p));
    missing_[block] = static_cast<std::uint32_t>(plan_.geometry->parts().size());
  }
  const std::span<const Item> all = items_;
  for (std::size_t at = 0; at < all.size() && !stopped(stop); at += slots_.count()) {
    store_window(all.subspan(at, std::min(slots_.count(), all.size() - at)));
  }
  if (on_device_ || items_.empty()) return;
  std::uint64_t bytes = 0;
  for (const Item& moved : items_) bytes += moved.shape.bytes().count();
  spent(Phase::download) = modelled_upload(plan_.gpu, plan_.gpus, Bytes(bytes));
  happened(Phase::download);
}

void Pipeline::store_window(std::span<const Item> items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::span<std::byte> payload = slots_.payload(i).first(items[i].shape.bytes().count());
    payloads_.fill(lease_.blocks[items[i].block].key, items[i].part, items[i].shape, payload);
  }
  ops_.clear();
  const TimePoint start = SteadyClock::now();
  for (std::size_t i = 0; i < items.size(); ++i) encode(items[i], i);
  spent(Phase::encode) += SteadyClock::now() - start;
  happened(Phase::encode);
  if (ops_.empty()) return;
  move(Phase::transfer_out);
  for (const Done& done : done_) {
    const Op& op = ops_[done.op];
    if (done.outcome == Done::Outcome::stored) {
      --missing_[op.block];
      delta_.stored_value_bytes += ValueHeader::kBytes + op.body.size();
    } else if (done.outcome == Done::Outcome::failed) {
      ++delta_.failed_ops;
      example({op.block, op.part, {}}, "store failed: " + done.error);
    }
  }
}

/// Payload in the slot -> header and body, and the op that puts them.
void Pipeline::encode(const Item& value, std::size_t slot) {
  const std::span<std::byte> payload = slots_.payload(slot).first(value.shape.bytes().count());
  std::span<std::byte> body = slots_.body(slot);
  if (body.data() == payload.data()) {
    body = payload;
  } else {
    const auto encoded = codec_->encode(value.shape, payload, body);
    if (!encoded) {
      ++delta_.ops;
      ++delta_.failed_ops;
      example(value, "encode failed: " + encoded.error().message);
      return;
    }
    body = body.first(*encoded);
  }
  const Key& key = lease_.blocks[value.block].key;
  write_header({plan_.codec.row->number, static_cast<std::uint8_t>(value.shape.dtype), value.part, key.space, key.block,
                body.size(), payload.size(), body_checksum(body)},
               slots_.header(slot));
  ops_.push_back({Op::Kind::put, value.block, value.part, slots_.header(slot), body});
}

void Pipeline::example(const Item& of, std::string_view what) {
  if (examples_.size() >= kMaxErrorExamples) return;
  examples_.push_back(fmt::format("{}: {}", backend_.key_text(lease_.blocks[of.block].key, of.part), what));
}

}  // namespace kv
