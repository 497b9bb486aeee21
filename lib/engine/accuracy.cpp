#include "engine/accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/random.hpp"
#include "engine/logits.hpp"

namespace kv {
namespace {

/// One value of the prefix as the engine made it.
struct Original {
  KvPlace place;
  PayloadShape shape;
  std::vector<std::byte> payload;
};

/// Sums of one codec over prompts.
struct Sums {
  CodecAccuracy out;
  double abs = 0, kl = 0, nll = 0, reference_nll = 0;
  std::uint64_t logits = 0, same = 0, predicted = 0, payload_bytes = 0, body_bytes = 0;
};

class Measurement {
 public:
  Measurement(Engine& engine, const KvGeometry& geometry, const AccuracyPlan& plan)
      : engine_(engine), geometry_(geometry), plan_(plan), random_(plan.seed) {}

  /// The next prompt: its prefix's KV, and the logits behind it.
  Result<void> begin(std::uint64_t prompt);
  /// The same behind KV that went through the codec.
  Result<void> compare(Codec& codec, Sums& sums);

 private:
  Result<std::vector<float>> continue_prompt();
  Result<void> restore(Codec& codec, Sums& sums);

  Engine& engine_;
  const KvGeometry& geometry_;
  const AccuracyPlan& plan_;
  Random random_;
  std::vector<std::uint32_t> tokens_;
  std::vector<Original> originals_;
  std::vector<float> reference_;
  std::vector<std::byte> body_, decoded_;
};

Result<void> Measurement::begin(std::uint64_t prompt) {
  const std::uint64_t length = (plan_.prefix + plan_.continued).count(), block = geometry_.block_size().count();
  tokens_.resize(length);
  for (std::uint64_t i = 0; i < length; ++i) {
    tokens_[i] = plan_.tokens.empty() ? static_cast<std::uint32_t>(random_.below(engine_.vocab()))
                                      : plan_.tokens[(prompt * length + i) % plan_.tokens.size()];
  }
  const auto computed = engine_.prefill(std::span(tokens_).first(plan_.prefix.count()), Tokens(0), {});
  if (!computed) return error(computed);
  originals_.clear();
  for (std::uint64_t first = 0; first < plan_.prefix.count(); first += block) {
    const Tokens before(first), in_block(std::min(block, plan_.prefix.count() - first));
    for (std::size_t part = 0; part < geometry_.parts().size(); ++part) {
      Original value{place_of(geometry_, part, before, in_block), geometry_.parts()[part].shape(before, in_block), {}};
      value.payload.resize(value.shape.bytes().count());
      const auto read = engine_.read_kv(value.place, value.payload);
      if (!read) return error(read);
      originals_.push_back(std::move(value));
    }
  }
  auto logits = continue_prompt();
  if (!logits) return error(logits);
  reference_ = std::move(*logits);
  return {};
}

Result<std::vector<float>> Measurement::continue_prompt() {
  std::vector<float> logits(plan_.continued.count() * engine_.vocab());
  const auto computed = engine_.prefill(std::span(tokens_).subspan(plan_.prefix.count()), plan_.prefix, logits);
  if (!computed) return error(computed);
  return logits;
}

Result<void> Measurement::restore(Codec& codec, Sums& sums) {
  for (const Original& value : originals_) {
    body_.resize(codec.bound(value.shape));
    decoded_.resize(value.payload.size());
    const auto bytes = codec.encode(value.shape, value.payload, body_);
    if (!bytes) return error(bytes);
    const auto decoded = codec.decode(value.shape, std::span(body_).first(*bytes), decoded_);
    if (!decoded) return error(decoded);
    const auto written = engine_.write_kv(value.place, decoded_);
    if (!written) return error(written);
    sums.payload_bytes += value.payload.size();
    sums.body_bytes += *bytes;
  }
  return {};
}

Result<void> Measurement::compare(Codec& codec, Sums& sums) {
  if (auto restored = restore(codec, sums); !restored) return restored;
  const auto logits = continue_prompt();
  if (!logits) return error(logits);
  sums.out.identical =
      sums.out.identical && std::memcmp(logits->data(), reference_.data(), logits->size() * sizeof(float)) == 0;
  const std::uint64_t vocab = engine_.vocab(), positions = plan_.continued.count();
  for (std::uint64_t i = 0; i < positions; ++i) {
    const auto want = std::span(reference_).subspan(i * vocab, vocab);
    const auto got = std::span(*logits).subspan(i * vocab, vocab);
    const LogitDifference d = logit_difference(want, got);
    sums.out.max_abs = std::max(sums.out.max_abs, d.max_abs);
    sums.abs += d.sum_abs;
    sums.kl += d.kl_divergence;
    sums.same += d.same_token;
    ++sums.out.positions;
    sums.logits += vocab;
    if (i + 1 == positions) continue;
    const std::uint32_t next = tokens_[plan_.prefix.count() + i + 1];
    sums.nll += negative_log_likelihood(got, next);
    sums.reference_nll += negative_log_likelihood(want, next);
    ++sums.predicted;
  }
  return {};
}

CodecAccuracy means_of(const Sums& sums) {
  const auto mean = [](double sum, std::uint64_t count) { return count == 0 ? 0 : sum / static_cast<double>(count); };
  CodecAccuracy out = sums.out;
  out.mean_abs = mean(sums.abs, sums.logits);
  out.kl_divergence = mean(sums.kl, out.positions);
  out.top1_agreement = mean(static_cast<double>(sums.same), out.positions);
  out.perplexity = std::exp(mean(sums.nll, sums.predicted));
  out.reference_perplexity = std::exp(mean(sums.reference_nll, sums.predicted));
  out.ratio = mean(static_cast<double>(sums.payload_bytes), sums.body_bytes);
  return out;
}

}  // namespace

Result<std::vector<CodecAccuracy>> measure_accuracy(
    Engine& engine, const KvGeometry& geometry, std::span<const CodecSpec> codecs, const AccuracyPlan& plan,
    const std::atomic<bool>& stop, const std::function<void(std::size_t done, std::size_t all)>& progress) {
  if (plan.prompts == 0 || plan.prefix == Tokens(0) || plan.continued == Tokens(0)) {
    return error(Code::bad_input, "accuracy needs prompts with a prefix and tokens behind it");
  }
  if (plan.prefix + plan.continued > engine.max_tokens()) {
    return error(Code::bad_input, "prompts are longer than the engine was made for");
  }
  std::vector<std::unique_ptr<Codec>> made;
  std::vector<Sums> sums(codecs.size());
  for (std::size_t c = 0; c < codecs.size(); ++c) {
    auto codec = codecs[c].make();
    if (!codec) return error(codec);
    sums[c].out.codec = codecs[c].text;
    sums[c].out.lossless = (*codec)->tolerance(geometry.dtype()).exact();
    made.push_back(std::move(*codec));
  }
  Measurement measurement(engine, geometry, plan);
  std::size_t done = 0;
  for (std::uint64_t prompt = 0; prompt < plan.prompts && !stop; ++prompt) {
    if (auto begun = measurement.begin(prompt); !begun) return error(begun);
    for (std::size_t c = 0; c < codecs.size(); ++c) {
      if (auto compared = measurement.compare(*made[c], sums[c]); !compared) {
        return error(compared.error().code, codecs[c].text + ": " + compared.error().message, compared.error().hint);
      }
      if (progress) progress(++done, plan.prompts * codecs.size());
    }
  }
  std::vector<CodecAccuracy> out;
  for (const Sums& of_codec : sums) {
    if (of_codec.out.positions != 0) out.push_back(means_of(of_codec));
  }
  return out;
}

Result<std::vector<std::uint32_t>> parse_token_ids(std::string_view text, std::uint32_t vocab,
                                                   const std::string& name) {
  std::vector<std::uint32_t> out;
  std::size_t line = 1;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    line += c == '\n';
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == ',') {
      ++at;
      continue;
    }
    std::uint32_t id = 0;
    const auto [end, failed] = std::from_chars(text.data() + at, text.data() + text.size(), id);
    if (failed != std::errc() || id >= vocab) {
      return error(Code::bad_input, fmt::format("{}:{}: not a token id below {}", name, line, vocab),
                   "write ids as your tokenizer gives them, with blanks or commas between");
    }
    out.push_back(id);
    at = static_cast<std::size_t>(end - text.data());
  }
  if (out.empty()) return error(Code::bad_input, fmt::format("{}: no token ids", name));
  return out;
}

}  // namespace kv
