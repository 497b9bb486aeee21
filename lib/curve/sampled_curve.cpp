#include "curve/sampled_curve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kv {
namespace {

constexpr double kThinTo = 0.75;
constexpr double kRing = 0x1.0p64;

/// The last hash of a stretch that begins at 0.
std::uint64_t last_of(double rate) {
  return rate >= 1 ? UINT64_MAX : std::max<std::uint64_t>(static_cast<std::uint64_t>(rate * kRing), 1) - 1;
}

std::uint64_t begin_of(const BlockSample& sample) {
  return sample.slice * (sample.slices > 1 ? UINT64_MAX / sample.slices : 0);
}

}  // namespace

Result<void> check_sample(const BlockSample& sample) {
  if (!(sample.rate > 0 && sample.rate <= 1)) {
    return error(Code::bad_input, fmt::format("a rate of {} is not a share above 0 and up to 1", sample.rate),
                 "write it like 0.01");
  }
  if (sample.slices == 0 || sample.slice >= sample.slices) {
    return error(Code::bad_input, fmt::format("there is no slice {} of {}", sample.slice + 1, sample.slices),
                 "slices are numbered from 1, as in 1/4 to 4/4");
  }
  if (sample.rate * sample.slices > 1 + 1e-12) {
    return error(Code::bad_input,
                 fmt::format("{} slices of {} of all blocks would overlap", sample.slices, sample.rate),
                 fmt::format("use a rate of at most {:.4g}", 1.0 / sample.slices));
  }
  if (sample.max_blocks < 1024) {
    return error(Code::bad_input, fmt::format("a sample of {} blocks says nothing", sample.max_blocks),
                 "allow at least 1024, which take about 100 KiB");
  }
  return {};
}

SampledCurve::SampledCurve(const BlockSample& sample)
    : sample_(sample),
      rate_(sample.rate),
      seed_(mix64(sample.seed)),
      begin_(begin_of(sample)),
      last_(last_of(sample.rate)),
      stack_(sample.max_blocks) {}

void SampledCurve::choose(std::span<const BlockId> ids) {
  chosen_.resize(ids.size());
  BlockId* end = chosen_.data();
  for (const BlockId id : ids) {  // no branch: which of them are chosen cannot be foreseen
    *end = id;
    end += sampled(id);
  }
  chosen_.resize(static_cast<std::size_t>(end - chosen_.data()));
}

void SampledCurve::add(std::span<const BlockId> ids, Tokens input, Tokens block_size) {
  refs_ += ids.size();
  tokens_ += input.count();
  choose(ids);
  while (held() + chosen_.size() > sample_.max_blocks && last_ > 0) {
    thin();
    std::erase_if(chosen_, [this](BlockId id) { return !sampled(id); });
  }
  if (chosen_.empty()) return;
  number_chosen();
  const bool with_last = chosen_.back() == ids.back();
  const auto tokens = [&](std::size_t index) {
    return with_last && index + 1 == chosen_.size() ? input - block_size * (ids.size() - 1) : block_size;
  };
  std::size_t known = 0;
  stack_.touch(chosen_numbers_, [&](const RecencyStack::Run& run) {
    for (std::size_t i = 0; i < run.count; ++i) count(run.index + i, run.position + i, tokens(run.index + i));
    known = run.index + run.count;
  });
  for (; known < chosen_.size(); ++known) count(known, std::nullopt, tokens(known));
}

void SampledCurve::number_chosen() {
  chosen_numbers_.clear();
  for (const BlockId id : chosen_) {
    DenseId number = numbers_.find({id});
    if (number == kNoHandle) {
      number = free_number();
      names_[number] = id;
      numbers_.insert({id}, number);
    }
    chosen_numbers_.push_back(number);
  }
}

DenseId SampledCurve::free_number() {
  if (free_.empty()) {
    names_.emplace_back();
    return static_cast<DenseId>(names_.size() - 1);
  }
  const DenseId number = free_.back();
  free_.pop_back();
  return number;
}

void SampledCurve::count(std::size_t index, std::optional<std::uint64_t> position, Tokens tokens) {
  const std::size_t part = mix64(~sample_.seed, chosen_[index]) % kParts;
  const double worth = 1 / rate_;
  Weight* weight = &missed_[part];
  if (position) {
    const double distance = std::max(1.0, static_cast<double>(*position) / rate_);
    const auto bin = static_cast<std::size_t>(std::log2(distance) * kSteps);
    if (bin >= bins_.size()) bins_.resize(bin + 1);
    weight = &bins_[bin][part];
  }
  weight->blocks += worth;
  weight->tokens += worth * static_cast<double>(tokens.count());
  ++sampled_refs_;
}

void SampledCurve::thin() {
  rate_ *= kThinTo;
  last_ = last_of(rate_);
  for (DenseId number = 0; number < names_.size(); ++number) {
    if (!stack_.contains(number) || sampled(names_[number])) continue;
    stack_.erase(number);
    numbers_.erase({names_[number]});
    free_.push_back(number);
  }
}

// Of each part, which stands for the whole: 1 - what it misses, against what there is. So references that the part has
// too many or too few of are hits.
std::vector<SampledCurve::Weight> SampledCurve::hit_rates(double capacity) const {
  const double edge = capacity < 1 ? 0 : std::log2(capacity) * kSteps;
  Parts missed = missed_;
  for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
    // Distance 1 is a hit of any cache; within the bin that the capacity falls into, a part of it.
    const double beyond = capacity < 1 ? 1 : std::clamp(static_cast<double>(bin) + 1 - edge, 0.0, 1.0) * (bin > 0);
    if (beyond == 0) continue;
    for (std::size_t part = 0; part < kParts; ++part) {
      missed[part].blocks += beyond * bins_[bin][part].blocks;
      missed[part].tokens += beyond * bins_[bin][part].tokens;
    }
  }
  std::vector<Weight> out(kParts);
  for (std::size_t part = 0; part < kParts; ++part) {
    out[part] = {1 - kParts * missed[part].blocks / static_cast<double>(refs_),
                 1 - kParts * missed[part].tokens / static_cast<double>(tokens_)};
  }
  return out;
}

EstimatedHits SampledCurve::at(Blocks capacity) const {
  EstimatedHits out;
  if (refs_ == 0) return out;
  constexpr double kStudent = 2.13, kNormal = 1.96;  // 95 %, of 15 degrees of freedom and of many
  const auto size = static_cast<double>(capacity.count());
  const auto mean = [](const std::vector<Weight>& parts) {
    Weight sum;
    for (const Weight& w : parts) sum = {sum.blocks + w.blocks / kParts, sum.tokens + w.tokens / kParts};
    return sum;
  };
  const std::vector<Weight> parts = hit_rates(size);
  const Weight middle = mean(parts);
  Weight squares;
  for (const Weight& w : parts) {
    squares.blocks += (w.blocks - middle.blocks) * (w.blocks - middle.blocks);
    squares.tokens += (w.tokens - middle.tokens) * (w.tokens - middle.tokens);
  }
  const double stretch = std::min(0.9, kNormal / std::sqrt(std::max(size * rate_, 1.0)));
  const Weight less = mean(hit_rates(size * (1 - stretch))), more = mean(hit_rates(size * (1 + stretch)));
  const auto width = [&](double sum_of_squares, double slope) {
    const double left_out = std::sqrt(1 - rate_);  // of a population that is finite: nothing at rate 1
    return left_out * std::hypot(kStudent * std::sqrt(sum_of_squares / (kParts - 1) / kParts), slope / 2);
  };
  out.block_hit_rate = std::clamp(middle.blocks, 0.0, 1.0);
  out.token_hit_rate = std::clamp(middle.tokens, 0.0, 1.0);
  out.block_error = width(squares.blocks, more.blocks - less.blocks);
  out.token_error = width(squares.tokens, more.tokens - less.tokens);
  return out;
}

}  // namespace kv
